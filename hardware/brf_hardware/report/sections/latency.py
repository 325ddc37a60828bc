"""How long a step and a sample take, and what decides it."""

from collections.abc import Callable

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.range import Range
from brf_hardware.cost.tables import quantity
from brf_hardware.cost.timing import Timing
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import interval, lacking_time, ranged, refused, side_by_side
from brf_hardware.report.decision import pace
from brf_hardware.report.figures.latency import step_parts
from brf_hardware.report.layout import Block, Cell, Picture, Section, Table
from brf_hardware.report.numbers import count, percent, real


def latency(content: ReportContent) -> Section:
    """The parts of a mean step, then times side by side."""
    blocks: list[Block] = [
        "A step ends when the busiest core or link has finished and all cores have met at the barrier. A core updates "
        "neurons, takes messages and reads synaptic memory; nominally these overlap and the longest decides. At best "
        "the barrier overlaps too, at worst nothing does."
    ]
    if any(cost.estimate is not None and cost.estimate.work.timing is not None for cost in content.targets):
        label = "Mean time a step of the barrier and of each stage on the core or link where it takes longest."
        caption = (
            "Mean over all steps at nominal figures, each stage on the core or link where it takes longest; the "
            "whole step with its low and high. Right: share of steps that the stage decides."
        )
        blocks.append(Picture(step_parts(content), label, caption))
    blocks.append(_table(content))
    return Section("latency", "Latency", tuple(blocks))


def _table(content: ReportContent) -> Table:
    return side_by_side(
        "Nominal (low to high). Time to move data between host and chip is not in it.",
        content.targets,
        [
            ("mean step, maximum speed", _timed(lambda timing: timing.busy_time * (1 / timing.steps))),
            ("longest step", _timed(lambda timing: timing.worst_step)),
            ("mean sample, maximum speed", _timed(lambda timing: timing.busy_time * (1 / timing.samples))),
            ("longest sample, maximum speed", _timed(lambda timing: timing.worst_sample)),
            ("samples a second, maximum speed", _rate),
            (f"mean sample, {pace(content)}", _timed(lambda timing: timing.real_time * (1 / timing.samples))),
            ("steps late in real time", _late),
            ("steps decided by", decided_by),
        ],
    )


def decided_by(estimate: Estimate) -> Cell:
    """Stages by the share of steps in which each takes longest."""
    shares = sorted(estimate.bound_by.items(), key=lambda item: -item[1])
    named = [f"{stage} {percent(share, 0)}" for stage, share in shares if share]
    return ", ".join(named) or refused(lacking_time(estimate))


def _timed(part: Callable[[Timing], Range]) -> Callable[[Estimate], Cell]:
    def cell(estimate: Estimate) -> Cell:
        timing = estimate.work.timing
        return refused(lacking_time(estimate)) if timing is None else interval(part(timing), "s")

    return cell


def _rate(estimate: Estimate) -> Cell:
    rate = estimate.operations[0].inferences_per_second
    if rate is None:
        return ranged(None, "", lacking_time(estimate) or "a step takes no time")
    return f"{real(rate.nominal)} ({real(rate.low)} to {real(rate.high)})"


def _late(estimate: Estimate) -> Cell:
    timing = estimate.work.timing
    if timing is None:
        return refused(lacking_time(estimate))
    return f"{count(timing.late_steps)} of {count(timing.steps)} above {quantity(timing.period, 's')}"
