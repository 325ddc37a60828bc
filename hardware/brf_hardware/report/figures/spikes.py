"""How often neurons fire, and how much that differs between samples."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from brf_deploy.arrays import Ints
from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.theme import ALARM, INTEGER, grid, literal, themed_svg


def spike_counts(content: ReportContent) -> str:
    """One row a layer: mean spikes per sample of every neuron, and the histogram over samples."""

    def draw(figure: Figure) -> None:
        rows = len(content.network.layers)
        axes = figure.subplots(rows, 2, squeeze=False, width_ratios=(3, 1))
        for row, (layer, spikes) in enumerate(zip(content.network.layers, content.evaluation.spikes, strict=True)):
            _neurons(axes[row, 0], spikes)
            axes[row, 0].set_title(f"{literal(layer.name)}: spikes per sample, by neuron")
            _samples(axes[row, 1], spikes)
        axes[-1, 0].set_xlabel("neuron")
        axes[-1, 1].set_xlabel("spikes in the layer")

    return themed_svg("spikes", 0.5 + 2.1 * len(content.network.layers), draw)


def _neurons(axes: Axes, spikes: Ints) -> None:
    mean = spikes.mean(axis=0)
    neurons = np.arange(len(mean))
    axes.bar(neurons, mean, width=0.8 if len(mean) <= 100 else 1.0, color=INTEGER)
    silent = neurons[mean == 0]
    if len(silent):
        axes.plot(silent, 0 * silent, "o", color=ALARM, markersize=3.5, markerfacecolor="none", clip_on=False)
    axes.set_xlim(-0.8, len(mean) - 0.2)
    axes.set_ylim(0, max(1.0, 1.05 * float(mean.max())))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    grid(axes)


def _samples(axes: Axes, spikes: Ints) -> None:
    total = spikes.sum(axis=1)
    # Few samples, or few distinct counts, need few bars.
    bins = int(np.clip(min(np.sqrt(len(total)) * 2, len(np.unique(total))), 1, 30))
    axes.hist(total, bins=bins, color=INTEGER, rwidth=0.92)
    axes.set_title("samples, by spikes")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    grid(axes)
