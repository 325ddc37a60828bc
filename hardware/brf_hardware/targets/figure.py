"""A figure with everything that a reader needs to doubt it: range, unit, technology, source and grade."""

from dataclasses import dataclass
from enum import Enum

from brf_deploy.errors import InvalidInput


class Grade(Enum):
    """How a figure came to be, best first; limits are documented or assumed."""

    MEASURED = "measured silicon"
    DOCUMENTED = "documented"
    SPICE = "SPICE"
    DERIVED = "derived"
    ASSUMED = "assumed"


@dataclass(frozen=True)
class Figure:
    """`low` <= `nominal` <= `high`, all in `unit`; `node` and `voltage` where the source names them."""

    low: float
    nominal: float
    high: float
    unit: str
    source: str
    grade: Grade
    node: str | None = None
    voltage: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.nominal <= self.high < float("inf"):
            raise InvalidInput(
                f"figure from '{self.source}': low {self.low:g}, nominal {self.nominal:g}, high {self.high:g} "
                f"{self.unit}; 0 <= low <= nominal <= high is needed"
            )

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Low, nominal, high."""
        return self.low, self.nominal, self.high
