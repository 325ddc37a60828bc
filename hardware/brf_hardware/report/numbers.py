"""How numbers are written for people."""

import math
from collections.abc import Sequence


def count(number: float) -> str:
    """A count with thousands separators; a mean, a float below 100, keeps decimals: ``6,914``, ``15.3``, ``0.25``."""
    if not isinstance(number, float) or number == 0 or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if abs(number) >= 10 else f"{number:.2f}"


def percent(share: float, digits: int = 2) -> str:
    """A share of one as a percentage."""
    return f"{share:.{digits}%}"


def radius(value: float) -> str:
    """A pole radius with as many digits as show its distance from 1 to two places: ``0.99981``."""
    distance = abs(1 - value)
    if distance == 0:
        return "1 exactly"
    return f"{value:.{min(15, max(4, 1 - math.floor(math.log10(distance))))}f}"


def real(value: float) -> str:
    """A real number to three significant digits, without an exponent where it reads well."""
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1e5:
        text = f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
    else:
        text = f"{value:.2e}"
    return text.replace("-", "−")


def size(bytes_: int) -> str:
    """A number of bytes, in KiB or MiB once bytes alone no longer read well."""
    for unit, step in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if bytes_ >= 4 * step:
            return f"{bytes_ / step:,.1f} {unit}"
    return f"{bytes_:,} B"


def decibel(value: float | None) -> str:
    """A ratio in dB; a dash where there is none, ``lossless`` where nothing was lost."""
    if value is None:
        return "–"
    return "lossless" if math.isinf(value) else f"{value:.1f} dB"


def plural(number: int, noun: str) -> str:
    """``1 neuron``, ``36 neurons``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def listed(things: Sequence[object], most: int = 12) -> str:
    """The first few of a list and how many more there are; ``none`` for an empty one."""
    if not things:
        return "none"
    shown = ", ".join(map(str, things[:most]))
    return shown if len(things) <= most else f"{shown} and {len(things) - most:,} more"
