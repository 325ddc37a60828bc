"""An estimate as tables for people: counts first, then times, energy, budgets, and what to hold it against."""

import math
from collections.abc import Iterator
from dataclasses import fields

from rich.box import SIMPLE_HEAD
from rich.table import Table

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.ledger import Ledger
from brf_hardware.cost.price_grades import grade_of
from brf_hardware.cost.range import Range
from brf_hardware.report.numbers import count, listed

PREFIXES = ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"))
SHOWN_NEURONS = 8
LINK_NAMES = "A link is named by the routers that it joins: chip/column/row."
RANGE = ("low", "nominal", "high")
WORDS = ("price", "source", "limited by", "neurons over their share", "dead", "immortal")  # columns that may wrap
_REFUSED = ("refused", "refused", "refused")


def quantity(value: float, unit: str) -> str:
    """A number with the prefix that leaves one to three digits before the point: ``16.5 µJ``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    shown = float(f"{value:.3g}")  # rounded first: 999.7 µJ are 1 mJ
    scale, prefix = next((pair for pair in PREFIXES if abs(shown) >= pair[0]), PREFIXES[-1])
    return f"{shown / scale:.3g} {prefix}{unit}" if shown < 1e3 else f"{value:,.0f} {unit}"


def tables(estimate: Estimate) -> Iterator[Table]:
    """All tables of one target."""
    yield ledger_table(estimate)
    if estimate.work.timing is not None:
        yield latency_table(estimate)
    yield energy_table(estimate)
    if any(operation.dynamic_energy or operation.static_energy for operation in estimate.operations):
        yield total_table(estimate)
    if estimate.budgets:
        yield budget_table(estimate)
    yield comparison_table(estimate)


def ledger_table(estimate: Estimate) -> Table:
    """Counts of a sample, by layer."""
    samples = estimate.work.samples
    table = _table(
        f"counts, mean of {samples:,} samples of {estimate.work.steps:,} steps",
        "term",
        *estimate.costing.populations,
        "all",
    )
    for field in fields(Ledger):
        counts = [getattr(ledger, field.name) for ledger in estimate.work.ledgers]
        if any(counts):
            table.add_row(_words(field.name), *(count(number / samples) for number in (*counts, sum(counts))))
    return table


def latency_table(estimate: Estimate) -> Table:
    """Times of a step and a sample at both speeds."""
    timing = estimate.work.timing
    table = _table("latency", "", *RANGE)
    if timing is None:
        return table
    table.add_row("mean step, maximum speed", *_cells(timing.busy_time * (1 / timing.steps), "s"))
    table.add_row("longest step", *_cells(timing.worst_step, "s"))
    for operation in estimate.operations:
        table.add_row(f"sample, {operation.speed}", *_cells(operation.execution_time, "s"))
        rate = operation.inferences_per_second
        table.add_row("  samples a second", *_REFUSED if rate is None else map(count, rate.bounds))
    bound = ", ".join(f"{stage} {share:.0%}" for stage, share in estimate.bound_by.items())
    table.caption = (
        f"steps bound by: {bound}; {timing.late_steps:,} of {timing.steps:,} steps are longer than "
        f"{quantity(timing.period, 's')}"
    )
    return table


def energy_table(estimate: Estimate) -> Table:
    """Dynamic energy of a sample term by term, with share and origin of the price."""
    table = _table("dynamic energy of a sample", "term", *RANGE, "share", "price")
    for name, energy in estimate.energy_by_term.items():
        figure, share = estimate.target.energy.get(name), estimate.share(energy)
        if figure is None:
            origin = "[red]unpriced[/]"
        else:
            origin = f"{figure.source}, {grade_of(estimate, name).value}" if figure.high else figure.note
        a_sample = None if energy is None else energy * (1 / estimate.work.samples)
        table.add_row(_words(name), *_cells(a_sample, "J"), "" if share is None else f"{share:.1%}", origin)
    return table


def total_table(estimate: Estimate) -> Table:
    """Dynamic, static and total energy of a sample and a step, and power, at both speeds."""
    table = _table("energy of a sample", "", *RANGE, "share")
    for operation in estimate.operations:
        total = operation.total_energy
        table.add_row(f"[bold]{operation.speed}[/]")
        for name, part in (("dynamic", operation.dynamic_energy), ("static", operation.static_energy)):
            share = "" if part is None or not total or not total.nominal else f"{part.nominal / total.nominal:.1%}"
            table.add_row(f"  {name}", *_cells(part, "J"), share)
        table.add_row("  total", *_cells(total, "J"))
        table.add_row("  total a step", *_cells(None if total is None else total * (1 / estimate.work.steps), "J"))
        if estimate.target.host_power is not None:
            table.add_row("  host, beside the total", *_cells(operation.host_energy, "J"))
        table.add_row("  power", *_cells(operation.total_power, "W"))
    return table


def budget_table(estimate: Estimate) -> Table:
    """Spikes that each layer may fire at the wanted rate, and what it fires."""
    table = _table(
        f"spike budget, a step every {quantity(estimate.costing.period, 's')}",
        *("layer", "spikes a step", "budget", "headroom", "limited by", "neurons over their share", "dead", "immortal"),
    )
    if any("link" in budget.limited_by for budget in estimate.budgets):
        table.caption = LINK_NAMES
    for budget in estimate.budgets:
        colour = "red" if budget.exceeded else "green"
        table.add_row(
            budget.layer,
            count(budget.spent),
            count(budget.budget),
            f"[{colour}]{budget.headroom:,.3g}x[/]",
            budget.limited_by,
            *(listed(neurons.tolist(), SHOWN_NEURONS) for neurons in (budget.over, budget.dead, budget.immortal)),
        )
    return table


def comparison_table(estimate: Estimate) -> Table:
    """Dense networks, the convention, and published measurements of the target."""
    table = _table("to hold it against: dynamic energy of one sample, and what was measured", "", *RANGE, "source")
    for base in estimate.baselines:
        table.add_row(base.label, *_cells(base.energy, "J"), base.source)
    for anchor in estimate.target.anchors:
        table.add_row(
            f"measured: {anchor.label}", f"{anchor.low:g}", "", f"{anchor.high:g} {anchor.unit}", anchor.source
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        words = not index or name in WORDS
        table.add_column(name, justify="left" if words else "right", no_wrap=not words)
    return table


def _cells(value: Range | None, unit: str) -> tuple[str, ...]:
    return (
        ("refused", "refused", "refused") if value is None else tuple(quantity(bound, unit) for bound in value.bounds)
    )


def _words(term: str) -> str:
    return term.replace("_", " ")
