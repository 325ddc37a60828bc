"""Cores on their mesh, coloured by load, beside what each core takes of every limit."""

import math
from collections.abc import Mapping as Table

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter

from brf_deploy.arrays import Floats
from brf_hardware.mapping.mapping import Core, Mapping
from brf_hardware.mapping.utilisation import fullness
from brf_hardware.report.figures.theme import ALARM, GRID, INK, INTEGER, MUTED, grid, themed_svg
from brf_hardware.targets.target import Limits

CHIPS_DRAWN = 4  # in a row; with more of them a core would be a dot
FAINTEST = 0.18  # opacity of a core in use that is all but empty; a full one is opaque
KEY = (0.0, 0.25, 0.5, 0.75, 1.0)
GAP, CHIP_GAP = 0.1, 0.5  # between routers and between chips, in routers


def mapping_picture(mapping: Mapping, limits: Limits, shares: Table[str, Floats], index: int) -> str:
    """Left: the mesh, where a chip has one. Right: a row a limit, a dot a core (`shares`, of each limit)."""

    def draw(figure: Figure) -> None:
        if limits.cores_per_chip == 1:
            _limits(figure.subplots(), shares)
            return
        mesh, against = figure.subplots(1, 2, width_ratios=(1.45, 1))
        _mesh(mesh, mapping.cores, fullness(mapping.load, limits), limits)
        _limits(against, shares)

    return themed_svg(f"mapping{index}", 0.8 + 0.3 * len(shares) if limits.cores_per_chip == 1 else 3.0, draw)


def _mesh(axes: Axes, cores: tuple[Core, ...], load: Floats, limits: Limits) -> None:
    columns, rows = limits.mesh
    used = 1 + max(core.chip for core in cores)
    chips = min(CHIPS_DRAWN, used)
    for chip in range(chips):
        for number in range(limits.cores_per_chip):
            axes.add_patch(_square(Core.at(chip, number, limits), limits, facecolor="none", edgecolor=GRID))
    for core, share in zip(cores, load.tolist(), strict=True):
        if core.chip < chips:
            axes.add_patch(_square(core, limits, facecolor=_colour(share), alpha=_opacity(share)))
    axes.set_xlim(-GAP, chips * (columns + CHIP_GAP) - CHIP_GAP + GAP)
    axes.set_ylim(rows + GAP, -GAP)
    axes.set_aspect("equal", anchor="W")
    axes.set_axis_off()
    axes.set_title(f"{len(cores)} of {limits.cores_per_chip * used:,} cores, by their fullest resource")
    _key(axes)


def _square(core: Core, limits: Limits, **style: object) -> Rectangle:
    """A core's place at its router; routers are unit cells with a gap around."""
    side = math.ceil(math.sqrt(limits.cores_per_router))
    down, across = divmod(core.slot, side)
    size = (1 - GAP) / side
    left = core.chip * (limits.mesh[0] + CHIP_GAP) + core.column + GAP / 2 + across * size
    return Rectangle((left + 0.02, core.row + GAP / 2 + down * size + 0.02), size - 0.04, size - 0.04, **style)  # type: ignore[arg-type]


def _opacity(share: float) -> float:
    return FAINTEST + (1 - FAINTEST) * min(share, 1.0)


def _colour(share: float) -> str:
    return ALARM if share > 1 else INTEGER


def _key(axes: Axes) -> None:
    """Squares in the colours of a few loads, below the mesh."""
    squares = [Patch(facecolor=_colour(share), alpha=_opacity(share), label=f"{share:.0%}") for share in KEY]
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
