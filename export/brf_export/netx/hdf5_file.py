"""Trees of arrays and texts as the bytes of a netx file."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_export.netx.loader import HEADER_BYTES, header

Tree = Mapping[str, Any]  # of arrays, texts and trees


def to_bytes(layers: list[Tree], facts: Mapping[str, str | int | float]) -> bytes:
    """The file: `layers` under ``/layer/0`` and so on, `facts` as attributes; the same input gives the same bytes.

    Texts become fixed-length ASCII, as netx reads them. The user block has a checksum of the rest.
    """
    import h5py

    memory = BytesIO()
    with h5py.File(memory, "w", libver="earliest", userblock_size=HEADER_BYTES) as file:
        file.attrs.update(facts)
        _fill(file.create_group("layer"), {str(index): layer for index, layer in enumerate(layers)})
    contents = memory.getvalue()[HEADER_BYTES:]
    return header(contents) + contents


def _fill(group: Any, tree: Tree) -> None:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            _fill(group.create_group(name), value)
        else:
            group.create_dataset(name, data=np.bytes_(value) if isinstance(value, str) else _stored(value))


def _stored(value: npt.ArrayLike) -> npt.NDArray[Any]:
    """Integers as int32 where they fit, as slayer writes them."""
    array = np.asarray(value, np.int64)
    small = np.iinfo(np.int32)
    fits = small.min <= array.min(initial=0) and array.max(initial=0) <= small.max
    return array.astype(np.int32) if fits else array
