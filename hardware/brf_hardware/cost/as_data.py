"""An estimate as plain data: a mapping for JSON, rows for CSV."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from brf_hardware.cost.budget import LayerBudget
from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.operation import Operation
from brf_hardware.cost.price_grades import grade_of
from brf_hardware.cost.range import Range

COLUMNS = ("target", "part", "quantity", "count", "low", "nominal", "high", "unit", "share", "source", "grade")
QUANTITIES = {
    "execution_time": "s",
    "dynamic_energy": "J",
    "static_energy": "J",
    "total_energy": "J",
    "host_energy": "J",
    "dynamic_power": "W",
    "static_power": "W",
    "total_power": "W",
}


def as_dict(estimate: Estimate) -> dict[str, Any]:
    """Everything an estimate says, in seconds, joules and watts; None where a price or time is missing.

    ``scope`` says what counts and energies are of: the ledger and its terms add over all samples, operations are means.
    """
    work, timing = estimate.work, estimate.work.timing
    return {
        "target": estimate.target.name,
        "title": estimate.target.title,
        "cores": estimate.costing.fabric.cores,
        "chips": estimate.costing.fabric.chips,
        "mapping": None if estimate.costing.mapping is None else estimate.costing.mapping.method,
        "samples": work.samples,
        "steps_per_sample": work.steps,
        "period": estimate.costing.period,
        "scope": {"ledger": "all samples", "energy_terms": "all samples", "operations": "mean of a sample"},
        "ledger": {
            "total": vars(estimate.ledger),
            **{name: vars(ledger) for name, ledger in zip(estimate.costing.populations, work.ledgers, strict=True)},
        },
        "unpriced": estimate.unpriced,
        "untimed": estimate.untimed,
        "energy_terms": [
            {"population": term.population, "term": term.term, "count": term.count, "energy": _range(term.energy)}
            for term in estimate.terms
        ],
        "operations": {operation.speed: _operation(operation) for operation in estimate.operations},
        "latency": None
        if timing is None
        else {
            "worst_step": _range(timing.worst_step),
            "worst_sample": _range(timing.worst_sample),
            "late_steps": timing.late_steps,
            "late_samples": timing.late_samples,
            "bound_by": estimate.bound_by,
        },
        "budgets": [_budget(budget) for budget in estimate.budgets],
        "over_budget": estimate.over_budget,
        "budget_failures": estimate.budget_failures,
        "baselines": [
            {"label": base.label, "operations": base.operations, "energy": _range(base.energy), "source": base.source}
            for base in estimate.baselines
        ],
        "anchors": [vars(anchor) for anchor in estimate.target.anchors],
        "assumptions": estimate.target.assumptions,
        "sources": estimate.target.sources,
    }


def as_csv(estimates: Iterable[Estimate]) -> str:
    """Rows of `COLUMNS`, of one sample: every term of every population (the part), then the totals of each speed, the
    spike budgets of each layer in spikes a step, and the dense networks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for estimate in estimates:
        writer.writerows((estimate.target.name, *row) for row in _rows(estimate))
    return text.getvalue()


def _rows(estimate: Estimate) -> Iterator[tuple[Any, ...]]:
    samples = estimate.work.samples
    for term in estimate.terms:
        energy = None if term.energy is None else term.energy * (1 / samples)
        share = estimate.share(term.energy)
        yield (
            term.population,
            term.term,
            term.count / samples,
            *_bounds(energy),
            "J",
            _or_empty(share),
            *_origin(estimate, term.term),
        )
    for operation in estimate.operations:
        for name, unit in QUANTITIES.items():
            yield operation.speed, name, "", *_bounds(getattr(operation, name)), unit, "", "", ""
    for budget in estimate.budgets:
        yield budget.layer, "spike_budget", budget.spent, "", budget.budget, "", "spikes a step", "", "", ""
    for base in estimate.baselines:
        yield base.label, "dynamic_energy", base.operations, *base.energy.bounds, "J", "", base.source, ""


def _operation(operation: Operation) -> dict[str, Any]:
    return {name: _range(getattr(operation, name)) for name in (*QUANTITIES, "inferences_per_second")}


def _budget(budget: LayerBudget) -> dict[str, Any]:
    return {**vars(budget), "headroom": budget.headroom, "exceeded": budget.exceeded}


def _range(value: Range | None) -> dict[str, float] | None:
    return None if value is None else {"low": value.low, "nominal": value.nominal, "high": value.high}


def _bounds(value: Range | None) -> tuple[float | str, ...]:
    return ("", "", "") if value is None else value.bounds


def _origin(estimate: Estimate, term: str) -> tuple[str, str]:
    figure = estimate.target.energy.get(term)
    return ("", "unpriced") if figure is None else (figure.source, grade_of(estimate, term).value)


def _or_empty(value: float | None) -> float | str:
    return "" if value is None else value
