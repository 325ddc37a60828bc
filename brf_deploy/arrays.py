"""Array types and the checks every network type makes on its arrays."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidNetwork

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]


def frozen_ints(name: str, value: npt.ArrayLike, ndim: int) -> Ints:
    """A read-only int64 copy of `value`; refuses non-integers and another number of axes."""
    array = np.asarray(value)
    if array.dtype.kind not in "iub":
        raise InvalidNetwork(f"{name}: dtype {array.dtype} found, integers needed; quantise it first")
    return _frozen(name, array.astype(np.int64), ndim)


def frozen_floats(name: str, value: npt.ArrayLike, ndim: int) -> Floats:
    """A read-only float32 or float64 copy of `value`; refuses NaN, infinity and another number of axes."""
    array = np.array(value, dtype=None if np.asarray(value).dtype == np.float32 else np.float64)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = ", ".join(str(int(i)) for i in bad[0])
        raise InvalidNetwork(
            f"{name}: {len(bad)} of {array.size} values are NaN or infinite, the first at [{where}]; "
            "training diverged or the file is damaged: use an earlier checkpoint"
        )
    return _frozen(name, array, ndim)


def check_length(name: str, array: npt.NDArray[Any], expected: int, axis: int = 0) -> None:
    """Refuse an array whose `axis` does not have `expected` entries."""
    if array.shape[axis] != expected:
        raise InvalidNetwork(f"{name}: {array.shape[axis]} entries on axis {axis}, expected {expected}")


def check_range(name: str, value: npt.ArrayLike, low: int, high: int, advice: str = "") -> None:
    """Refuse what is no integer or outside ``low .. high``, naming the first entry that is."""
    array = np.atleast_1d(np.asarray(value))
    if array.dtype.kind not in "iu":
        raise InvalidNetwork(f"{name}: {value!r} found, an integer needed")
    bad = np.argwhere((array < low) | (array > high))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        where = f"{name}[{', '.join(map(str, index))}]" if np.ndim(value) else name
        raise InvalidNetwork(f"{where}: {array[index]} is outside {low}..{high}" + (f"; {advice}" if advice else ""))


def _frozen(name: str, array: npt.NDArray[Any], ndim: int) -> npt.NDArray[Any]:
    if array.ndim != ndim:
        raise InvalidNetwork(f"{name}: shape {array.shape} has {array.ndim} axes, expected {ndim}")
    copy: npt.NDArray[Any] = np.ascontiguousarray(array).copy()
    copy.flags.writeable = False
    return copy
