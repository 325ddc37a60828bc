"""What a decision needs of every target, in one table at the top of the page."""

from collections.abc import Callable

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.operation import Operation
from brf_hardware.cost.price_grades import graded
from brf_hardware.cost.tables import quantity
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import NONE, lacking_time, lacking_total, ranged, refused, side_by_side
from brf_hardware.report.layout import Badge, Cell, Table
from brf_hardware.report.numbers import count, percent, plural
from brf_hardware.report.target_cost import TargetCost

LEAST_SHARE = 0.005  # of energy: less would read 0 %


def decision(content: ReportContent) -> Table:
    """Fit, place, latency, energy at both speeds, and how well the prices are known, targets side by side."""
    targets = content.targets
    above: list[tuple[Cell, ...]] = [
        ("design rules", *(fit(cost) for cost in targets)),
        ("placed on", *(placed(cost) for cost in targets)),
        ("fullest core", *(fullest(cost) for cost in targets)),
    ]
    table = side_by_side(
        f"On chips: nominal (low to high), mean of {plural(content.evaluation.samples, 'sample')} of "
        f"{plural(content.steps, 'step')}. Energies are those of the chips in use, dynamic and static together.",
        targets,
        (
            ("latency, maximum speed", _of(0, _latency)),
            ("energy a sample, maximum speed", _of(0, _energy)),
            (f"energy a sample, {pace(content)}", _of(1, _energy)),
            ("keeps up in real time", _keeps_up),
            ("dynamic energy rests on figures", _grades),
        ),
    )
    return Table(table.caption, table.head, (*above, *table.rows))


def pace(content: ReportContent) -> str:
    """``real time, a step every 10 ms``."""
    periods = {cost.estimate.costing.period for cost in content.targets if cost.estimate is not None}
    return "real time" + "".join(f", a step every {quantity(period, 's')}" for period in periods)


def fit(cost: TargetCost) -> Badge:
    """Whether the design rules hold."""
    if cost.target.limits is None:
        return Badge("prices only, no chip", "quiet")
    if cost.broken:
        return Badge(f"{plural(len(cost.broken), 'rule')} of {len(cost.placement.verdicts)} broken", "bad")
    return Badge("all hold", "good")


def placed(cost: TargetCost) -> Cell:
    """Cores and chips in use."""
    if cost.estimate is None:
        return Badge("fits nowhere", "bad")
    costing = cost.estimate.costing
    if costing.mapping is None:
        return NONE
    return f"{plural(costing.fabric.cores, 'core')}, {plural(costing.fabric.chips, 'chip')}"


def fullest(cost: TargetCost) -> str:
    """The limit that a core comes nearest to."""
    shares = {name: float(share.max()) for name, share in cost.utilisation.items()}
    if not shares:
        return NONE
    name = max(shares, key=shares.__getitem__)
    return f"{percent(shares[name], 1)} of {name}"


def _of(speed: int, cell: Callable[[Estimate, Operation], Cell]) -> Callable[[Estimate], Cell]:
    return lambda estimate: cell(estimate, estimate.operations[speed])


def _latency(estimate: Estimate, operation: Operation) -> Cell:
    return ranged(operation.execution_time, "s", lacking_time(estimate))


def _energy(estimate: Estimate, operation: Operation) -> Cell:
    return ranged(operation.total_energy, "J", lacking_total(estimate))


def _keeps_up(estimate: Estimate) -> Cell:
    timing = estimate.work.timing
    if timing is None:
        return refused(lacking_time(estimate))
    if timing.late_samples:
        return Badge(f"no, {count(timing.late_samples)} of {plural(timing.samples, 'sample')} late", "bad")
    if timing.late_steps:
        return Badge(f"on average only, {count(timing.late_steps)} of {plural(timing.steps, 'step')} late", "bad")
    if timing.worst_step.high > timing.period:
        return Badge("at nominal figures, not at high ones", "quiet")
    return Badge("yes", "good")


def _grades(estimate: Estimate) -> Cell:
    named = [f"{percent(share, 0)} {grade.value}" for grade, share in graded(estimate).items() if share >= LEAST_SHARE]
    return ", ".join(named) or NONE
