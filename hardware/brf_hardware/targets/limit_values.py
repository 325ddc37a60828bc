"""A limit's value: what each one may be, from a file or from the command line."""

from dataclasses import MISSING, fields
from typing import Any

from brf_deploy.errors import InvalidInput
from brf_hardware.targets.target import Limits
from brf_hardware.targets.terms import OPERATIONS

NO_LIMIT = "none"
LARGEST = 2**62  # beyond any machine, and a sum of two still fits 64 bits
# Without these there is no chip; the rest may be unlimited.
COUNTS = ("chips", "cores_per_chip", "cores_per_router")
LIMITS = tuple(field.name for field in fields(Limits))
REQUIRED_LIMITS = tuple(field.name for field in fields(Limits) if field.default is MISSING)


def limit_value(name: str, value: Any) -> Any:
    """`value` as `Limits` holds limit `name`; raises `InvalidInput` saying what was found and is expected."""
    if name == "mesh":
        return _mesh(value)
    if value == NO_LIMIT and name not in COUNTS:
        return None
    if name == "operations":
        return _operations(value)
    low = 1 if name in COUNTS else 0
    if not _is_integer(value, low):
        rest = "" if name in COUNTS else f" or '{NO_LIMIT}'"
        raise InvalidInput(f"{value!r} found, expected an integer in {low}..2^62{rest}")
    return value


def limit_from_text(name: str, text: str) -> Any:
    """A limit from the command line: ``120``, ``none``, ``8x4`` for the mesh, ``add,shift`` for operations."""
    if name == "mesh":
        return limit_value(name, [_integer(part) for part in text.split("x")])
    if name == "operations" and text != NO_LIMIT:
        return limit_value(name, [part.strip() for part in text.split(",")])
    return limit_value(name, _integer(text))


def _mesh(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2 or not all(_is_integer(item, 1) for item in value):
        raise InvalidInput(f"{value!r} found, expected columns and rows, two integers of 1 or more")
    return value[0], value[1]


def _operations(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(item in OPERATIONS for item in value):
        raise InvalidInput(f"{value!r} found, expected a list of some of: {', '.join(OPERATIONS)}; or '{NO_LIMIT}'")
    return frozenset(value)


def _is_integer(value: Any, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= LARGEST


def _integer(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text.strip()
