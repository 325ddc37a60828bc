"""The stability certificate: exact integers that keep every neuron inside the divergence boundary.

For every spike history the refractory damping C stays within ``0 .. Cmax`` and ``(2**f - D - C)**2 + W**2`` is convex
in C, so the two ends decide (theorem T1). Both ends strictly inside the disc make every neuron fall silent after its
input stops (theorem T3).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brf_deploy.arrays import Bools, Floats, Ints
from brf_deploy.errors import CertificateViolation
from brf_deploy.fixed_point import saturate, shift_to_nearest, shift_up

if TYPE_CHECKING:
    from brf_deploy.layers import Arithmetic, Refractory, ResonatorLayer
    from brf_deploy.network import IntegerNetwork


@dataclass(frozen=True, eq=False)
class Certificate:
    """Per neuron of one layer: squared radii ``(2**f - D - C)**2 + W**2`` at C = 0 and C = Cmax, and the verdict."""

    at_rest: Ints
    at_full_reset: Ints
    bound: Ints
    disc: int
    mantissas_fit: Bools

    @property
    def violations(self) -> Bools:
        """True for a neuron outside its bound at rest, not strictly inside the disc, or with ill-formed mantissas."""
        inside = (self.at_rest <= self.bound) & (self.bound < self.disc) & (self.at_full_reset < self.disc)
        return ~(inside & self.mantissas_fit)

    @property
    def radius(self) -> Floats:
        """The larger endpoint radius of each neuron; below 1 inside the disc."""
        return np.sqrt(np.maximum(self.at_rest, self.at_full_reset) / self.disc)


def reset(q: Ints, refractory: "Refractory", fraction: int, arithmetic: "Arithmetic") -> Ints:
    """C, the refractory damping dt * q of a q with `fraction` bits: to nearest at fC bits, returned with f bits."""
    rounded = shift_to_nearest(q * refractory.gain, refractory.gain_shift(fraction, arithmetic.reset_fraction))
    return shift_up(rounded, arithmetic.accumulator_fraction - arithmetic.reset_fraction)


def largest_reset(refractory: "Refractory", fraction: int, arithmetic: "Arithmetic") -> int:
    """Cmax: the refractory damping at Qmax, with f fraction bits, in Python's unbounded integers."""
    shift = refractory.gain_shift(fraction, arithmetic.reset_fraction)
    rounded = (refractory.largest(fraction) * refractory.gain + (1 << shift - 1)) >> shift
    return rounded << (arithmetic.accumulator_fraction - arithmetic.reset_fraction)


def certificate(layer: "ResonatorLayer", arithmetic: "Arithmetic") -> Certificate:
    """Evaluate the certificate of one layer in exact integers.

    Coefficients are clipped at twice the disc's radius: beyond it they are outside the disc either way, and the
    squares of what is left fit 64 bits.
    """
    one = 1 << arithmetic.accumulator_fraction
    reach = 2 * one
    D, W = (saturate(value, reach) for value in layer.coefficients(arithmetic))
    c_max = min(largest_reset(layer.refractory, layer.state_fraction, arithmetic), reach)
    at_rest, at_full_reset = ((one - D - c) ** 2 + W**2 for c in (0, c_max))
    largest = (1 << arithmetic.coefficient_bits) - 1
    fit = (layer.damping >= 0) & (layer.damping <= largest) & (layer.rotation >= 0) & (layer.rotation <= largest)
    return Certificate(at_rest, at_full_reset, layer.energy_bound, one * one, fit)


def certify(network: "IntegerNetwork") -> None:
    """Raise `CertificateViolation` unless every neuron of every layer is strictly inside the boundary."""
    for layer in network.layers:
        result = certificate(layer, network.arithmetic)
        bad = np.flatnonzero(result.violations)
        if len(bad):
            worst = int(bad[np.argmax(result.radius[bad])])
            raise CertificateViolation(
                f"layer '{layer.name}': {len(bad)} of {layer.count} neurons break the stability certificate, worst "
                f"neuron {worst} with pole radius {result.radius[worst]:.6f} (limit: below "
                f"{min(1.0, float(np.sqrt(result.bound[worst] / result.disc))):.6f}); such a neuron can fire for ever "
                "without input. Quantise with scheme 'dwn', or give more coefficient bits"
            )
