"""A quantity that is known to lie between two bounds, with the value that is thought most likely."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from brf_hardware.targets.figure import Figure


@dataclass(frozen=True)
class Range:
    """`low` <= `nominal` <= `high`; sums and products take bounds with bounds, as if all figures erred together."""

    low: float
    nominal: float
    high: float

    @classmethod
    def of(cls, figure: Figure) -> Self:
        """The three values of a target's figure."""
        return cls(*figure.bounds)

    @classmethod
    def exact(cls, value: float) -> Self:
        """A value without uncertainty."""
        return cls(value, value, value)

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.nominal + other.nominal, self.high + other.high)

    def __mul__(self, other: "Range | float") -> "Range":
        by = other if isinstance(other, Range) else Range.exact(other)
        return Range(self.low * by.low, self.nominal * by.nominal, self.high * by.high)

    def larger(self, other: "Range") -> "Range":
        """The larger of each bound."""
        return Range(*(max(pair) for pair in zip(self.bounds, other.bounds, strict=True)))

    @property
    def bounds(self) -> tuple[float, float, float]:
        """Low, nominal, high."""
        return self.low, self.nominal, self.high


def total(parts: Iterable[Range]) -> Range:
    """Sum of ranges; 0 for none."""
    return sum(parts, Range.exact(0.0))
