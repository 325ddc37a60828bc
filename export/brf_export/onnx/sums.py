"""Exact weighted sums: the fastest ONNX operator that bounds derived from the network prove exact.

| operator | exact where |
|---|---|
| MatMulInteger, uint8 by int8 | weights of 8 bits, and two products next to each other fit 16 bits |
| MatMul of int32 | the largest sum fits 32 bits |
| MatMul of int64 | always |

The 16 bits: without VNNI, x86 adds neighbouring uint8 x int8 products in a saturating 16-bit word, and ONNX Runtime
gives wrong sums for pixels above 127 by 8-bit weights. Spikes are far below that.
"""

from typing import Any

import numpy as np

from brf_deploy.layers import Synapses
from brf_export.onnx.values import DType, Value

INT32, INT64 = np.dtype(np.int32), np.dtype(np.int64)


def word(bound: int) -> DType:
    """int32 for integers up to `bound` in magnitude where they fit, else int64."""
    return INT32 if bound < 1 << 31 else INT64


def weighted_sum(name: str, messages: Value, synapses: Synapses, largest: int) -> Value:
    """Exact ``messages @ mantissa.T`` over the last axis, for messages up to `largest`; int32 or int64."""
    weights, kind = synapses.mantissa.T, word(largest_sum(synapses, largest))
    if _fits_bytes(synapses, largest) and kind == INT32:
        constant = messages.graph.constant(name, weights.astype(np.int8))
        return messages.graph.apply("MatMulInteger", messages, constant, dtype=INT32)
    return messages.cast(kind) @ messages.graph.constant(name, weights.astype(kind))


def largest_sum(synapses: Synapses, largest: int) -> int:
    """Largest magnitude of a row's sum before its shift."""
    return int(np.abs(synapses.mantissa).sum(axis=1).max(initial=0)) * largest


def shifts(synapses: Synapses, fraction: int, kind: DType) -> np.ndarray[Any, DType]:
    """The row's factors ``2**shift``, which bring sums of mantissas to `fraction` fraction bits."""
    factors = np.left_shift(np.int64(1), synapses.shift(fraction))
    # A row without weights may have a shift that leaves the word; its sum is 0, so any factor will do.
    empty = ~synapses.mantissa.any(axis=1)
    return np.where(empty, 1, factors).astype(kind)


def _fits_bytes(synapses: Synapses, largest: int) -> bool:
    mantissa = synapses.mantissa
    within = mantissa.min(initial=0) >= -128 and mantissa.max(initial=0) <= 127
    return bool(within and largest <= 255 and 2 * largest * np.abs(mantissa).max(initial=0) < 1 << 15)
