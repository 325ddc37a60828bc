"""Words wide enough for what they hold, and no wider: every width of the hardware follows from a range."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Integers ``low .. high``."""

    low: int
    high: int

    @classmethod
    def symmetric(cls, limit: int) -> "Range":
        """``-limit .. limit``."""
        return cls(-limit, limit)

    def __or__(self, other: "Range") -> "Range":
        """The smallest range that holds both."""
        return Range(min(self.low, other.low), max(self.high, other.high))

    def __add__(self, other: "Range") -> "Range":
        """Where a sum of one of each lies."""
        return Range(self.low + other.low, self.high + other.high)

    @property
    def signed_bits(self) -> int:
        """Bits of a two's complement word; at least 1."""
        return max(self.high.bit_length(), (-self.low - 1).bit_length() if self.low < 0 else 0) + 1

    @property
    def unsigned_bits(self) -> int:
        """Bits of an unsigned word, for a range without negative numbers; at least 1."""
        return max(1, self.high.bit_length())


def bits_of_index(count: int) -> int:
    """Bits that number `count` things; at least 1."""
    return max(1, (count - 1).bit_length())
