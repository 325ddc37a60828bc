"""The parts of an integer network: word widths, synapses, resonator layers and the readout.

Each checks its own shapes; what concerns the network as a whole is checked in `brf_deploy.network`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from brf_deploy.arrays import Ints, check_length, check_range, frozen_ints
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
