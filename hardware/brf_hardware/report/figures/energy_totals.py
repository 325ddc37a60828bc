"""Energies of a sample with their ranges on one logarithmic axis, beside what they are to be held against."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator

from brf_hardware.cost.baseline import Baseline
from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.price_grades import graded
from brf_hardware.cost.range import Range
from brf_hardware.cost.tables import quantity
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import lacking_dynamic, lacking_static, lacking_total, span
from brf_hardware.report.decision import pace
from brf_hardware.report.figures.theme import ALARM, FLOAT, INK, INTEGER, MUTED, NAIVE, grid, literal, themed_svg
from brf_hardware.targets.figure import Grade
from brf_hardware.targets.target import Target

ROW = 0.23  # inches a row
JOULES = {"J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "µJ": 1e-6, "nJ": 1e-9}  # units of anchors that are energies
MOST_ASSUMED = 0.5  # of dynamic energy; where more of it is assumed, an energy is a band without a likely value
MOST_BELOW = 1e4  # a low end further below the nominal value is cut, so that the rest can be seen


@dataclass(frozen=True)
class Bar:
    """A row: a heading where it has no value and no text; marked: at its nominal value."""

    name: str
    value: Range | None = None
    colour: str = INK
    text: str = ""
    marked: bool = True

    @property
    def heading(self) -> bool:
        """Whether it only stands above others."""
        return self.value is None and not self.text


def energy_totals(content: ReportContent) -> str:
    """Target by target: both speeds, then its published measurements; last the dense networks and the convention."""
    rows = list(_rows(content))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, bar in enumerate(rows):
            _bar(axes, row, bar)
        axes.set_xscale("log")
        axes.set_xlim(*_ends(rows))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)), [literal(bar.name) for bar in rows])
        for label, bar in zip(axes.get_yticklabels(), rows, strict=True):
            label.set_fontweight("bold" if bar.heading else "normal")
            label.set_color(INK if bar.heading else MUTED)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(LogLocator(numticks=14))
        axes.xaxis.set_major_formatter(EngFormatter("J"))
        axes.minorticks_off()
        axes.set_xlabel("energy of a sample")
        grid(axes, "x")
        axes.tick_params(axis="y", length=0)

    return themed_svg("energy-totals", 0.7 + ROW * len(rows), draw)


def _rows(content: ReportContent) -> Iterator[Bar]:
    baselines: tuple[Baseline, ...] = ()
    for cost in content.targets:
        if cost.estimate is None:
            continue
        yield from _target_rows(cost.estimate, cost.target.name, pace(content))
        yield from _anchors(cost.target)
        baselines = cost.estimate.baselines
    yield Bar("references, dynamic only")
    for base in baselines:
        yield Bar(base.label, base.energy, MUTED, quantity(base.energy.nominal, "J"))


def _target_rows(estimate: Estimate, name: str, real_time: str) -> Iterator[Bar]:
    known = graded(estimate).get(Grade.ASSUMED, 0.0) <= MOST_ASSUMED
    for operation, speed in zip(estimate.operations, ("maximum speed", real_time), strict=True):
        yield Bar(f"{name}, {speed}")
        yield _energy("dynamic", operation.dynamic_energy, INTEGER, lacking_dynamic(estimate), known)
        yield _energy("static", operation.static_energy, FLOAT, lacking_static(estimate), marked=True)
        yield _energy("total", operation.total_energy, INK, lacking_total(estimate), known)


def _energy(name: str, value: Range | None, colour: str, lacking: str, marked: bool) -> Bar:
    if value is None:
        return Bar(name, None, ALARM, f"refused: {lacking}")
    return Bar(
        name, value, colour, quantity(value.nominal, "J") if marked else span(value.low, value.high, "J"), marked
    )


def _anchors(target: Target) -> Iterator[Bar]:
    found = [anchor for anchor in target.anchors if anchor.unit in JOULES]
    if found:
        yield Bar(f"measured on {target.name}, other networks")
    for anchor in found:
        value = Range(anchor.low, anchor.high, anchor.high) * JOULES[anchor.unit]
        yield Bar(anchor.label, value, NAIVE, span(value.low, value.high, "J"), marked=anchor.low == anchor.high)


def _bar(axes: Axes, row: int, bar: Bar) -> None:
    if bar.value is None:
        refusal = axes.annotate(
            bar.text, (0.005, row), xycoords=("axes fraction", "data"), va="center", color=bar.colour, fontsize=8.5
        )
        refusal.set_in_layout(False)  # may run on beside the plot
        return
    if bar.value.high:
        floor, nominal = _floor(bar.value), bar.value.nominal
        axes.barh(row, bar.value.high - floor, left=floor, height=0.56, color=bar.colour, alpha=0.35, linewidth=0)
        if bar.marked and nominal:
            axes.plot(nominal, row, "|", color=bar.colour, markersize=8, markeredgewidth=2)
    axes.annotate(bar.text, (1.01, row), xycoords=("axes fraction", "data"), va="center", color=MUTED, fontsize=8.5)


def _floor(value: Range) -> float:
    return max(value.low, (value.nominal or value.high) / MOST_BELOW)


def _ends(rows: list[Bar]) -> tuple[float, float]:
    """Whole decades around every value."""
    values = [bar.value for bar in rows if bar.value is not None and bar.value.high]
    if not values:
        return 1e-9, 1.0
    ends = np.log10([min(map(_floor, values)), max(value.high for value in values)])
    return float(10 ** np.floor(ends[0] - 0.05)), float(10 ** np.ceil(ends[1] + 0.05))
