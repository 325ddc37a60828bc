"""State ranges from a float run over real data, which decide how many fraction bits the states get."""

import math
from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.float_network import FloatNetwork
from brf_deploy.float_reference import FloatRun, presented

# Largest state seen times this must fit: unseen samples reach beyond calibrated ones (arithmetic.md section 4).
HEADROOM = 1.5


@dataclass(frozen=True)
class Ranges:
    """Largest |u| or |v| of each layer and largest |y| of the readout, in units of theta = 1."""

    layers: tuple[float, ...]
    readout: float
    samples: int = 0

    def __post_init__(self) -> None:
        values = (*self.layers, self.readout)
        if not all(math.isfinite(value) and value >= 0 for value in values):
            raise InvalidInput(
                f"calibration: state ranges {values} are not finite; the float network diverges on this data "
                "(a resonate-and-fire layer with a pole outside the unit circle does)"
            )


def measure_ranges(network: FloatNetwork, inputs: Ints) -> Ranges:
    """Run messages (time, samples, inputs) through the float network in float32 and keep the largest magnitudes."""
    x = presented(network.encoding, network.inputs, inputs, np.float32)
    if x.size == 0:
        raise InvalidInput(f"calibration: messages of shape {x.shape} hold no sample; give at least one")
    run = FloatRun(network, x.shape[1], np.float32)
    layers, readout = [0.0] * len(network.layers), 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # Ranges refuses what overflows
        for step in x:
            run.step(step)
            for index, layer in enumerate(run.dynamics):
                largest = max(float(np.abs(layer.state[name]).max()) for name in ("u", "v") if name in layer.state)
                layers[index] = _larger(layers[index], largest)
            readout = _larger(readout, float(np.abs(run.y).max()))
    return Ranges(tuple(layers), readout, x.shape[1])


def _larger(a: float, b: float) -> float:
    """The larger of two numbers; NaN wins, so that divergence is not hidden."""
    return b if b > a or math.isnan(b) else a


def fraction_bits(largest: float, state_bits: int) -> int:
    """Fs: what a signed `state_bits` word has left when `largest` fits."""
    integer_bits = max(0, math.ceil(math.log2(max(largest, 1.0))))
    fraction = state_bits - 1 - integer_bits
    if fraction < 1:
        raise InvalidInput(
            f"state_bits {state_bits}: states up to {largest:.4g} need {integer_bits} integer bits and leave no "
            "fraction; give more state bits"
        )
    return fraction
