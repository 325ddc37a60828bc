"""Poles as integers: ``lambda = (1 - d) + i w`` with damping d and rotation w in DWn form, and two baselines."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidNetwork, Unsupported
from brf_deploy.fixed_point import integer_sqrt, shift_up, to_fixed, to_fixed_down, to_real
from brf_deploy.float_network import BRFNeurons, FloatLayer
from brf_deploy.layers import ResonatorLayer

Real = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Poles:
    """Float poles: damping ``d = 1 - sqrt(1 - w**2) + dt b_offset``, rotation ``w = dt omega`` (neurons,)."""

    damping: Real
    rotation: Real

    @property
    def decay(self) -> Real:
        """rho = -ln |lambda|, per step; positive inside the disc."""
        with np.errstate(divide="ignore"):
            return np.asarray(-0.5 * np.log((1 - self.damping) ** 2 + self.rotation**2))

    @property
    def angle(self) -> Real:
        """phi = arg lambda, radians per step."""
        return np.asarray(np.arctan2(self.rotation, 1 - self.damping))

    @property
    def value(self) -> npt.NDArray[np.complex128]:
        """lambda itself."""
        return np.asarray(1 - self.damping + 1j * self.rotation)


@dataclass(frozen=True, eq=False)
class IntegerPoles:
    """``damping = mD 2**-fd``, ``rotation = mW 2**-fw``, and the bound its squared radius must not exceed."""

    damping: Ints
    damping_exponent: Ints
    rotation: Ints
    rotation_exponent: Ints
    energy_bound: Ints


def float_poles(neurons: BRFNeurons) -> Poles:
    """The poles that a BRF layer has without spikes, in float64."""
    w = neurons.dt * neurons.omega.astype(np.float64)
    return Poles(1 - np.sqrt(1 - w**2) + neurons.dt * neurons.b_offset.astype(np.float64), w)


def integer_poles(layer: ResonatorLayer) -> Poles:
    """The poles that a deployed layer has at rest, as real numbers."""
    return Poles(to_real(layer.damping, layer.damping_exponent), to_real(layer.rotation, layer.rotation_exponent))


def require_brf(layer: FloatLayer) -> BRFNeurons:
    """The layer's neurons, which must have an integer form."""
    if not isinstance(layer.neurons, BRFNeurons):
        raise Unsupported(
            f"layer '{layer.name}': {layer.neurons.kind.upper()} neurons have no integer form here, only BRF has one; "
            'train the task with neuron = "brf"'
        )
    return layer.neurons


def naive(poles: Poles, bits: int, fraction: int) -> IntegerPoles:
    """Baseline: ``round(a 2**B)``, ``round(w 2**B)``."""
    return _common_exponent(to_fixed(1 - poles.damping, bits), to_fixed(poles.rotation, bits), bits, fraction)


def lava_constants(poles: Poles, bits: int, fraction: int) -> IntegerPoles:
    """Baseline: truncation plus the offset 1 that Lava's fixed-point RF process adds to both constants."""
    A, W = to_fixed_down(1 - poles.damping, bits) + 1, to_fixed_down(poles.rotation, bits) + 1
    return _common_exponent(A, W, bits, fraction)


def _common_exponent(A: Ints, W: Ints, bits: int, fraction: int) -> IntegerPoles:
    exponent = np.full(len(A), bits)
    return IntegerPoles((1 << bits) - A, exponent, W, exponent, np.full(len(A), (1 << 2 * fraction) - 1))


def dwn(poles: Poles, bits: int, fraction: int, largest_reset: int, damping_kept: float) -> IntegerPoles:
    """Nearest integer pole strictly inside the disc, in the metric ``(d rho)**2 + (d phi)**2``.

    Every neuron has exponents of its own. The rotation is tried around its rounded value; for each the damping is
    solved again from that rotation. A candidate must keep the share `damping_kept` of the trained damping and stay
    strictly inside at the largest refractory damping as well.
    """
    _check_inside(poles)
    top = (1 << bits) - 1
    disc = 1 << 2 * fraction
    bound = np.minimum(to_fixed_down(np.exp(-2 * damping_kept * poles.decay), 2 * fraction), disc - 1)
    fd, fw = _exponents(poles.damping, top, fraction), _exponents(poles.rotation, top, fraction)
    damping, rotation = np.zeros_like(fd), np.zeros_like(fw)
    pending = np.arange(len(fd))
    while len(pending):
        part = Poles(poles.damping[pending], poles.rotation[pending])
        mD, mW = _candidates(part, bound[pending], fd[pending], fw[pending], top, fraction)
        cost = _cost(part, mD, mW, fd[pending], fw[pending], bound[pending], fraction, largest_reset)
        best = cost.reshape(len(pending), -1).argmin(axis=1)
        pick = (np.arange(len(pending)), best)
        damping[pending], rotation[pending] = mD.reshape(len(pending), -1)[pick], mW.reshape(len(pending), -1)[pick]
        pending = pending[~np.isfinite(cost.reshape(len(pending), -1)[pick])]
        if len(pending) and fd[pending].min() == 0:
            raise InvalidNetwork(
                f"neuron {pending[0]}: no {bits}-bit pole inside the disc near damping {poles.damping[pending[0]]:.4g}"
                f", rotation {poles.rotation[pending[0]]:.4g}; give more coefficient bits"
            )
        fd[pending] -= 1  # a coarser damping reaches further into the disc
    return IntegerPoles(damping, fd, rotation, fw, bound)


def _check_inside(poles: Poles) -> None:
    radius = np.abs(poles.value)
    if (radius > 1).any():
        worst = int(radius.argmax())
        raise InvalidNetwork(
            f"neuron {worst}: the float pole has radius {radius[worst]:.6f}, outside the divergence boundary "
            f"(damping {poles.damping[worst]:.4g}, rotation {poles.rotation[worst]:.4g}); no integer form of it is "
            "stable. Retrain with a smaller b_offset or dt"
        )


def _exponents(value: Real, top: int, fraction: int) -> Ints:
    """Largest exponent, at most f, for which the mantissa still fits: ``floor(log2(top / value))``."""
    with np.errstate(divide="ignore", over="ignore"):  # a value of (nearly) zero takes the largest exponent
        fit = np.floor(np.log2(top / value))
    return np.asarray(np.clip(fit, 0, fraction), np.int64)


def _candidates(poles: Poles, bound: Ints, fd: Ints, fw: Ints, top: int, fraction: int) -> tuple[Ints, Ints]:
    """mD and mW (neurons, rotations, dampings) of every lattice point worth a look."""
    mW = to_fixed_down(poles.rotation, fw)[:, None] + np.arange(-2, 4)
    w = to_real(mW, fw[:, None])
    same_radius = 1 - np.sqrt(np.maximum(np.exp(-2 * poles.decay)[:, None] - w**2, 0))
    room = np.maximum(bound[:, None] - shift_up(mW, (fraction - fw)[:, None]) ** 2, 0)
    least = to_real((1 << fraction) - integer_sqrt(room), fraction)
    mD = np.concatenate(
        [
            to_fixed_down(same_radius, fd[:, None])[..., None] + np.arange(-1, 3),
            np.broadcast_to(to_fixed_down(poles.damping, fd)[:, None, None] + np.arange(-1, 3), (*mW.shape, 4)),
            to_fixed_down(least, fd[:, None])[..., None] + np.arange(0, 2),
        ],
        axis=2,
    )
    mW = np.broadcast_to(mW[..., None], mD.shape)
    return np.clip(mD, 0, top), np.clip(mW, 0, top)


def _cost(
    poles: Poles, mD: Ints, mW: Ints, fd: Ints, fw: Ints, bound: Ints, fraction: int, largest_reset: int
) -> npt.NDArray[Any]:
    """Squared distance to the float pole of every candidate; infinite for one that breaks the certificate."""
    one = 1 << fraction
    D, W = shift_up(mD, (fraction - fd)[:, None, None]), shift_up(mW, (fraction - fw)[:, None, None])
    at_rest, at_full_reset = (one - D) ** 2 + W**2, (one - D - largest_reset) ** 2 + W**2
    inside = (at_rest <= bound[:, None, None]) & (at_full_reset < one * one)
    near = Poles(to_real(D, fraction), to_real(W, fraction))
    with np.errstate(invalid="ignore"):
        distance = (near.decay - poles.decay[:, None, None]) ** 2 + (near.angle - poles.angle[:, None, None]) ** 2
    return np.where(inside, distance, np.inf)
