"""How many spikes each target has time for at the wanted rate, and which neurons take more."""

import math

from brf_hardware.cost.budget import LayerBudget
from brf_hardware.cost.tables import LINK_NAMES, quantity
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import lacking_time, refused
from brf_hardware.report.figures.budget import firing_rates
from brf_hardware.report.layout import Badge, Block, Cell, Picture, Section, Table
from brf_hardware.report.numbers import count, listed, real
from brf_hardware.report.target_cost import TargetCost


def budget(content: ReportContent) -> Section:
    """Rates of neurons against their budgets, then a row a target and layer."""
    label = "Spikes a step of every neuron, the busiest first, against the budgets of the targets."
    caption = (
        "Spikes a step of every neuron, the busiest first; rings at the bottom are neurons that never fired. Lines: an "
        "equal share of the layer's budget, no more than a spike a step, and the rate from which a neuron counts as "
        "immortal: it fires in at least every second step and carries no timing any more."
    )
    blocks: list[Block] = [
        "A layer's budget is the number of spikes a step that the busiest core or link has time for in real time, "
        "beside its other work.",
        Picture(firing_rates(content), label, caption),
        _table(content),
    ]
    return Section("budget", "Spike budget", tuple(blocks))


def _table(content: ReportContent) -> Table:
    rows = [row for cost in content.targets for row in _rows(cost)]
    return Table(
        f"Spikes a step, mean over samples. Headroom: budget over spent. {LINK_NAMES}",
        ("target, layer", "step", "spent", "budget", "headroom", "limited by", "over their share", "dead", "immortal"),
        tuple(rows),
        numeric=frozenset({1, 2, 3, 4}),
    )


def _rows(cost: TargetCost) -> list[tuple[Cell, ...]]:
    estimate = cost.estimate
    if estimate is None:
        return [(cost.target.name, "", "", "", Badge("fits nowhere", "bad"), "", "", "", "")]
    if not estimate.budgets:
        return [(cost.target.name, "", "", "", refused(lacking_time(estimate)), "", "", "", "")]
    return [_row(cost.target.name, found, quantity(estimate.costing.period, "s")) for found in estimate.budgets]


def _row(target: str, found: LayerBudget, step: str) -> tuple[Cell, ...]:
    limited = found.limited_by if math.isfinite(found.budget) else "nothing"
    return (
        f"{target}, {found.layer}",
        step,
        real(found.spent),
        _finite(found.budget),
        Badge(f"{_finite(found.headroom)}×", "bad" if found.exceeded else "good"),
        limited,
        *(listed(neurons.tolist()) for neurons in (found.over, found.dead, found.immortal)),
    )


def _finite(value: float) -> str:
    return count(value) if math.isfinite(value) else "∞"
