"""The only place that shifts, rounds or saturates: integer arithmetic of docs/arithmetic.md section 2.

All arrays are int64 and every intermediate stays below 2**53 (checked when an `IntegerNetwork` is made), so the same
formulas are exact in int64 and in float64.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

EXACT_BITS = 53  # integers up to 2**53 are exact in float64


def shift_toward_zero(y: Ints, bits: int) -> Ints:
    """Divide by 2**bits, rounding toward zero: ``sign(y) * (|y| >> bits)``.

    Toward zero, because then |result| <= |y| / 2**bits and the rounding can never feed energy into a resonator
    (theorem T2).
    """
    magnitude: Ints = np.abs(y) >> bits
    signed: Ints = np.where(y < 0, -magnitude, magnitude)
    return signed


def shift_to_nearest(y: Ints, bits: int) -> Ints:
    """Divide a non-negative `y` by 2**bits, rounding halves up: ``(y + 2**(bits-1)) >> bits``; bits >= 1."""
    return (y + (1 << (bits - 1))) >> bits


def shift_down(y: Ints, bits: int) -> Ints:
    """Divide a non-negative `y` by 2**bits, rounding down."""
    return y >> bits


def shift_up(y: Ints, bits: int | Ints) -> Ints:
    """Multiply by 2**bits, exactly; `bits` >= 0, a scalar or one per last axis."""
    return np.asarray(y * np.left_shift(np.int64(1), np.asarray(bits, np.int64)), np.int64)


def saturate(y: Ints, limit: int) -> Ints:
    """Clip symmetrically to ``-limit .. limit``."""
    return np.asarray(np.minimum(np.maximum(y, -limit), limit), np.int64)


def symmetric_limit(bits: int) -> int:
    """Largest magnitude of a symmetric `bits`-wide signed word: ``2**(bits-1) - 1``."""
    return (1 << (bits - 1)) - 1


def weighted_sum(messages: npt.NDArray[Any], weights: npt.NDArray[Any]) -> Ints:
    """Exact integer ``messages @ weights.T``: (batch, inputs) by (neurons, inputs) gives (batch, neurons).

    Computed by float64 BLAS, which is exact here: sums stay below 2**53.
    """
    product = messages.astype(np.float64) @ weights.astype(np.float64).T
    return product.astype(np.int64)


def to_fixed(value: npt.ArrayLike, fraction: int | Ints) -> Ints:
    """Nearest integer multiple of 2**-fraction (ties to even)."""
    scaled = np.ldexp(np.asarray(value, np.float64), np.asarray(fraction, np.int32))
    return np.asarray(np.rint(scaled), np.int64)


def to_fixed_down(value: npt.ArrayLike, fraction: int | Ints) -> Ints:
    """Largest integer multiple of 2**-fraction that is not above `value`."""
    scaled = np.ldexp(np.asarray(value, np.float64), np.asarray(fraction, np.int32))
    return np.asarray(np.floor(scaled), np.int64)


def to_real(value: npt.ArrayLike, fraction: int | Ints) -> Floats:
    """The real number an integer stands for: ``value * 2**-fraction``, exact in float64."""
    return np.asarray(np.ldexp(np.asarray(value, np.float64), -np.asarray(fraction, np.int32)), np.float64)


def integer_sqrt(value: Ints) -> Ints:
    """Exact ``floor(sqrt(value))`` for ``0 <= value < 2**52``."""
    root = np.asarray(np.sqrt(value.astype(np.float64)), np.int64)
    root -= (root * root > value).astype(np.int64)
    root += ((root + 1) * (root + 1) <= value).astype(np.int64)
    return root
