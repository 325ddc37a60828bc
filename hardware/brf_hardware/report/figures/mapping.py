"""Cores on their mesh, coloured by load, beside what each core takes of every limit."""

from collections.abc import Mapping as Table

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from brf_deploy.arrays import Floats
from brf_hardware.mapping.drawing import Look, Style, draw_mesh
from brf_hardware.mapping.mapping import Mapping
from brf_hardware.report.figures.theme import ALARM, GRID, INK, INTEGER, MUTED, grid, themed_svg
from brf_hardware.report.numbers import plural
from brf_hardware.targets.target import Limits

CHIPS_DRAWN = 4  # in a row; with more of them a core would be a dot
FAINTEST = 0.18  # opacity of a core in use that is all but empty; a full one is opaque
KEY = (0.0, 0.25, 0.5, 0.75, 1.0)


def mapping_picture(mapping: Mapping, limits: Limits, shares: Table[str, Floats], index: int) -> str:
    """Left: the mesh, where a chip has one. Right: a row a limit, a dot a core (`shares`, of each limit)."""

    def draw(figure: Figure) -> None:
        if limits.cores_per_chip == 1:
            _limits(figure.subplots(), shares)
            return
        mesh, against = figure.subplots(1, 2, width_ratios=(1.45, 1))
        _mesh(mesh, mapping, limits)
        _limits(against, shares)

    return themed_svg(f"mapping{index}", 0.8 + 0.3 * len(shares) if limits.cores_per_chip == 1 else 3.0, draw)


def _mesh(axes: Axes, mapping: Mapping, limits: Limits) -> None:
    look = Look(unused={"facecolor": "none", "edgecolor": GRID}, used=_look)
    draw_mesh(axes, mapping, limits, range(min(CHIPS_DRAWN, mapping.chips)), look)
    there = limits.cores_per_chip * mapping.chips
    axes.set_title(f"{len(mapping.cores)} of {plural(there, 'core')}, by their fullest resource")
    _key(axes)


def _look(share: float) -> Style:
    return {"facecolor": _colour(share), "alpha": _opacity(share)}


def _opacity(share: float) -> float:
    return FAINTEST + (1 - FAINTEST) * min(share, 1.0)


def _colour(share: float) -> str:
    return ALARM if share > 1 else INTEGER


def _key(axes: Axes) -> None:
    """Squares in the colours of a few loads, below the mesh."""
    squares = [Patch(**_look(share), label=f"{share:.0%}") for share in KEY]
    axes.legend(
        handles=squares, loc="upper left", bbox_to_anchor=(-0.02, -0.01), ncols=len(KEY), handlelength=0.9,
        handleheight=0.9, labelcolor=MUTED, fontsize=8.5,
    )  # fmt: skip


def _limits(axes: Axes, shares: Table[str, Floats]) -> None:
    """One dot a core; the line is the limit."""
    for row, share in enumerate(shares.values()):
        axes.hlines(row, 0, 1, color=GRID, linewidth=5)
        axes.plot(share, np.full(len(share), row), "o", color=INTEGER, markersize=5, alpha=0.7, clip_on=False)
        axes.annotate(
            f"{share.max():.1%}",
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            color=MUTED,
            fontsize=8.5,
        )
    axes.axvline(1, color=INK, linewidth=1.1)
    axes.set_yticks(range(len(shares)), list(shares))
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_title("share of each limit, a dot a core")
    grid(axes, "x")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
