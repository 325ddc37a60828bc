"""C's integer types, each wide enough for what it holds: every type of the generated code follows from a bound."""

from dataclasses import dataclass

from brf_deploy.arrays import Ints

WIDTHS = (8, 16, 32, 64)


@dataclass(frozen=True)
class Word:
    """A C type of `bits` bits for values of magnitude up to `most`."""

    most: int
    bits: int
    signed: bool = True

    @property
    def c(self) -> str:
        """The type's name."""
        return f"{'' if self.signed else 'u'}int{self.bits}_t"

    @property
    def numpy(self) -> str:
        """Its name in numpy."""
        return f"{'i' if self.signed else 'u'}{self.bytes}"

    @property
    def limit(self) -> str:
        """The macro with its largest value."""
        return f"{'' if self.signed else 'U'}INT{self.bits}_MAX"

    @property
    def bytes(self) -> int:
        """Its size."""
        return self.bits // 8

    def literal(self, value: int) -> str:
        """A constant of this type."""
        return f"{'' if self.signed else 'U'}INT{self.bits}_C({value})"


def word_for(most: int, least: int = 32) -> Word:
    """The narrowest type, of `least` bits or more, for magnitudes up to `most`.

    What is multiplied takes 32 bits or more, so that C's promotion to `int` changes nothing, whatever the size of
    `int`; only states and sums of weights take less.
    """
    return Word(most, next(bits for bits in WIDTHS if bits >= least and most < 1 << (bits - 1)))


def word_of(values: Ints) -> Word:
    """The narrowest type for a table of these values; unlike in `word_for`, -128 fits 8 bits."""
    most = max(int(values.max(initial=0)), -int(values.min(initial=0)) - 1)
    return Word(int(abs(values).max(initial=0)), word_for(most, 8).bits)


def index_word(count: int) -> Word:
    """An unsigned type for 0 .. count, two bytes or more."""
    return Word(count, 16 if count < 1 << 16 else 32, signed=False)


def position_word(count: int) -> Word:
    """An unsigned type for 0 .. count - 1, as narrow as can be."""
    return Word(count - 1, next(bits for bits in WIDTHS if count <= 1 << bits), signed=False)
