"""What a mean step is made of: the barrier, and each stage where it takes longest."""

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.latency import resource_label, resource_names
from brf_hardware.cost.range import Range
from brf_hardware.cost.tables import quantity
from brf_hardware.cost.timing import NANO, Timing
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import interval
from brf_hardware.report.figures.theme import INK, INTEGER, MUTED, grid, literal, themed_svg

ROW = 0.27  # inches a bar


@dataclass(frozen=True)
class Part:
    """A bar: seconds, what it is, what stands beside it; the whole step has a range."""

    name: str
    seconds: float
    note: str
    whole: Range | None = None


def step_parts(content: ReportContent) -> str:
    """A panel a target."""
    panels = [
        (cost.target.title, list(_parts(cost.estimate, timing)))
        for cost in content.targets
        if cost.estimate is not None and (timing := cost.estimate.work.timing) is not None
    ]

    def draw(figure: Figure) -> None:
        heights = [len(parts) for _, parts in panels]
        every = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
        for axes, (title, parts) in zip(every, panels, strict=True):
            _panel(axes, title, parts)

    return themed_svg("latency", sum(0.75 + ROW * len(parts) for _, parts in panels), draw)


def _parts(estimate: Estimate, timing: Timing) -> Iterator[Part]:
    """The whole step, the barrier, then the busiest core or link of every stage that took time."""
    step = timing.busy_time * (1 / timing.steps)
    barrier = estimate.costing.prices.time["barriers"].nominal * NANO
    yield Part("whole step", step.nominal, interval(step, "s"), step)
    yield Part("barrier", barrier, quantity(barrier, "s"))
    names = resource_names(estimate.costing.fabric, estimate.costing.prices)
    for stage, share in estimate.bound_by.items():
        busiest = max((index for index, name in enumerate(names) if name[0] == stage), key=lambda i: timing.busy[i])
        if seconds := float(timing.busy[busiest]) / timing.steps:
            note = f"{quantity(seconds, 's')}, decides {share:.0%}"
            yield Part(resource_label(*names[busiest]), seconds, note)


def _panel(axes: Axes, title: str, parts: list[Part]) -> None:
    for row, part in enumerate(parts):
        if part.whole is not None:
            axes.barh(row, part.whole.high - part.whole.low, left=part.whole.low, height=0.2, color=INTEGER, alpha=0.3)
            axes.plot(part.seconds, row, "D", color=INTEGER, markersize=4.5)
        else:
            axes.barh(row, part.seconds, height=0.6, color=MUTED if part.name == "barrier" else INTEGER)
        axes.annotate(
            part.note, (1.01, row), xycoords=("axes fraction", "data"), va="center", color=MUTED, fontsize=8.5
        )
    axes.set_yticks(range(len(parts)), [part.name for part in parts])
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter("s"))
    axes.set_title(literal(title))
    grid(axes, "x")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
