"""Weights as integers with one power-of-two exponent a row, chosen by squared error."""

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.fixed_point import saturate, symmetric_limit, to_fixed, to_real
from brf_deploy.layers import Synapses

# Beyond the largest exponent at which no weight is clipped, clipping a few large weights can lower the row's error
# (arithmetic.md section 4).
FINER_STEPS = 3
# The shift that undoes a row's exponent; wider rows than this never occur in 32-bit states.
LARGEST_SHIFT = 40


def quantize_rows(weight: npt.NDArray[np.float64], bits: int, largest_exponent: int) -> Synapses:
    """Integers of `bits` bits, symmetric, with the row exponent that gives the least squared error."""
    limit = symmetric_limit(bits)
    unclipped = _unclipped_exponent(weight, limit, largest_exponent)
    candidates = [np.minimum(unclipped + finer, largest_exponent) for finer in range(FINER_STEPS)]
    errors = np.stack([_row_error(weight, _round(weight, s, limit), s) for s in candidates])
    exponent = np.choose(errors.argmin(axis=0), candidates)
    return Synapses(_round(weight, exponent, limit), exponent)


def _unclipped_exponent(weight: npt.NDArray[np.float64], limit: int, largest: int) -> Ints:
    """Per row the largest s with ``round(|w| 2**s) <= limit``; `largest` for a row of zeros."""
    peak = np.abs(weight).max(axis=1, initial=0.0)
    with np.errstate(divide="ignore"):
        fit = np.floor(np.log2((limit + 0.5) / peak))
    return np.asarray(np.clip(fit, largest - LARGEST_SHIFT, largest), np.int64)


def _round(weight: npt.NDArray[np.float64], exponent: Ints, limit: int) -> Ints:
    return saturate(to_fixed(weight, exponent[:, None]), limit)


def _row_error(weight: npt.NDArray[np.float64], mantissa: Ints, exponent: Ints) -> npt.NDArray[np.float64]:
    return np.asarray(np.square(to_real(mantissa, exponent[:, None]) - weight).sum(axis=1))
