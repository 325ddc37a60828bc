"""Prepared samples kept on disk, so that binning or filtering is done once.

An entry is a folder of `.npy` files, read as memory maps, in ``cache/`` of the data directory; where that cannot be
written, in the user's cache directory. Its name holds a digest of the source files (name, size, time of change) and of
the preparation's version, and its arrays' checksums lie beside them: an entry that is stale or damaged is not used.
"""

import io
import json
import os
import shutil
import stat
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidInput
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Samples
from brf_deploy.whole_file import write_whole_folder

ABOUT, MESSAGES, LABELS, VALIDATION = "about.json", "messages.npy", "labels.npy", "validation.npy"
ANYONE_WRITES = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH  # root may write where nobody should
LAYOUT = 1  # of an entry; another one makes all older entries stale


def cached(root: Path, name: str, sources: Sequence[Path], version: str, make: Callable[[], Samples]) -> Samples:
    """What `make` gives, taken from the cache where it is there and put there where it is not.

    root: the data directory. name: of the entry, such as ``shd-train``. sources: files that `make` reads. version:
    anything that changes with the preparation. The samples' messages must be packed.
    """
    entry = f"{name}-{_key(sources, version)}"
    places = [root / "cache", _user_cache(root)]
    for place in places:
        with suppress(OSError, EOFError, ValueError, KeyError, TypeError, InvalidInput):
            return _read(place / entry)
    samples = make()
    for place in places if root.stat().st_mode & ANYONE_WRITES else places[1:]:
        with suppress(InvalidInput):
            write_whole_folder(place / entry, _files(samples), replace=True)
            _remove_stale(place, name, entry)
            break
    return samples


def _key(sources: Sequence[Path], version: str) -> str:
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in sources]
    return sha256(json.dumps([LAYOUT, stats, version]).encode()).hexdigest()[:16]


def _user_cache(root: Path) -> Path:
    """For a data directory, in the place of the XDG base directory specification."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "brf-deploy" / sha256(str(root.resolve()).encode()).hexdigest()[:16]


def _files(samples: Samples) -> dict[str, bytes]:
    assert isinstance(samples.stored, PackedBits)
    arrays = dict(zip((MESSAGES, LABELS, VALIDATION), samples.arrays, strict=False))
    about = {"inputs": samples.stored.inputs, "crc32": {name: _crc32(array) for name, array in arrays.items()}}
    return {ABOUT: json.dumps(about).encode(), **{name: _npy(array) for name, array in arrays.items()}}


def _npy(array: npt.NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _read(folder: Path) -> Samples:
    """The samples of an entry; raises where it is absent or damaged."""
    about = json.loads((folder / ABOUT).read_bytes())
    arrays = {name: np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in about["crc32"]}
    for name, expected in about["crc32"].items():
        if _crc32(arrays[name]) != expected:
            raise ValueError(f"'{folder / name}' is damaged")
    return Samples(PackedBits(arrays[MESSAGES], about["inputs"]), arrays[LABELS], arrays.get(VALIDATION))


def _crc32(array: npt.NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).data)


def _remove_stale(place: Path, name: str, entry: str) -> None:
    """Remove older entries of that name, and what a killed process left of one."""
    for folder in place.glob(f"{name}-*"):
        if folder.name != entry:
            shutil.rmtree(folder, ignore_errors=True)
