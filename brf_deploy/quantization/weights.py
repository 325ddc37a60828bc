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


def best_exponents(weight: npt.NDArray[np.float64], bits: int, largest: int) -> Ints:
    """Per row the exponent, at most `largest`, at which integers of `bits` bits have the least squared error."""
    unclipped = _unclipped_exponent(weight, symmetric_limit(bits), largest)
    candidates = [np.minimum(unclipped + finer, largest) for finer in range(FINER_STEPS)]
    errors = np.stack([_row_error(weight, round_rows(weight, bits, exponent)) for exponent in candidates])
    return np.asarray(np.choose(errors.argmin(axis=0), candidates), np.int64)


def round_rows(weight: npt.NDArray[np.float64], bits: int, exponent: Ints) -> Synapses:
    """Nearest integers of `bits` bits, symmetric, under the given exponents; what lies beyond is clipped."""
    return Synapses(saturate(to_fixed(weight, exponent[:, None]), symmetric_limit(bits)), exponent)


def _unclipped_exponent(weight: npt.NDArray[np.float64], limit: int, largest: int) -> Ints:
    """Per row the largest s with ``round(|w| 2**s) <= limit``; `largest` for a row of zeros."""
    peak = np.abs(weight).max(axis=1, initial=0.0)
    with np.errstate(divide="ignore"):
        fit = np.floor(np.log2((limit + 0.5) / peak))
    return np.asarray(np.clip(fit, largest - LARGEST_SHIFT, largest), np.int64)


def _row_error(weight: npt.NDArray[np.float64], rounded: Synapses) -> npt.NDArray[np.float64]:
    return np.asarray(np.square(to_real(rounded.mantissa, rounded.exponent[:, None]) - weight).sum(axis=1))
