"""Reading a TOML file with errors that name file and key, and what was expected there."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from brf_deploy.errors import InvalidFile

REQUIRED: Any = object()


def read_toml(path: Path, kind: str) -> "Table":
    """The whole file as a table; raises `InvalidFile` where it is absent or not TOML.

    kind: what the file is, in one word, for messages: ``recipe``, ``target``.
    """
    try:
        return Table(f"{kind} '{path}'", "", tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InvalidFile(f"{kind} '{path}': no such file") from None
    except (ValueError, OSError) as error:
        raise InvalidFile(f"{kind} '{path}': not a readable TOML file ({error})") from error


class Table:
    """One table of a TOML file; each key is taken once, and `close` refuses what is left."""

    def __init__(self, file: str, name: str, values: dict[str, Any]) -> None:
        self.file, self.name = file, name
        self.left = dict(values)
        self.known: list[str] = []

    def __contains__(self, key: str) -> bool:
        """Whether the file gives a value that is not taken yet; asking makes the key known."""
        self.known.append(key)
        return key in self.left

    def rest(self) -> tuple[str, ...]:
        """Keys that are not taken yet, in the file's order: for tables whose keys are the user's names."""
        return tuple(self.left)

    def table(self, key: str) -> "Table":
        """A required table within this one."""
        values = self._take(key)
        if not isinstance(values, dict):
            self.fail(key, values, "a table")
        return Table(self.file, f"{self.name}{key}.", values)

    def tables(self, key: str) -> tuple["Table", ...]:
        """A list of tables, ``[[key]]``; empty where the key is absent."""
        values = self._take(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            self.fail(key, values, "a list of tables")
        return tuple(Table(self.file, f"{self.name}{key}[{index}].", value) for index, value in enumerate(values))

    def value(self, key: str) -> Any:
        """A required value of whatever type."""
        return self._take(key)

    def text(self, key: str, default: Any = REQUIRED) -> str:
        """A string."""
        value = self._take(key, default)
        if not isinstance(value, str):
            self.fail(key, value, "a string")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty where the key is absent."""
        values = self._take(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            self.fail(key, values, "a list of strings")
        return tuple(values)

    def choice(self, key: str, options: Sequence[str], default: Any = REQUIRED) -> str:
        """One of some strings."""
        value = self._take(key, default)
        if value not in options:
            self.fail(key, value, "one of " + ", ".join(options))
        return str(value)

    def integer(self, key: str, low: int, high: int, default: Any = REQUIRED) -> int:
        """An integer in ``low .. high``."""
        value = self._take(key, default)
        if not _is_integer(value) or not low <= value <= high:
            self.fail(key, value, f"an integer in {low}..{high}")
        return int(value)

    def integers(self, key: str, low: int, high: int) -> tuple[int, ...]:
        """A required list of at least one integer in ``low .. high``."""
        values = self._take(key)
        if not isinstance(values, list) or not values or not all(_is_integer(v) and low <= v <= high for v in values):
            self.fail(key, values, f"a list of integers in {low}..{high}")
        return tuple(values)

    def number(self, key: str, low: float, high: float, default: Any = REQUIRED) -> float:
        """A number in ``low .. high``."""
        value = self._take(key, default)
        if not _is_number(value) or not low <= value <= high:
            self.fail(key, value, f"a number in {low:g}..{high:g}")
        return float(value)

    def pair(self, key: str) -> tuple[float, float]:
        """A required list of two numbers."""
        values = self._take(key)
        if not _is_pair(values):
            self.fail(key, values, "a list of two numbers")
        return float(values[0]), float(values[1])

    def pairs(self, key: str) -> tuple[tuple[float, float], ...]:
        """A list of pairs of numbers; empty where the key is absent."""
        values = self._take(key, [])
        if not isinstance(values, list) or not all(_is_pair(value) for value in values):
            self.fail(key, values, "a list of pairs of numbers")
        return tuple((float(first), float(second)) for first, second in values)

    def close(self) -> None:
        """Refuse keys that nobody took."""
        for key in self.left:
            known = ", ".join(dict.fromkeys(self.known))
            raise InvalidFile(f"{self.file}: key '{self.name}{key}' is unknown; known here: {known}")

    def fail(self, key: str, found: Any, expected: str) -> NoReturn:
        """Refuse a value."""
        raise InvalidFile(f"{self.file}: {self.name}{key} = {found!r} found, expected {expected}")

    def _take(self, key: str, default: Any = REQUIRED) -> Any:
        self.known.append(key)
        value = self.left.pop(key, default)
        if value is REQUIRED:
            raise InvalidFile(f"{self.file}: key '{self.name}{key}' is missing")
        return value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return (_is_integer(value) or isinstance(value, float)) and abs(value) < float("inf")


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_number(item) for item in value)
