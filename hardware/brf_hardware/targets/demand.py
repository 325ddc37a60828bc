"""What a network demands of a target in one place, beside what the target has there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from brf_deploy.network import IntegerNetwork
from brf_hardware.targets.target import Limits, Target

LARGEST_SHARE = 1e9  # of a limit of 0 that is exceeded: more than any other


@dataclass(frozen=True)
class Demand:
    """One comparison. where: layer, neuron or value; found and limit: in words; remedy: a way out if it does not hold.

    share: of the limit that is taken, above 1 where it does not hold; 0 where there is no limit.
    """

    where: str
    found: str
    limit: str
    holds: bool
    remedy: str
    share: float

    @classmethod
    def at_most(cls, where: str, found: float, limit: float | None, unit: str, remedy: str) -> "Demand":
        """`found` must not exceed `limit`; without a limit it holds."""
        amount = f"{found:,.15g} {unit.removesuffix('s') if found == 1 else unit}"
        if limit is None:
            return cls(where, amount, "no limit", True, remedy, 0.0)
        share = found / limit if limit else float(found > 0) * LARGEST_SHARE
        return cls(where, amount, f"{limit:,.15g}", found <= limit, remedy, share)

    @classmethod
    def there(cls, where: str, found: str, limit: str, holds: bool, remedy: str) -> "Demand":
        """Something that is there or not, with nothing to measure."""
        return cls(where, found, limit, holds, remedy, 0.0 if holds else LARGEST_SHARE)


@dataclass(frozen=True, eq=False)
class Case:
    """A network against a target that has limits, with one of its allocations."""

    network: IntegerNetwork
    target: Target
    limits: Limits
    allocation: str


Rule = Callable[[Case], Iterator[Demand]]


def title(rule: Rule) -> str:
    """The rule's message: the first line of its docstring."""
    return (rule.__doc__ or "").strip().split("\n")[0]


def explanation(rule: Rule) -> str:
    """The rest of its docstring, as Markdown."""
    lines = (rule.__doc__ or "").strip().split("\n")[1:]
    return "\n".join(line.removeprefix("    ") for line in lines).strip()


def signed_bits(magnitude: int) -> int:
    """Bits of a two's complement word that holds ``-magnitude .. magnitude``."""
    return magnitude.bit_length() + 1
