"""Tornado plots: how far each figure alone moves the total energy of a sample."""

from typing import TypeGuard

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.sensitivity import FACTOR, Influence, influences
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import span, words
from brf_hardware.report.figures.theme import FLOAT, INK, INTEGER, grid, literal, themed_svg

MOST, LEAST = 6, 0.01  # figures a panel, and the effect of the last beside that of the first
ROW = 0.27  # inches a bar


def sensitivity(content: ReportContent) -> str:
    """A row a target, maximum speed on the left, real time on the right."""
    drawn = [(cost.target.name, _strongest(cost.estimate)) for cost in content.targets if movable(cost.estimate)]
    heights = [0.6 + max(map(len, speeds.values())) for _, speeds in drawn]

    def draw(figure: Figure) -> None:
        every = figure.subplots(len(drawn), 2, squeeze=False, height_ratios=heights)
        for panels, (name, speeds), height in zip(every, drawn, heights, strict=True):
            for axes, (speed, found) in zip(panels, speeds.items(), strict=True):
                _panel(axes, found)
                axes.set_ylim(height - 1, -0.6)
                axes.set_title(literal(f"{name}, {speed}"))
        handles, labels = every[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2, handlelength=1.0)

    return themed_svg("sensitivity", 0.4 + sum(0.55 + ROW * height for height in heights), draw)


def movable(estimate: Estimate | None) -> TypeGuard[Estimate]:
    """Whether a figure moves the total, which is not so where it is refused or all figures are exact."""
    return estimate is not None and all(_strongest(estimate).values())


def _strongest(estimate: Estimate) -> dict[str, list[Influence]]:
    """By speed, the figures that are drawn."""
    every = {operation.speed: influences(estimate, operation) for operation in estimate.operations}
    return {speed: [one for one in found[:MOST] if one.span >= LEAST * found[0].span] for speed, found in every.items()}


def _panel(axes: Axes, found: list[Influence]) -> None:
    middle = found[0].total.nominal
    for row, one in enumerate(found):
        axes.barh(row, one.total.low - middle, left=middle, height=0.6, color=INTEGER, label=_once("low value", row))
        axes.barh(row, one.total.high - middle, left=middle, height=0.6, color=FLOAT, label=_once("high value", row))
    axes.axvline(middle, color=INK, linewidth=1.1)
    axes.use_sticky_edges = False
    axes.margins(x=0.06)
    axes.set_yticks(range(len(found)), [_label(one) for one in found])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(EngFormatter("J"))
    grid(axes, "x")
    axes.tick_params(axis="y", length=0, labelcolor=INK)


def _once(text: str, row: int) -> str | None:
    return None if row else text


def _label(one: Influence) -> str:
    low, _, high = one.values.bounds
    if one.figure == FACTOR:
        return f"BRF update, {low:g} to {high:g} LIF"
    ends = f"{low:g} to {high:g} pJ" if one.unit == "pJ" else span(low, high, one.unit)
    return f"{words(one.figure)}, {ends}"
