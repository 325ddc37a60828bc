"""Tables of energies, counts and references, targets side by side."""

from collections.abc import Callable, Mapping
from dataclasses import fields

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.ledger import Ledger
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import (
    NONE,
    interval,
    lacking_dynamic,
    lacking_static,
    lacking_time,
    lacking_total,
    ranged,
    side_by_side,
    words,
)
from brf_hardware.report.decision import pace
from brf_hardware.report.layout import Badge, Cell, Table
from brf_hardware.report.numbers import count, percent, plural
from brf_hardware.targets.target import Anchor

LACKING: Mapping[str, Callable[[Estimate], str]] = {
    "dynamic_energy": lacking_dynamic,
    "static_energy": lacking_static,
    "total_energy": lacking_total,
    "total_power": lacking_total,
    "host_energy": lacking_time,
}
PARTS = {"dynamic": "dynamic_energy", "static": "static_energy", "total": "total_energy"}


def totals(content: ReportContent) -> Table:
    """Dynamic, static and total at both speeds."""
    speeds = tuple(enumerate(("maximum speed", pace(content))))
    return side_by_side(
        f"Energy of a sample, nominal (low to high), mean of {plural(content.evaluation.samples, 'sample')}. The host "
        "stands beside the total, where a target has a figure for it.",
        content.targets,
        [
            *((f"{part}, {speed}", _at(index, name)) for index, speed in speeds for part, name in PARTS.items()),
            *((f"total a step, {speed}", _at(index, "total_energy", per=content.steps)) for index, speed in speeds),
            ("power, maximum speed", _at(0, "total_power", "W")),
            ("power, real time", _at(1, "total_power", "W")),
            *((f"host, {speed}", _host(index)) for index, speed in speeds),
        ],
    )


def terms(content: ReportContent) -> Table:
    """Dynamic energy term by term with its share, for every term that occurred on one of the targets."""
    estimates = [cost.estimate for cost in content.targets]
    names = [name for name in _term_names() if any(e is not None and name in e.energy_by_term for e in estimates)]
    rows = [(words(name), *(cell for e in estimates for cell in _term_cells(e, name))) for name in names]
    head = tuple(text for cost in content.targets for text in (cost.target.name, "share"))
    return Table(
        "Dynamic energy of a sample by term, nominal (low to high). 0 J: another figure holds it, see the sources.",
        ("term", *head),
        tuple(rows),
        numeric=frozenset(range(1, 1 + len(head))),
    )


def counts(content: ReportContent) -> Table:
    """The ledger of a sample."""
    used = [
        name
        for name in _term_names()
        if any(cost.estimate is not None and getattr(cost.estimate.ledger, name) for cost in content.targets)
    ]
    return side_by_side(
        "The ledger: counts of a sample, exact, mean of all samples; prices multiply these. By layer in --csv.",
        content.targets,
        [(words(name), _counted(name)) for name in used],
        numeric=True,
    )


def references(content: ReportContent) -> Table:
    """Dense networks and the convention, which are alike for all targets."""
    found: dict[str, tuple[Cell, ...]] = {}
    for cost in content.targets:
        if cost.estimate is not None:
            for base in cost.estimate.baselines:
                row = (base.label, count(base.operations), interval(base.energy, "J"), base.source)
                found.setdefault(base.label, row)
    return Table(
        "References of the same size, to hold the estimates against: dynamic energy of arithmetic and weights alone, "
        "at batch 1. Dense networks were not trained: their accuracy is not known. The convention is no estimate.",
        ("reference", "operations", "energy a sample", "source"),
        tuple(found.values()),
        numeric=frozenset({1, 2}),
    )


def anchors(content: ReportContent) -> Table | None:
    """What was measured on the targets; None where nothing is known."""
    rows = tuple(
        (cost.target.name, anchor.label, _measured(anchor), anchor.source)
        for cost in content.targets
        for anchor in cost.target.anchors
    )
    caption = "Published measurements of whole workloads, all of other networks."
    return Table(caption, ("chip", "workload", "measured", "source"), rows, numeric=frozenset({2})) if rows else None


def _measured(anchor: Anchor) -> str:
    low, high = f"{anchor.low:g}", f"{anchor.high:g}"
    return f"{low} {anchor.unit}" if low == high else f"{low} to {high} {anchor.unit}"


def _term_names() -> tuple[str, ...]:
    return tuple(field.name for field in fields(Ledger))


def _at(speed: int, name: str, unit: str = "J", per: int = 1) -> Callable[[Estimate], Cell]:
    def cell(estimate: Estimate) -> Cell:
        value = getattr(estimate.operations[speed], name)
        lacking = LACKING[name](estimate) or "a step takes no time"
        return ranged(None if value is None else value * (1 / per), unit, lacking)

    return cell


def _host(speed: int) -> Callable[[Estimate], Cell]:
    """A dash where the target has no figure for a host."""
    cell = _at(speed, "host_energy")
    return lambda estimate: NONE if estimate.target.host_power is None else cell(estimate)


def _term_cells(estimate: Estimate | None, name: str) -> tuple[Cell, Cell]:
    if estimate is None or name not in estimate.energy_by_term:
        return NONE, ""
    energy = estimate.energy_by_term[name]
    if energy is None:
        return Badge("no price", "bad"), ""
    share = estimate.share(energy)
    return interval(energy * (1 / estimate.work.samples), "J"), "" if share is None else percent(share, 1)


def _counted(name: str) -> Callable[[Estimate], Cell]:
    return lambda estimate: count(getattr(estimate.ledger, name) / estimate.work.samples)
