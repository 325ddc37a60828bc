"""An integer network laid out for the engine: padded, transposed, and proved to be exact in the words it uses."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.certificate import largest_reset
from brf_deploy.errors import Unsupported
from brf_deploy.fixed_point import EXACT_BITS
from brf_deploy.layers import Arithmetic, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.fast import native

# Neurons and targets are padded to this many: one vector of the narrowest loop.
LANES = 16


@dataclass(frozen=True, eq=False)
class Plan:
    """`structure` points into `arrays`, which it must not outlive."""

    structure: native.Network
    arrays: tuple[npt.NDArray[Any], ...]


def make_plan(network: IntegerNetwork) -> Plan:
    """Lay a network out; raises `Unsupported` where an intermediate could need more than 53 bits.

    That happens to no certified network: the certificate keeps ``|A|`` and W below 2**f, and the network's own checks
    bound everything else.
    """
    layout = _Layout()
    layers = [layout.layer(network, index) for index in range(len(network.layers))]
    readout = network.readout
    structure = native.Network(
        layers=(native.Layer * len(layers))(*layers),
        layer_count=len(layers),
        inputs=network.inputs,
        outputs=network.outputs,
        readout=layout.synapses(readout.weight, readout.fraction, 1),
        alpha=layout.padded(1 - np.ldexp(readout.leak, -readout.leak_exponent)),
        limit=network.arithmetic.limit,
    )
    return Plan(structure, tuple(layout.arrays))


def sum_bytes(synapses: Synapses, message: int) -> int:
    """Bytes of the narrowest word that holds every partial sum of a row: 2 or 4 (integers), 8 (float64)."""
    largest = int(np.abs(synapses.mantissa).sum(axis=1).max(initial=0)) * message
    for width in (2, 4):
        if largest < 1 << (8 * width - 1):
            return width
    return 8


def weight_bytes(synapses: Synapses) -> int:
    """1 where every weight fits a signed byte, else 2; no network has wider ones."""
    mantissa = synapses.mantissa
    return 1 if mantissa.min(initial=0) >= -128 and mantissa.max(initial=0) <= 127 else 2


def check_rotation(layer: ResonatorLayer, arithmetic: Arithmetic) -> None:
    """Refuse a layer of which ``|A u| + |W v|`` could reach 2**53; A is linear in C, so the ends of C decide."""
    one = 1 << arithmetic.accumulator_fraction
    rest = 1 - np.ldexp(layer.damping, -layer.damping_exponent)
    reset = largest_reset(layer.refractory, layer.state_fraction, arithmetic) / one
    rotation = np.abs(np.ldexp(layer.rotation, -layer.rotation_exponent))
    reach = np.maximum(np.abs(rest), np.abs(rest - reset)) + rotation
    largest = float(reach.max(initial=0.0)) * one * arithmetic.limit
    if largest >= 1 << EXACT_BITS:
        raise Unsupported(
            f"layer '{layer.name}', backend 'fast': the rotation of neuron {int(reach.argmax())} can need "
            f"{int(largest).bit_length()} bits, exact are {EXACT_BITS}; a certified network never does, so quantise it "
            "inside the divergence boundary, or run it on backend 'reference'"
        )


class _Layout:
    """Makes the arrays of a network and keeps them."""

    def __init__(self) -> None:
        self.arrays: list[npt.NDArray[Any]] = []

    def layer(self, network: IntegerNetwork, index: int) -> native.Layer:
        layer, arithmetic = network.layers[index], network.arithmetic
        check_rotation(layer, arithmetic)
        refractory = layer.refractory
        gain_shift = refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction)
        recurrent = native.Synapses()
        if layer.recurrent is not None:
            recurrent = self.synapses(layer.recurrent, layer.state_fraction, 1)
        return native.Layer(
            input=self.synapses(layer.input, network.input_fraction(index), network.largest_message(index)),
            recurrent=recurrent,
            keep=self.padded(1 - np.ldexp(layer.damping, -layer.damping_exponent)),
            rotation=self.padded(np.ldexp(layer.rotation, -layer.rotation_exponent)),
            threshold=layer.threshold,
            spike=2.0**layer.state_fraction,
            decay=refractory.decay * 2.0**-refractory.decay_exponent,
            gain=refractory.gain * 2.0**-gain_shift,
            reset_unit=2.0**-arithmetic.reset_fraction,
            neurons=layer.count,
        )

    def synapses(self, synapses: Synapses, fraction: int, message: int) -> native.Synapses:
        width = weight_bytes(synapses)
        fan_out = np.count_nonzero(synapses.mantissa, axis=0).astype(np.int64)
        self.arrays.append(fan_out)
        return native.Synapses(
            weight=self.padded(synapses.mantissa.T, f"i{width}"),
            scale=self.padded(np.ldexp(1.0, synapses.shift(fraction))),
            fan_out=native.address(fan_out),
            targets=-(-synapses.targets // LANES) * LANES,
            weight_bytes=width,
            sum_bytes=sum_bytes(synapses, message),
            graded=message > 1,
        )

    def padded(self, values: npt.NDArray[Any], dtype: str = "f8") -> int:
        """Keep `values` with a last axis of whole vectors; returns where they lie."""
        *rows, count = values.shape
        array = native.aligned((*rows, -(-count // LANES) * LANES), dtype)
        array[..., :count] = values
        self.arrays.append(array)
        return native.address(array)
