"""A reader for the numeric arrays of MATLAB 5 files, with every length checked.

scipy.io.loadmat reads far more, but ends the whole process with a segmentation fault on some damaged files.
Source: MathWorks, "MAT-File Format", level 5.
"""

import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidFile

HEADER = 128
MATRIX, COMPRESSED = 14, 15
DTYPES = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 7: "<f4", 9: "<f8", 12: "<i8", 13: "<u8"}
NUMERIC_CLASSES = range(6, 16)  # double, single and the eight integer classes
COMPLEX = 0x0800

Array = npt.NDArray[Any]


def read_matlab(path: Path) -> dict[str, Array]:
    """Numeric variables by name, in the file's storage types; raises `InvalidFile` for a file that is not whole."""
    try:
        return dict(_variables(path.read_bytes()))
    except (ValueError, IndexError, zlib.error) as error:
        raise InvalidFile(f"'{path}': not a whole MATLAB 5 file ({error})") from error


def _variables(content: bytes) -> Iterator[tuple[str, Array]]:
    if not content.startswith(b"MATLAB 5.0 MAT-file") or content[126:HEADER] != b"IM":
        raise ValueError("it does not start with a little-endian level 5 header")
    for kind, body in _elements(content[HEADER:]):
        if kind == COMPRESSED:
            inner = next(_elements(zlib.decompress(body)), None)
            if inner is None:
                raise ValueError("a compressed element is empty")
            kind, body = inner
        variable = _matrix(body) if kind == MATRIX else None
        if variable is not None:
            yield variable


def _matrix(body: bytes) -> tuple[str, Array] | None:
    """Name and array; None for what is not a real numeric array (text, cells, structures, complex numbers)."""
    flags, dimensions, name, *parts = _elements(body)
    flag_word = int(_numbers(*flags)[0])
    if flag_word & 0xFF not in NUMERIC_CLASSES or flag_word & COMPLEX:
        return None
    values, shape = _numbers(*parts[0]), tuple(_numbers(*dimensions).tolist())
    if min(shape) < 0 or prod(shape) != len(values):
        raise ValueError(f"an array of shape {shape} holds {len(values)} values")
    return name[1].decode("latin-1"), values.reshape(shape, order="F")


def _numbers(kind: int, body: bytes) -> Array:
    if kind not in DTYPES:
        raise ValueError(f"data of unknown type {kind}")
    return np.frombuffer(body, DTYPES[kind])


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and content of each data element; content of up to 4 bytes may lie within the 8-byte tag."""
    start = 0
    while start < len(data):
        tag = data[start : start + 8]
        if len(tag) < 8:
            raise ValueError(f"it ends within a tag, at byte {start} of an element")
        kind, size = (int(word) for word in np.frombuffer(tag, "<u4"))
        small = kind >> 16
        body = tag[4 : 4 + small] if small else data[start + 8 : start + 8 + size]
        if len(body) != (small or size):
            raise ValueError(f"an element of {small or size} bytes has only {len(body)}")
        yield kind & 0xFFFF, body
        padding = 0 if small or kind == COMPRESSED else -size % 8
        start += 8 + (0 if small else size + padding)
