"""The arithmetic inside the Lava models: integers as docs/arithmetic.md section 2 has them, and float64.

Written apart from `brf_deploy.reference`, so that their equality says something. Integers are int64 throughout;
rounding toward zero is a bias and a shift, as a fixed-point core would do it.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.float_network import BRFNeurons, FloatReadout
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer

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

    count: int

    def step(self, u: Any, v: Any, q: Any, x: Any) -> tuple[States, Bools]:
        """All arrays (batch, neurons)."""
        ...


class Integrator(Protocol):
    """Leaky integrators: the next y under the weighted sum of spikes."""

    count: int

    def step(self, y: Any, drive: Any) -> Any:
        """All arrays (batch, outputs)."""
        ...


class FixedResonator:
    """The integer BRF neurons of one layer."""

    def __init__(self, layer: ResonatorLayer, arithmetic: Arithmetic) -> None:
        damping, self.rotation = layer.coefficients(arithmetic)
        self.count = layer.count
        self.fraction, self.limit = arithmetic.accumulator_fraction, arithmetic.limit
        self.keep = (1 << self.fraction) - damping
        self.threshold, self.state_fraction = layer.threshold, layer.state_fraction
        self.refractory = layer.refractory
        self.reset_shift = layer.refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction)
        self.reset_up = arithmetic.accumulator_fraction - arithmetic.reset_fraction

    def step(self, u: Ints, v: Ints, q: Ints, x: Ints) -> tuple[States, Bools]:
        """Rotate the old state with the old q's damping, add x, clip, compare with the old q."""
        half = 1 << (self.reset_shift - 1)
        a = self.keep - ((q * self.refractory.gain + half >> self.reset_shift) << self.reset_up)
        next_u = toward_zero(a * u - self.rotation * v, self.fraction)
        next_u += x
        next_v = toward_zero(a * v + self.rotation * u, self.fraction)
        np.clip(next_u, -self.limit, self.limit, out=next_u)
        np.clip(next_v, -self.limit, self.limit, out=next_v)
        z = np.asarray(next_u - q > self.threshold)
        next_q = q * self.refractory.decay >> self.refractory.decay_exponent
        next_q += z.astype(np.int64) << self.state_fraction
        return (next_u, next_v, next_q), z


class FloatResonator:
    """BRF neurons in float64, in the order of operations of Higuchi et al. 2024's code."""

    def __init__(self, neurons: BRFNeurons) -> None:
        self.count, self.neurons = neurons.count, neurons
        self.omega = neurons.omega.astype(np.float64)
        boundary = (-1 + np.sqrt(1 - (neurons.dt * self.omega) ** 2)) / neurons.dt
        self.growth_at_rest = boundary - neurons.b_offset.astype(np.float64)

    def step(self, u: Real, v: Real, q: Real, x: Real) -> tuple[States, Bools]:
        """``b = p(omega) - b_offset - q``; u and v from the old u, v, q; strict comparison with the old q."""
        dt, b = self.neurons.dt, self.growth_at_rest - q
        next_u = u + b * u * dt - self.omega * v * dt + x * dt
        next_v = v + self.omega * u * dt + b * v * dt
        z = np.asarray(next_u - self.neurons.theta - q > 0)
        return (next_u, next_v, self.neurons.gamma * q + z), z


class FixedIntegrator:
    """The integer leaky integrators of a readout."""

    def __init__(self, readout: Readout, arithmetic: Arithmetic) -> None:
        self.count, self.limit = readout.count, arithmetic.limit
        self.keep, self.fraction = (1 << readout.leak_exponent) - readout.leak, readout.leak_exponent

    def step(self, y: Ints, drive: Ints) -> Ints:
        """Leak, rounding toward zero; add; clip."""
        next_y = toward_zero(self.keep * y, self.fraction)
        next_y += drive
        return np.asarray(np.clip(next_y, -self.limit, self.limit))


class FloatIntegrator:
    """Leaky integrators in float64, ``alpha = exp(-1 / tau)``."""

    def __init__(self, readout: FloatReadout) -> None:
        self.count = readout.weight.shape[0]
        self.alpha = np.exp(-1 / readout.tau.astype(np.float64))

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
