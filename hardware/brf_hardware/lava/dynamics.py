"""The arithmetic inside the Lava models: integers as docs/arithmetic.md section 2 has them, and float64.

Written apart from `brf_deploy.reference`, so that their equality says something. Integers are int64 throughout;
rounding toward zero is a bias and a shift, as a fixed-point core would do it.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
States = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]
SIGN_BIT = 63


def toward_zero(y: Ints, bits: int) -> Ints:
    """y / 2**bits rounded toward zero: negative numbers get a bias of ``2**bits - 1`` before the shift.

    `y` is overwritten: it is always a fresh product here, and this is the innermost loop.
    """
    y += (y >> SIGN_BIT) & ((1 << bits) - 1)
    y >>= bits
    return y


class Resonator(Protocol):
    """BRF neurons: one step of (u, v, q) under synaptic input x, giving the next (u, v, q) and the spikes."""

    @property
    def count(self) -> int:
        """Number of neurons."""
        ...

    def step(self, u: Any, v: Any, q: Any, x: Any) -> tuple[States, Bools]:
        """All arrays (batch, neurons)."""
        ...


class Integrator(Protocol):
    """Leaky integrators: the next y under the weighted sum of spikes."""

    @property
    def count(self) -> int:
        """Number of outputs."""
        ...

    def step(self, y: Any, drive: Any) -> Any:
        """All arrays (batch, outputs)."""
        ...


@dataclass(frozen=True, eq=False)
class FixedResonator:
    """The integer BRF neurons of one layer.

    keep (neurons,): 2**f - D, what is kept of a state at rest. rotation (neurons,): W. fraction: f. limit: the largest
    magnitude of u and v. threshold: TH. state_fraction: Fs, so that a spike adds 2**Fs to q. decay, decay_exponent:
    q decays by ``decay * 2**-decay_exponent``. gain, gain_shift, gain_up: q damps by
    ``(q * gain + 2**(gain_shift - 1) >> gain_shift) << gain_up``.
    """

    keep: Ints
    rotation: Ints
    fraction: int
    limit: int
    threshold: int
    state_fraction: int
    decay: int
    decay_exponent: int
    gain: int
    gain_shift: int
    gain_up: int

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.keep)

    def step(self, u: Ints, v: Ints, q: Ints, x: Ints) -> tuple[States, Bools]:
        """Rotate the old state with the old q's damping, add x, clip, compare with the old q."""
        half = 1 << (self.gain_shift - 1)
        a = self.keep - ((q * self.gain + half >> self.gain_shift) << self.gain_up)
        next_u = toward_zero(a * u - self.rotation * v, self.fraction)
        next_u += x
        next_v = toward_zero(a * v + self.rotation * u, self.fraction)
        np.clip(next_u, -self.limit, self.limit, out=next_u)
        np.clip(next_v, -self.limit, self.limit, out=next_v)
        z = np.asarray(next_u - q > self.threshold)
        next_q = q * self.decay >> self.decay_exponent
        next_q += z.astype(np.int64) << self.state_fraction
        return (next_u, next_v, next_q), z


@dataclass(frozen=True, eq=False)
class FloatResonator:
    """BRF neurons in float64, in the order of operations of Higuchi et al. 2024's code.

    omega (neurons,): rad/s. growth_at_rest (neurons,): ``p(omega) - b_offset``, 1/s. dt: s.
    """

    omega: Real
    growth_at_rest: Real
    dt: float
    theta: float
    gamma: float

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.omega)

    def step(self, u: Real, v: Real, q: Real, x: Real) -> tuple[States, Bools]:
        """``b = p(omega) - b_offset - q``; u and v from the old u, v, q; strict comparison with the old q."""
        dt, b = self.dt, self.growth_at_rest - q
        next_u = u + b * u * dt - self.omega * v * dt + x * dt
        next_v = v + self.omega * u * dt + b * v * dt
        z = np.asarray(next_u - self.theta - q > 0)
        return (next_u, next_v, self.gamma * q + z), z


@dataclass(frozen=True, eq=False)
class FixedIntegrator:
    """The integer leaky integrators of a readout. keep (outputs,): ``2**fraction - leak``. limit: the largest |y|."""

    keep: Ints
    fraction: int
    limit: int

    @property
    def count(self) -> int:
        """Number of outputs."""
        return len(self.keep)

    def step(self, y: Ints, drive: Ints) -> Ints:
        """Leak, rounding toward zero; add; clip."""
        next_y = toward_zero(self.keep * y, self.fraction)
        next_y += drive
        return np.asarray(np.clip(next_y, -self.limit, self.limit))


@dataclass(frozen=True, eq=False)
class FloatIntegrator:
    """Leaky integrators in float64. alpha (outputs,): ``exp(-1 / tau)``."""

    alpha: Real

    @property
    def count(self) -> int:
        """Number of outputs."""
        return len(self.alpha)

    def step(self, y: Real, drive: Real) -> Real:
        """``y' = alpha y + (1 - alpha) drive``."""
        return np.asarray(self.alpha * y + (1 - self.alpha) * drive)


class FixedSynapses:
    """Integer weights (targets, sources), each row's sum shifted left by its own count.

    The sum is computed by float64 BLAS, exactly: no sum reaches 2**53 (checked when the network was made), and numpy
    has no fast integer matrix product.
    """

    def __init__(self, weights: Ints, shift: Ints) -> None:
        self.columns = np.ascontiguousarray(weights.T, np.float64)
        self.shift = shift

    def sum(self, messages: npt.NDArray[Any]) -> Ints:
        """(batch, sources) to (batch, targets)."""
        total = (messages.astype(np.float64) @ self.columns).astype(np.int64)
        total <<= self.shift
        return total
