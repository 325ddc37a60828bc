"""An integer network laid out for the engine: padded, transposed, and in the words that it proves exact."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.layers import Arithmetic, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.fast import native
from brf_hardware.fast.widths import common_zeros, drive_bytes, rotation_bytes, sum_bytes, weight_bytes

# Neurons and targets are padded to this many: one vector of the narrowest loop.
LANES = 16
PAIRED = 2 * LANES  # the weights of as many targets lie together where they are paired


@dataclass(frozen=True, eq=False)
class Plan:
    """`structure` points into `arrays`, which it must not outlive."""

    structure: native.Network
    arrays: tuple[npt.NDArray[Any], ...]


def make_plan(network: IntegerNetwork) -> Plan:
    """Lay a network out; raises `Unsupported` where an intermediate could need more than 53 bits."""
    layout = _Layout()
    layers = [layout.layer(network, index) for index in range(len(network.layers))]
    readout = network.readout
    structure = native.Network(
        layers=(native.Layer * len(layers))(*layers),
        layer_count=len(layers),
        inputs=network.inputs,
        outputs=network.outputs,
        readout=layout.synapses(readout.weight, readout.fraction, 1, 8),
        alpha=layout.padded(1 - np.ldexp(readout.leak, -readout.leak_exponent)),
        limit=network.arithmetic.limit,
    )
    return Plan(structure, tuple(layout.arrays))


def largest_drive(network: IntegerNetwork, index: int) -> int:
    """Largest magnitude that all synapses of a layer deliver together to a neuron, in units of its state."""
    layer, message = network.layers[index], network.largest_message(index)
    drive = layer.input.largest_sum(network.input_fraction(index), message)
    if layer.recurrent is not None:
        drive += layer.recurrent.largest_sum(layer.state_fraction, 1)
    return drive


class _Layout:
    """Makes the arrays of a network and keeps them."""

    def __init__(self) -> None:
        self.arrays: list[npt.NDArray[Any]] = []

    def layer(self, network: IntegerNetwork, index: int) -> native.Layer:
        layer, arithmetic = network.layers[index], network.arithmetic
        refractory, drive = layer.refractory, largest_drive(network, index)
        width = rotation_bytes(layer, arithmetic, drive)
        recurrent = native.Synapses()
        if layer.recurrent is not None:
            recurrent = self.synapses(layer.recurrent, layer.state_fraction, 1, drive_bytes(drive))
        keep, rotation = _coefficients(layer, arithmetic, width)
        return native.Layer(
            input=self.synapses(
                layer.input, network.input_fraction(index), network.largest_message(index), drive_bytes(drive)
            ),
            recurrent=recurrent,
            keep=self.padded(keep, _word(width)),
            rotation=self.padded(rotation, _word(width)),
            neurons=layer.count,
            threshold=layer.threshold,
            decay=refractory.decay,
            gain=refractory.gain,
            state_fraction=layer.state_fraction,
            fraction=arithmetic.accumulator_fraction - common_zeros(layer, arithmetic),
            reset_fraction=arithmetic.reset_fraction,
            decay_exponent=refractory.decay_exponent,
            gain_shift=refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction),
            rotation_bytes=width,
        )

    def synapses(self, synapses: Synapses, fraction: int, message: int, drive: int) -> native.Synapses:
        width, total = weight_bytes(synapses), sum_bytes(synapses, message)
        fan_out = np.count_nonzero(synapses.mantissa, axis=0).astype(np.int64)
        self.arrays.append(fan_out)
        pairs = width == 1 and total < 8 and message == 1
        rows = _paired(synapses.mantissa.T) if pairs else synapses.mantissa.T
        return native.Synapses(
            weight=self.padded(rows, "u1" if pairs else f"i{width}"),
            scale=self.padded(_scale(synapses, fraction), _word(drive)),
            fan_out=native.address(fan_out),
            targets=_whole(synapses.targets, LANES),
            row=_whole(synapses.targets, PAIRED if pairs else LANES),
            weight_bytes=width,
            sum_bytes=total,
            graded=message > 1,
            paired=pairs,
            drive_bytes=drive,
        )

    def padded(self, values: npt.NDArray[Any], dtype: str = "f8") -> int:
        """Keep `values` with a last axis of whole vectors; returns where they lie."""
        *rows, count = values.shape
        array = native.aligned((*rows, _whole(count, LANES)), dtype)
        array[..., :count] = values
        self.arrays.append(array)
        return native.address(array)


def _whole(count: int, group: int) -> int:
    return -(-count // group) * group


def _word(width: int) -> str:
    return "i4" if width == 4 else "f8"


def _coefficients(layer: ResonatorLayer, arithmetic: Arithmetic, width: int) -> tuple[npt.NDArray[Any], ...]:
    """``1 - d`` and w: reals where states are float64, else integers without the zeros that they have in common."""
    fraction = arithmetic.accumulator_fraction
    damping, rotation = layer.coefficients(arithmetic)
    integers = ((1 << fraction) - damping, rotation)
    if width == 4:
        return tuple(each >> common_zeros(layer, arithmetic) for each in integers)
    return tuple(np.ldexp(each, -fraction) for each in integers)


def _scale(synapses: Synapses, fraction: int) -> npt.NDArray[np.float64]:
    """2**shift of each target; 0 where it has no weights, since then no bound on its sums holds the shift down."""
    return np.ldexp(synapses.mantissa.any(axis=1).astype(np.float64), synapses.shift(fraction))


def _paired(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Weights (sources, targets) as synapses.hpp wants pairs: of 32 targets, i beside 16 + i, plus 128."""
    sources, targets = rows.shape
    blocks = _whole(targets, PAIRED) // PAIRED
    biased = np.full((sources, blocks * PAIRED), 128, np.uint8)
    biased[:, :targets] = rows + 128
    return biased.reshape(sources, blocks, 2, LANES).swapaxes(2, 3).reshape(sources, blocks * PAIRED)
