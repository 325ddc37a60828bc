"""How often neurons fire, and how much that differs between samples."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from brf_deploy.arrays import Ints
from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.theme import ALARM, INTEGER, grid, themed_svg


def spike_counts(content: ReportContent) -> str:
    """One row a layer: mean spikes per sample of every neuron, and the histogram over samples."""

    def draw(figure: Figure) -> None:
        rows = len(content.network.layers)
        axes = figure.subplots(rows, 2, squeeze=False, width_ratios=(3, 1))
        for row, (layer, spikes) in enumerate(zip(content.network.layers, content.evaluation.spikes, strict=True)):
            _neurons(axes[row, 0], spikes)
            axes[row, 0].set_title(f"{layer.name}: spikes per sample, by neuron")
            _samples(axes[row, 1], spikes)
        axes[-1, 0].set_xlabel("neuron")
        axes[-1, 1].set_xlabel("spikes in the layer")

    return themed_svg("spikes", 0.5 + 2.1 * len(content.network.layers), draw)


def _neurons(axes: Axes, spikes: Ints) -> None:
    mean = spikes.mean(axis=0)
    neurons = np.arange(len(mean))
    axes.bar(neurons, mean, width=0.8 if len(mean) <= 100 else 1.0, color=INTEGER)
    silent = neurons[mean == 0]
    axes.plot(silent, np.zeros(len(silent)), "o", color=ALARM, markersize=4, markerfacecolor="none", clip_on=False)
    axes.set_xlim(-0.8, len(mean) - 0.2)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
    grid(axes)


def _samples(axes: Axes, spikes: Ints) -> None:
    total = spikes.sum(axis=1)
    # Few samples, or few distinct counts, need few bars.
    bins = int(np.clip(min(np.sqrt(len(total)) * 2, len(np.unique(total))), 1, 30))
    axes.hist(total, bins=bins, color=INTEGER, rwidth=0.92)
    axes.set_title("samples, by spikes")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    grid(axes)
