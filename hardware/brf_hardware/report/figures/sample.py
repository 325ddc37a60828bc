"""One sample from input to answer: events, spikes of every layer and the readout on one time axis."""

from collections.abc import Iterator
from statistics import fmean

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import MaxNLocator

from brf_deploy.arrays import Bools, Ints
from brf_deploy.fixed_point import to_real
from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.theme import CLASSES, INTEGER, MUTED, grid, literal, themed_svg

# Marks of all rasters of the figure together; each takes some 30 bytes of the page.
MOST_MARKS = 40_000
MOST_POINTS = 20_000  # of all readout lines together
NAME_HEIGHT = 0.09  # height of a class name beside the readout, as a share of the readout's range


def sample_run(content: ReportContent) -> str:
    """Input, one raster a layer, readout, and, where every step has one, label and answer."""
    sample = content.sample
    most = MOST_MARKS // (1 + len(sample.spikes))
    heights = [_raster_height(content.network.inputs), *(_raster_height(s.shape[1]) for s in sample.spikes), 1.9]

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
        _input(axes[0], sample.messages, most)
        for layer, spikes, panel in zip(content.network.layers, sample.spikes, axes[1:-1], strict=True):
            _raster(panel, spikes, most)
            panel.set_title(f"{literal(layer.name)}: spikes of {layer.count} neurons{_merged(spikes, most)}")
        _readout(axes[-1], content)
        axes[-1].set_xlim(-0.5, len(sample.messages) - 0.5)
        axes[-1].set_xlabel(f"step (of {content.network.layers[0].dt:g} s)")

    return themed_svg("sample", sum(heights) + 0.35 * len(heights), draw)


def _raster_height(rows: int) -> float:
    return float(np.clip(0.045 * rows, 0.6, 2.6))


def merged_steps(spikes: Bools, most: int) -> int:
    """The least power of two of steps that, drawn as one mark a neuron, leaves at most `most` marks."""
    width = 1
    while width < len(spikes) and np.count_nonzero(_merge(spikes, width)) > most:
        width *= 2
    return width


def _merge(spikes: Bools, width: int) -> Bools:
    starts = np.arange(0, len(spikes), width)
    return np.asarray(np.logical_or.reduceat(spikes, starts, axis=0))


def _merged(spikes: Bools, most: int) -> str:
    width = merged_steps(spikes, most)
    return "" if width == 1 else f" (a mark: at least one spike in {width} steps)"


def _raster(axes: Axes, spikes: Bools, most: int) -> None:
    """One upright mark a spike, all in a single path: an object each would make the page ten times as large."""
    width = merged_steps(spikes, most)
    step, neuron = np.nonzero(_merge(spikes, width))
    x = step * width + (width - 1) / 2
    ends = np.stack([np.stack([x, neuron - 0.4], -1), np.stack([x, neuron + 0.4], -1)], axis=1).reshape(-1, 2)
    if len(ends):
        codes = np.tile([Path.MOVETO, Path.LINETO], len(x)).astype(np.uint8)
        axes.add_patch(PathPatch(Path(ends, codes), fill=False, edgecolor=INTEGER, linewidth=_stroke(len(spikes))))
    axes.set_ylim(spikes.shape[1] - 0.4, -0.6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, steps=[1, 2, 5, 10]))
    axes.set_ylabel("neuron")
    axes.tick_params(length=2.5)


def _stroke(steps: int) -> float:
    """Line width in points: as wide as a step, within what prints and what still looks like a mark."""
    return float(np.clip(650 / steps, 0.5, 2.0))


def _input(axes: Axes, messages: Ints, most: int) -> None:
    if messages.shape[1] == 1 and messages.max(initial=0) > 1:
        steps = np.arange(len(messages))
        axes.fill_between(steps, messages[:, 0], step="mid", color=INTEGER, alpha=0.75, linewidth=0)
        axes.set_ylim(bottom=0)
        axes.set_title("input: graded messages of 1 channel")
        axes.set_ylabel("message")
        grid(axes)
        return
    events = np.asarray(messages != 0)
    _raster(axes, events, most)
    axes.set_title(f"input: events of {messages.shape[1]} channels{_merged(events, most)}")
    axes.set_ylabel("channel")


def _readout(axes: Axes, content: ReportContent) -> None:
    sample, classes = content.sample, content.network.outputs
    y = to_real(sample.readout, content.network.readout.fraction)
    final = np.unique(np.concatenate([sample.answers[-1:], sample.labels[-1:]])) if not content.every_step else None
    stride = max(1, -(-y.size // MOST_POINTS))
    steps = np.arange(0, len(y), stride)
    for index in range(classes):
        width = 1.5 if final is None or index in final else 0.9
        axes.plot(steps, y[steps, index], color=_colour(index), linestyle=_dash(index), linewidth=width)
    thinned = "" if stride == 1 else f" at one step of {stride}"
    axes.set_title(f"readout{thinned}" + (", with label and answer of every step" if content.every_step else ""))
    axes.set_ylabel("y")
    grid(axes)
    _name_lines(axes, y)
    if content.every_step:
        _strips(axes, content)


def _colour(index: int) -> str:
    return CLASSES[index % len(CLASSES)]


def _dash(index: int) -> str:
    return "-" if index < len(CLASSES) else "--"


def _name_lines(axes: Axes, y: npt.NDArray[np.float64]) -> None:
    """The class beside the end of its line, names pushed apart where lines end close together."""
    order = np.argsort(y[-1])
    gap = NAME_HEIGHT * max(float(np.ptp(y)), 1e-9)
    for index, place in zip(order.tolist(), spread(y[-1, order].tolist(), gap), strict=True):
        axes.annotate(
            f"{index}",
            (1.006, place),
            xycoords=("axes fraction", "data"),
            va="center",
            color=_colour(index),
            fontsize=8.5,
            fontweight="bold",
        )


def spread(places: list[float], gap: float) -> list[float]:
    """Sorted places moved as little as possible so that neighbours are `gap` apart (pool adjacent violators)."""
    pools: list[list[float]] = []
    for index, place in enumerate(places):
        pools.append([place - index * gap])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    level = [fmean(pool) for pool in pools for _ in pool]
    return [place + index * gap for index, place in enumerate(level)]


def _strips(axes: Axes, content: ReportContent) -> None:
    """Two bands under the readout, coloured by class: what each step is, and what the network says it is."""
    sample, skip = content.sample, content.network.skip_steps
    low, high = axes.get_ylim()
    height = 0.09 * (high - low)
    for row, (name, classes) in enumerate((("label", sample.labels), ("answer", sample.answers))):
        bottom = low - (1.15 * row + 1.3) * height
        for index in np.unique(classes):
            spans = [(start + skip - 0.5, length) for start, length in _runs(classes, int(index))]
            axes.broken_barh(spans, (bottom, height), facecolors=_colour(int(index)))
        axes.annotate(
            name,
            (-0.006, bottom + height / 2),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="center",
            color=MUTED,
        )
    axes.set_ylim(low - 2.6 * height, high)
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])


def _runs(classes: Ints, wanted: int) -> Iterator[tuple[int, int]]:
    """Start and length of every stretch of one class."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], classes == wanted, [False]]).astype(int)))
    for start, end in edges.reshape(-1, 2).tolist():
        yield start, end - start
