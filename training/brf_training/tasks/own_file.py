"""The arrays of an `.npz` file by name, checked as they are taken."""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidFile, MissingData

Array = npt.NDArray[Any]

LARGEST = 2**16 - 1  # message that an encoding carries; a label beyond it is taken for a mistake


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """The arrays of a file; what is refused is `InvalidFile` naming file, array and record."""

    path: Path
    arrays: Mapping[str, Array]

    @classmethod
    def read(cls, path: Path, known: Sequence[str], instead: Mapping[str, str]) -> Self:
        """The file, which holds no array but those `known`; raises `MissingData` where there is none.

        instead: what to store in place of Python objects, by the first letter of the array's name.
        """
        file = cls(path, _read(path, instead))
        for name in file.arrays:
            if name not in known:
                hint = ", named as in numpy.savez('my.npz', x=x, y=y)" if name.startswith("arr_") else ""
                found = f"has no meaning here{_nearest(name, known)}"
                file.fail(f"array '{name}'", found, f"none but {_list(known)}{hint}")
        return file

    def fail(self, name: str, found: str, needed: str) -> NoReturn:
        """Refuse the file: what array `name` is found to be, and what is needed instead."""
        raise InvalidFile(f"'{self.path}': {name} {found}; needed: {needed}")

    def array(self, name: str) -> Array:
        """The array, as it is in the file."""
        if name not in self.arrays:
            raise InvalidFile(f"'{self.path}': no array '{name}' in it, found {_list(self.arrays) or 'none'}")
        return self.arrays[name]

    def whole_numbers(self, name: str, axis: int, advice: str, record: str = "record") -> Array:
        """An array of whole numbers 0..65535, as narrow as they allow; records are counted along `axis`."""
        array = self.array(name)
        needed = f"whole numbers 0..{LARGEST}, {advice}"
        if array.dtype.kind not in "biuf":
            self.fail(name, f"has dtype {array.dtype}", needed)
        if not _is_whole(array):
            wrong = np.argwhere(~((array >= 0) & (array <= LARGEST) & (array == np.floor(array))))[0]  # so NaN is wrong
            self.fail(name, f"has {array[tuple(wrong)]} in {record} {wrong[axis]}", needed)
        return array.astype(np.min_scalar_type(int(array.max(initial=0))), copy=False)

    def number(self, name: str, smallest: int, largest: int, why: str = "") -> int:
        """A single whole number ``smallest .. largest``."""
        array = self.array(name)
        whole = array.size == 1 and array.dtype.kind in "iuf" and array.item() == np.floor(array.item())
        if not whole or not smallest <= array.item() <= largest:
            self.fail(
                name,
                f"is {repr(array.item()) if array.size == 1 else array}",
                f"a whole number {smallest}..{largest}{why}",
            )
        return int(array.item())


def _read(path: Path, instead: Mapping[str, str]) -> dict[str, Array]:
    if not path.is_file():
        raise MissingData(
            f"task '{path}': no such file; name the one that you have (`brf-deploy train FILE`, --task FILE, for "
            f"quantize --calibrate FILE), or write one with numpy.savez('{path.name}', x=..., y=...)"
        )
    try:
        with path.open("rb") as file, zipfile.ZipFile(file), np.load(file, allow_pickle=False) as content:
            return {name: _load(path, name, content, instead) for name in content.files}
    except MemoryError as error:
        raise InvalidFile(
            f"'{path}': does not fit into memory ({error}); store x in the narrowest type that holds it, such as "
            "uint8, or as events"
        ) from error
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise InvalidFile(
            f"'{path}': not a whole .npz file of plain arrays ({error}); write it anew with numpy.savez"
        ) from error


def _load(path: Path, name: str, content: Mapping[str, Array], instead: Mapping[str, str]) -> Array:
    try:
        return content[name]
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        raise InvalidFile(
            f"'{path}': {name} is of Python objects; needed: numbers, {instead.get(name[:1], 'such as numpy.int64')}"
        ) from error


def _nearest(name: str, known: Sequence[str]) -> str:
    """The name that was meant, where it can be told: case, order of words and "train" do not count."""
    words = sorted((word for word in name.lower().split("_") if word != "train"), key=len)
    found = get_close_matches("_".join(words), known, 1)
    return f" (is '{found[0]}' meant?)" if found else ""


def _list(names: Sequence[str] | Mapping[str, Array]) -> str:
    return ", ".join(names)


def _is_whole(array: Array) -> bool:
    """Whether all is a whole number 0..65535; integers take no memory for that."""
    if array.dtype.kind == "b" or array.size == 0:
        return True
    if not (array.min() >= 0 and array.max() <= LARGEST):
        return False
    return array.dtype.kind in "iu" or bool((array == np.floor(array)).all())
