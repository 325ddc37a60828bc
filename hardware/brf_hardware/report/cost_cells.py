"""How costs stand in a table: a range of a quantity, a refusal that says what is missing, targets side by side."""

from collections.abc import Callable, Iterable, Sequence

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.range import Range
from brf_hardware.cost.tables import quantity
from brf_hardware.report.layout import Badge, Cell, Table
from brf_hardware.report.numbers import listed
from brf_hardware.report.target_cost import TargetCost

NONE = "–"
STATIC = "static_power"
MOST_NAMED = 1  # terms in a cell; the section on energy names them all
Row = tuple[str, Callable[[Estimate], Cell]]


def words(term: str) -> str:
    """A term's name for people: ``neuron updates idle``."""
    return term.replace("_", " ")


def interval(value: Range, unit: str) -> str:
    """``286 µJ (39.3 to 840 µJ)``; the number alone where it is exact."""
    nominal = quantity(value.nominal, unit)
    return nominal if value.low == value.high else f"{nominal} ({span(value.low, value.high, unit)})"


def span(low: float, high: float, unit: str) -> str:
    """``39.3 to 840 µJ``, ``958 ns to 5.92 µs``; one number where both read alike."""
    (first, start), (last, end) = (quantity(bound, unit).rsplit(" ", 1) for bound in (low, high))
    if (first, start) == (last, end):
        return f"{last} {end}"
    return f"{first} to {last} {end}" if start == end or not low else f"{first} {start} to {last} {end}"


def ranged(value: Range | None, unit: str, lacking: str) -> Cell:
    """An interval, or a refusal with what is lacking for it."""
    return refused(lacking) if value is None else interval(value, unit)


def refused(lacking: str) -> Badge:
    """In the place of a number that would be wrong."""
    return Badge(f"refused: {lacking}", "bad")


def lacking_dynamic(estimate: Estimate) -> str:
    """Prices that dynamic energy needs and the target does not have; empty where it has all."""
    return _lacking("price", [term for term in estimate.unpriced if term != STATIC])


def lacking_time(estimate: Estimate) -> str:
    """Times that latency needs and the target does not have."""
    return _lacking("time", estimate.untimed)


def lacking_static(estimate: Estimate) -> str:
    """What static energy needs: static power, and latency."""
    return _joined(_lacking("price", [term for term in estimate.unpriced if term == STATIC]), lacking_time(estimate))


def lacking_total(estimate: Estimate) -> str:
    """What a total energy needs."""
    return _joined(_lacking("price", estimate.unpriced), lacking_time(estimate))


def all_lacking(estimate: Estimate) -> str:
    """Every term that has no price or no time, for a sentence."""
    every = len(estimate.unpriced) + len(estimate.untimed)
    return _joined(_lacking("price", estimate.unpriced, every), _lacking("time", estimate.untimed, every))


def side_by_side(caption: str, targets: Sequence[TargetCost], rows: Iterable[Row], numeric: bool = False) -> Table:
    """A row a quantity, a column a target; a dash where the network fits nowhere. Cells that are words may wrap."""
    return Table(
        caption,
        ("", *(cost.target.name for cost in targets)),
        tuple(
            (name, *(NONE if cost.estimate is None else cell(cost.estimate) for cost in targets)) for name, cell in rows
        ),
        numeric=frozenset(range(1, 1 + len(targets))) if numeric else frozenset(),
    )


def _lacking(what: str, terms: Sequence[str], most: int = MOST_NAMED) -> str:
    return f"no {what} for {listed([words(term) for term in terms], most)}" if terms else ""


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
