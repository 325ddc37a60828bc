"""Firing rates of neurons against what targets have time for."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from brf_deploy.arrays import Floats
from brf_hardware.cost.budget import IMMORTAL_RATE
from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.theme import ALARM, FLOAT, INTEGER, MUTED, grid, literal, themed_svg


def firing_rates(content: ReportContent) -> str:
    """A panel a layer: spikes a step by rank, and lines for the budgets and for immortality."""
    layers = content.network.layers

    def draw(figure: Figure) -> None:
        every = figure.subplots(1, len(layers), squeeze=False, sharey=True)[0]
        for index, (layer, axes) in enumerate(zip(layers, every, strict=True)):
            rates = content.spikes_of(index) / (content.evaluation.samples * content.steps)
            _rates(axes, np.sort(rates)[::-1])
            _lines(axes, content, index)
            axes.set_title(f"{literal(layer.name)}: spikes a step")
            axes.set_xlabel("neurons, the busiest first")

    return themed_svg("budget", 2.6, draw)


def _rates(axes: Axes, rates: Floats) -> None:
    """Rates in descending order on a logarithmic axis; who never fired stands as a ring at its foot."""
    firing = rates[rates > 0]
    floor = 10 ** np.floor(np.log10(firing.min())) if len(firing) else 0.1
    axes.plot(np.arange(len(firing)), firing, "o", color=INTEGER, markersize=3)
    dead = np.arange(len(firing), len(rates))
    axes.plot(dead, np.full(len(dead), floor), "o", color=ALARM, markersize=4, markerfacecolor="none", clip_on=False)
    axes.set_yscale("log")
    axes.set_ylim(min(floor, axes.get_ylim()[0]), 1.6)
    axes.set_xlim(-0.03 * len(rates) - 0.5, len(rates) - 0.5 + 0.03 * len(rates))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    grid(axes)


def _lines(axes: Axes, content: ReportContent, index: int) -> None:
    lines = {IMMORTAL_RATE: ["immortal"]}
    for cost in content.targets:
        if cost.estimate is not None and cost.estimate.budgets:
            lines.setdefault(cost.estimate.budgets[index].neuron_budget, []).append(cost.target.name)
    for level, names in lines.items():
        style = {"color": MUTED, "linestyle": (0, (3, 3))} if names == ["immortal"] else {"color": FLOAT}
        axes.axhline(level, linewidth=1.0, **style)
        axes.annotate(
            ", ".join(names), (0.99, level), xycoords=("axes fraction", "data"), xytext=(0, 2),
            textcoords="offset points", ha="right", va="bottom", color=MUTED, fontsize=8.5,
        )  # fmt: skip
