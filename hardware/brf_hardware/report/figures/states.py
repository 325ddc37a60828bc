"""Magnitudes of every state against what its word can hold."""

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.theme import ALARM, BAND, INK, INTEGER, MUTED, grid, literal, themed_svg
from brf_hardware.report.state_range import StateRange

BOX = (0.25, 0.75)
WHISKERS = (0.01, 0.99)


def state_magnitudes(content: ReportContent) -> str:
    """One box a state on a logarithmic axis; the band runs from one least significant bit to the limit."""
    rows = list(_rows(content))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (_, state) in enumerate(rows):
            _box(axes, len(rows) - 1 - row, state)
        axes.set_xscale("log", base=2)
        axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)])
        axes.set_ylim(-0.7, len(rows) - 0.3)
        axes.spines["left"].set_visible(False)
        axes.axvline(1, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
        axes.set_xlabel("magnitude of non-zero values: u, v and q in thresholds, y in its own unit")
        ends = [state.scaled(end) for _, state in rows for end in (1, state.limit)]
        axes.set_xlim(min(ends), 1.3 * max(ends))
        grid(axes, "x")
        axes.tick_params(axis="y", length=0, labelcolor=INK)

    return themed_svg("states", 0.75 + 0.36 * len(rows), draw)


def _rows(content: ReportContent) -> Iterator[tuple[str, StateRange]]:
    names = [*(layer.name for layer in content.network.layers), "readout"]
    for name, states in zip(names, content.ranges, strict=True):
        for state in states:
            yield f"{literal(name)}  {state.name}", state


def room(state: StateRange) -> str:
    """How much is left above the largest magnitude seen."""
    return "within its proven bound" if state.proven else f"{state.headroom:.1f} bits free"


def _box(axes: Axes, y: int, state: StateRange) -> None:
    low, high = state.scaled(1), state.scaled(state.limit)
    axes.barh(y, high - low, left=low, height=0.72, color=BAND)
    tight = state.saturated > 0
    text = f"{state.saturated:,} saturated" if tight else room(state)
    axes.annotate(
        text, (1.01, y), xycoords=("axes fraction", "data"), va="center", color=ALARM if tight else MUTED, fontsize=8.5
    )
    if not state.peak:
        return
    first, last = (state.scaled(state.quantile(share)) for share in BOX)
    start, end = (state.scaled(state.quantile(share)) for share in WHISKERS)
    axes.hlines(y, start, end, color=INTEGER, linewidth=1.2)
    axes.barh(y, last - first, left=first, height=0.4, color=INTEGER)
    axes.plot(state.scaled(state.quantile(0.5)), y, "|", color=BAND, markersize=9, markeredgewidth=1.6)
    axes.plot(state.scaled(state.peak), y, "D", color=ALARM if tight else INTEGER, markersize=4)
