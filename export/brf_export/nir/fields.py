"""Typed fields of NIR nodes: what may stand in a file is declared once, in the node's class."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, get_args, get_type_hints

import nir
import numpy as np

from brf_deploy.arrays import Floats, Ints
from brf_deploy.errors import BrfError, InvalidFile, InvalidNetwork

SCHEMA = 1  # of every node below; a change of fields or of their meaning makes it 2


@dataclass(frozen=True)
class Kind:
    """What a field holds: int64 integers, float32 or float64 reals, or text; a scalar, or an array with `axes`."""

    sort: Literal["integer", "real", "text"]
    axes: int = 0
    optional: bool = False

    def checked(self, name: str, value: Any) -> Any:
        """`value` as int, float, str or array; raises `InvalidFile` where it is of another kind."""
        if self.sort == "text":
            return _checked_text(name, value)
        array = np.asarray(value)
        exact = array.dtype.kind in "iu" and np.can_cast(array.dtype, np.int64)
        fits = exact if self.sort == "integer" else array.dtype.kind == "f" and array.dtype.itemsize in (4, 8)
        if not fits or array.ndim != self.axes:
            raise InvalidFile(f"field '{name}': {_found(value)} found, {self} needed")
        if self.axes == 0:
            return array.item()
        return array.astype(np.int64 if exact else array.dtype.newbyteorder("="))

    def __str__(self) -> str:
        if self.sort == "text":
            return "text"
        return f"{self.sort} scalar" if self.axes == 0 else f"{self.sort} array (ndim {self.axes})"


# The annotations of a node's fields.
Integer = Annotated[int, Kind("integer")]
Integers = Annotated[Ints, Kind("integer", 1)]
Real = Annotated[float, Kind("real")]
Reals = Annotated[Floats, Kind("real", 1)]
Text = Annotated[str, Kind("text")]


def kinds_of(node: type) -> dict[str, Kind]:
    """The annotated fields of a node class; one that may be None is optional."""
    found = {}
    for name, hint in get_type_hints(node, include_extras=True).items():
        for part in (hint, *get_args(hint)):
            for mark in getattr(part, "__metadata__", ()):
                found[name] = replace(mark, optional=part is not hint)
    return found


@contextmanager
def within(where: str) -> Iterator[None]:
    """Put `where` before the message of any error of the project."""
    try:
        yield
    except BrfError as error:
        raise type(error)(f"{where}: {error}") from error


@dataclass(eq=False, kw_only=True)
class SchemaNode(nir.NIRNode):  # type: ignore[misc]  # nir is not typed
    """A node of this project: every field is checked when it is made, and an absent optional one is not stored."""

    schema: Integer

    def __post_init__(self) -> None:
        require_schema(self.schema)
        for name, kind in kinds_of(type(self)).items():
            value = getattr(self, name)
            if not (kind.optional and value is None):
                setattr(self, name, kind.checked(name, value))
        self.input_type = {"input": np.array([self.width])}
        self.output_type = {"output": np.array([self.width])}

    @property
    def width(self) -> int:
        """Number of channels, the same in and out."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The fields as nir stores them."""
        return {name: value for name, value in super().to_dict().items() if value is not None}


def require_schema(found: Any) -> None:
    """Refuse a node of another schema version."""
    if not np.array_equal(found, SCHEMA):
        raise InvalidFile(
            f"schema version {found} found, this program reads {SCHEMA}; use the version of brf-deploy that wrote the "
            "file, or export the network again"
        )


def _checked_text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidFile(f"field '{name}': {_found(value)} found, text needed")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidNetwork(f"field '{name}': {value!r} holds NUL or half a surrogate pair, which HDF5 cannot store")
    return value


def _found(value: Any) -> str:
    if isinstance(value, str | bytes):
        return "text"
    array = np.asarray(value)
    return f"{array.dtype} array (ndim {array.ndim})" if array.ndim else f"{array.dtype} scalar"
