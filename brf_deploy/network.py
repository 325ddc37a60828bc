"""The integer network: what a deployed network is. Every backend computes exactly `brf_deploy.reference` from it.

A frozen object whose every check runs when it is made, the stability certificate included: a network with a neuron
outside the divergence boundary cannot be constructed, loaded or exported.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from brf_deploy.arrays import Ints, check_length, check_range, frozen_ints
from brf_deploy.certificate import certify, largest_reset
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidNetwork
from brf_deploy.fixed_point import EXACT_BITS, shift_up, symmetric_limit


@dataclass(frozen=True)
class Arithmetic:
    """Word widths and rounding rules, fields of the network and not habits of a backend.

    state_bits: S, signed word of u, v and readout. coefficient_bits: B, unsigned mantissas of damping and rotation.
    weight_bits, readout_weight_bits: signed synapses. accumulator_fraction: f, fraction of the rotation's coefficients.
    reset_fraction: fC, fraction of the refractory damping.
    """

    state_bits: int = 24
    coefficient_bits: int = 12
    weight_bits: int = 8
    readout_weight_bits: int = 8
    accumulator_fraction: int = 20
    reset_fraction: int = 15
    rounding: Literal["toward_zero"] = "toward_zero"
    overflow: Literal["saturate"] = "saturate"

    def __post_init__(self) -> None:
        check_range("state_bits", self.state_bits, 8, 32)
        check_range("coefficient_bits", self.coefficient_bits, 2, 16)
        check_range("weight_bits", self.weight_bits, 1, 16)
        check_range("readout_weight_bits", self.readout_weight_bits, 1, 16)
        check_range("accumulator_fraction", self.accumulator_fraction, 1, 24)
        check_range("reset_fraction", self.reset_fraction, 0, self.accumulator_fraction)
        if self.state_bits + self.accumulator_fraction > EXACT_BITS - 1:
            raise InvalidNetwork(
                f"state_bits {self.state_bits} + accumulator_fraction {self.accumulator_fraction} exceed "
                f"{EXACT_BITS - 1}: the rotation would no longer be exact in 64-bit and float64 words; lower one"
            )
        if self.rounding != "toward_zero" or self.overflow != "saturate":
            raise InvalidNetwork(
                f"rounding '{self.rounding}' with overflow '{self.overflow}': only 'toward_zero' with 'saturate' is "
                "passive (theorem T2); no other rule is supported"
            )

    @property
    def limit(self) -> int:
        """Largest magnitude of a state, ``2**(state_bits-1) - 1``."""
        return symmetric_limit(self.state_bits)


@dataclass(frozen=True, eq=False)
class Synapses:
    """Integer weights with one power-of-two exponent a row: ``weight = mantissa * 2**-exponent``.

    mantissa (targets, sources); exponent (targets,), may be negative.
    """

    mantissa: Ints
    exponent: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "mantissa", frozen_ints("weight mantissa", self.mantissa, 2))
        object.__setattr__(self, "exponent", frozen_ints("weight exponent", self.exponent, 1))
        check_length("weight exponent", self.exponent, self.targets)
        check_range("weight exponent", self.exponent, -32, 64)

    @property
    def targets(self) -> int:
        """Number of rows."""
        return int(self.mantissa.shape[0])

    @property
    def sources(self) -> int:
        """Number of columns."""
        return int(self.mantissa.shape[1])

    def shift(self, fraction: int) -> Ints:
        """Left shift per row that brings a sum of mantissas to `fraction` fraction bits."""
        return fraction - self.exponent

    def largest_sum(self, fraction: int, message: int) -> int:
        """Largest magnitude a row can deliver for messages up to `message`."""
        if self.mantissa.size == 0:
            return 0
        rows: list[int] = np.abs(self.mantissa).sum(axis=1).tolist()
        shifts: list[int] = self.shift(fraction).tolist()
        return max((row * message) << shift for row, shift in zip(rows, shifts, strict=True))


@dataclass(frozen=True)
class Refractory:
    """``q' = (q * decay >> decay_exponent) + (z << fraction)``; its damping is ``q * gain * 2**-gain_exponent``."""

    decay: int = 58982  # round(0.9 * 2**16): the leak is the most sensitive constant, hence 16 bits
    decay_exponent: int = 16
    gain: int = 2621  # round(0.01 * 2**18): dt = 0.01 s in 12 bits
    gain_exponent: int = 18

    def __post_init__(self) -> None:
        check_range("refractory decay_exponent", self.decay_exponent, 1, 24)
        check_range("refractory decay", self.decay, 0, (1 << self.decay_exponent) - 1)
        check_range("refractory gain_exponent", self.gain_exponent, 0, 40)
        check_range("refractory gain", self.gain, 0, 2**16 - 1)

    def largest(self, fraction: int) -> int:
        """Qmax: no spike history drives q beyond this (theorem T1)."""
        return (1 << (fraction + self.decay_exponent)) // ((1 << self.decay_exponent) - self.decay)

    def gain_shift(self, fraction: int, reset_fraction: int) -> int:
        """Right shift that takes ``q * gain`` to fC = `reset_fraction` bits."""
        return fraction + self.gain_exponent - reset_fraction


@dataclass(frozen=True, eq=False)
class ResonatorLayer:
    """Integer BRF neurons in DWn form: ``damping d = mD * 2**-fd``, ``rotation w = mW * 2**-fw`` per neuron.

    state_fraction: Fs, fraction bits of u, v, q. threshold: theta * 2**Fs. energy_bound: per neuron, the integer that
    ``(2**f - D)**2 + W**2`` must not exceed; below 2**(2f), so that part of the trained damping is kept.
    dt: the step in seconds (for people and float comparison; no integer depends on it).
    """

    name: str
    dt: float
    state_fraction: int
    threshold: int
    damping: Ints
    damping_exponent: Ints
    rotation: Ints
    rotation_exponent: Ints
    energy_bound: Ints
    refractory: Refractory
    input: Synapses
    recurrent: Synapses | None = None

    def __post_init__(self) -> None:
        for field in ("damping", "damping_exponent", "rotation", "rotation_exponent", "energy_bound"):
            name = f"layer '{self.name}' {field}"
            object.__setattr__(self, field, frozen_ints(name, getattr(self, field), 1))
            check_length(name, getattr(self, field), self.count)
        if not (np.isfinite(self.dt) and self.dt > 0):
            raise InvalidNetwork(f"layer '{self.name}' dt: {self.dt} found, a positive number of seconds needed")
        check_length(f"layer '{self.name}' input weights", self.input.mantissa, self.count)
        if self.recurrent is not None:
            for axis in (0, 1):
                check_length(f"layer '{self.name}' recurrent weights", self.recurrent.mantissa, self.count, axis)

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.rotation)

    def coefficients(self, arithmetic: Arithmetic) -> tuple[Ints, Ints]:
        """D and W (neurons,), both with f fraction bits."""
        fraction = arithmetic.accumulator_fraction
        damping = shift_up(self.damping, fraction - self.damping_exponent)
        return damping, shift_up(self.rotation, fraction - self.rotation_exponent)

    def __repr__(self) -> str:
        loop = "recurrent" if self.recurrent is not None else "feed-forward"
        return (
            f"{self.name}: {self.input.sources} -> {self.count} brf, {loop}, {self.state_fraction} state fraction bits"
        )


@dataclass(frozen=True, eq=False)
class Readout:
    """Integer leaky integrators: ``y' = sat(rtz((2**fo - leak) * y, fo) + sum(w z))``.

    leak: ``1 - alpha`` with `leak_exponent` fo bits, per output. fraction: Fo, fraction bits of y. The weights hold
    the factor ``1 - alpha``.
    """

    fraction: int
    leak: Ints
    leak_exponent: int
    weight: Synapses

    def __post_init__(self) -> None:
        object.__setattr__(self, "leak", frozen_ints("readout leak", self.leak, 1))
        check_length("readout leak", self.leak, self.weight.targets)
        check_range("readout leak_exponent", self.leak_exponent, 1, 20)
        check_range(
            "readout leak", self.leak, 1, 1 << self.leak_exponent, "a leak of 0 never forgets; use more leak bits"
        )

    @property
    def count(self) -> int:
        """Number of outputs."""
        return len(self.leak)

    def __repr__(self) -> str:
        return f"readout: {self.weight.sources} -> {self.count} leaky integrators, {self.fraction} fraction bits"


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
