"""The narrowest words that a network proves exact: how many bytes its weights, sums, drives and rotations need.

Every bound below is a number that a state can reach; a network one bit wider takes the next word. 8 bytes mean
float64, which holds integers up to 2**53 exactly.
"""

import numpy as np

from brf_deploy.certificate import largest_reset
from brf_deploy.errors import Unsupported
from brf_deploy.fixed_point import EXACT_BITS
from brf_deploy.layers import Arithmetic, ResonatorLayer, Synapses

SIGNED_32, UNSIGNED_32 = 1 << 31, 1 << 32  # the first magnitudes that do not fit


def weight_bytes(synapses: Synapses) -> int:
    """1 where every weight fits a signed byte, else 2; no network has wider ones."""
    mantissa = synapses.mantissa
    return 1 if mantissa.min(initial=0) >= -128 and mantissa.max(initial=0) <= 127 else 2


def sum_bytes(synapses: Synapses, message: int) -> int:
    """Bytes of the narrowest word that holds every partial sum of a row: 2 or 4 (integers), 8 (float64)."""
    largest = int(np.abs(synapses.mantissa).sum(axis=1).max(initial=0)) * message
    for width in (2, 4):
        if largest < 1 << (8 * width - 1):
            return width
    return 8


def drive_bytes(largest_drive: int) -> int:
    """4 where what all synapses of a neuron deliver together fits a signed 32-bit word, else 8."""
    return 4 if largest_drive < SIGNED_32 else 8


def common_zeros(layer: ResonatorLayer, arithmetic: Arithmetic) -> int:
    """Low bits that are zero in every A and W of a layer, whatever q is.

    They can be left out: ``rtz(y * 2**zeros, f) = rtz(y, f - zeros)``.
    """
    unit = 1 << arithmetic.accumulator_fraction - arithmetic.reset_fraction  # C is a multiple of it, and so is 2**f
    union = int(np.bitwise_or.reduce(np.concatenate(layer.coefficients(arithmetic)))) | unit
    return (union & -union).bit_length() - 1


def largest_rotation(layer: ResonatorLayer, arithmetic: Arithmetic) -> int:
    """Largest ``|A u| + |W v|`` of a neuron: that of u = v = L; A is linear in C, so the ends of C decide."""
    damping, rotation = layer.coefficients(arithmetic)
    at_rest = (1 << arithmetic.accumulator_fraction) - damping
    full_reset = at_rest - largest_reset(layer.refractory, layer.state_fraction, arithmetic)
    reach = np.maximum(np.abs(at_rest), np.abs(full_reset)) + np.abs(rotation)
    return int(reach.max(initial=0)) * arithmetic.limit


def rotation_bytes(layer: ResonatorLayer, arithmetic: Arithmetic, largest_drive: int) -> int:
    """4 where every number of a neuron's step fits 32 bits, else 8.

    Signed: the rotation without the zeros that its coefficients have in common, what it leaves together with the
    drive, and the threshold with q on it. Unsigned, since q is never negative: the products of q. Raises `Unsupported`
    where the rotation needs more than 53 bits, which happens to no certified network: the certificate keeps ``|A|`` and
    W below 2**f.
    """
    rotation = largest_rotation(layer, arithmetic)
    if rotation >= 1 << EXACT_BITS:
        raise Unsupported(
            f"layer '{layer.name}', backend 'fast': the rotation of a neuron can need {rotation.bit_length()} bits, "
            f"exact are {EXACT_BITS}; a certified network never does, so quantise it inside the divergence boundary, "
            "or run it on backend 'reference'"
        )
    refractory, fraction = layer.refractory, layer.state_fraction
    largest_q = refractory.largest(fraction)
    shift = refractory.gain_shift(fraction, arithmetic.reset_fraction)
    signed = max(
        rotation >> common_zeros(layer, arithmetic),
        (rotation >> arithmetic.accumulator_fraction) + largest_drive,
        layer.threshold + largest_q,
    )
    unsigned = max(largest_q * refractory.decay, largest_q * refractory.gain + (1 << shift - 1))
    return 4 if signed < SIGNED_32 and unsigned < UNSIGNED_32 and shift < 32 else 8
