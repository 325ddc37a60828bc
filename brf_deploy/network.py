"""The integer network: what a deployed network is. Every backend computes exactly `brf_deploy.reference` from it.

A frozen object whose every check runs when it is made, the stability certificate included: a network with a neuron
outside the divergence boundary cannot be constructed, loaded or exported.
"""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import check_length, check_range
from brf_deploy.certificate import certify, largest_reset
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidNetwork
from brf_deploy.fixed_point import EXACT_BITS
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer, Synapses


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """A certified integer network: a chain of resonator layers and a readout.

    Raises `InvalidNetwork` where shapes, ranges or word widths do not fit, `CertificateViolation` where a neuron is
    not strictly inside the divergence boundary for every spike history.
    """

    task: str
    encoding: Encoding
    arithmetic: Arithmetic
    layers: tuple[ResonatorLayer, ...]
    readout: Readout
    skip_steps: int = 0

    def __post_init__(self) -> None:
        self._check_structure()
        certify(self)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return self.layers[0].input.sources

    @property
    def outputs(self) -> int:
        """Number of readout channels."""
        return self.readout.count

    def input_fraction(self, index: int) -> int:
        """Fraction bits to which layer `index` shifts its input sums: Fs, less g where messages are graded."""
        fraction = self.layers[index].state_fraction
        return fraction - self.encoding.graded_bits if index == 0 else fraction

    def largest_message(self, index: int) -> int:
        """Largest input message of layer `index`."""
        return self.encoding.maximum if index == 0 else 1

    def __repr__(self) -> str:
        a = self.arithmetic
        words = f"{a.weight_bits}-bit weights, {a.coefficient_bits}-bit coefficients, {a.state_bits}-bit states"
        parts = (*self.layers, self.readout)
        return "\n".join([f"{type(self).__name__} for '{self.task}', {words}", *(f"  {part!r}" for part in parts)])

    def _check_structure(self) -> None:
        if not self.layers:
            raise InvalidNetwork("network: no layer found, at least one needed")
        width = self.inputs
        for index, layer in enumerate(self.layers):
            check_length(f"layer '{layer.name}' input weights", layer.input.mantissa, width, 1)
            self._check_layer(index, layer)
            width = layer.count
        check_length("readout weights", self.readout.weight.mantissa, width, 1)
        self._check_readout()
        check_range("skip_steps", self.skip_steps, 0, 2**31)

    def _check_layer(self, index: int, layer: ResonatorLayer) -> None:
        arithmetic, name = self.arithmetic, f"layer '{layer.name}'"
        check_range(f"{name} state_fraction", layer.state_fraction, 1, arithmetic.state_bits - 1)
        check_range(f"{name} threshold", layer.threshold, 1, arithmetic.limit)
        check_range(f"{name} damping_exponent", layer.damping_exponent, 0, arithmetic.accumulator_fraction)
        check_range(f"{name} rotation_exponent", layer.rotation_exponent, 0, arithmetic.accumulator_fraction)
        gain_shift = layer.refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction)
        if gain_shift < 1:
            raise InvalidNetwork(
                f"{name}: state_fraction {layer.state_fraction} + gain_exponent {layer.refractory.gain_exponent} "
                f"do not exceed reset_fraction {arithmetic.reset_fraction}; lower reset_fraction"
            )
        bits, message = arithmetic.weight_bits, self.largest_message(index)
        drive = self._check_synapses(f"{name} input", layer.input, bits, self.input_fraction(index), message)
        if layer.recurrent is not None:
            drive += self._check_synapses(f"{name} recurrent", layer.recurrent, bits, layer.state_fraction, 1)
        largest_q = layer.refractory.largest(layer.state_fraction)
        widest = max(
            drive + arithmetic.limit,
            self._largest_coefficients(layer) * arithmetic.limit,
            largest_q * max(layer.refractory.decay, 2 * layer.refractory.gain) + (1 << gain_shift),
        )
        if widest >= 1 << EXACT_BITS or largest_q > arithmetic.limit:
            raise InvalidNetwork(
                f"{name}: an intermediate can need {widest.bit_length()} bits and q {largest_q.bit_length()}, the "
                f"limits are {EXACT_BITS} and {arithmetic.state_bits - 1}; lower state_fraction "
                f"({layer.state_fraction}) or the weights' scale"
            )

    def _largest_coefficients(self, layer: ResonatorLayer) -> int:
        """Largest ``|A| + |W|`` of a neuron, at rest or at full reset: what a rotated state is multiplied by."""
        damping, rotation = layer.coefficients(self.arithmetic)
        at_rest = (1 << self.arithmetic.accumulator_fraction) - damping
        reset = largest_reset(layer.refractory, layer.state_fraction, self.arithmetic)
        ends = np.maximum(np.abs(at_rest), np.abs(at_rest - reset))
        return int((ends + np.abs(rotation)).max(initial=0))

    def _check_synapses(self, name: str, synapses: Synapses, bits: int, fraction: int, message: int) -> int:
        top = 1 << (bits - 1)
        check_range(f"{name} weight", synapses.mantissa, -top, top - 1, f"the network declares {bits}-bit weights")
        check_range(f"{name} weight shift", synapses.shift(fraction), 0, 48, "lower the weight exponent")
        return synapses.largest_sum(fraction, message)

    def _check_readout(self) -> None:
        check_range("readout fraction", self.readout.fraction, 1, self.arithmetic.state_bits - 1)
        bits = self.arithmetic.readout_weight_bits
        drive = self._check_synapses("readout", self.readout.weight, bits, self.readout.fraction, 1)
        if drive + self.arithmetic.limit >= 1 << EXACT_BITS:
            raise InvalidNetwork(f"readout: a sum can need {drive.bit_length()} bits, the limit is {EXACT_BITS}")


class UncertifiedNetwork(IntegerNetwork):
    """A baseline (naive rounding, Lava's constants) kept only to show what goes wrong; exporters refuse it."""

    def __post_init__(self) -> None:
        self._check_structure()
