"""Cores on the mesh, coloured by how full they are, as a picture of its own. Importing it imports matplotlib."""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from brf_deploy.arrays import Floats
from brf_deploy.errors import InvalidInput
from brf_deploy.whole_file import write_whole
from brf_hardware.mapping.mapping import Core, Mapping
from brf_hardware.mapping.utilisation import fullness
from brf_hardware.report.numbers import plural
from brf_hardware.targets.target import Limits

SUFFIXES = (".png", ".svg")
MOST_CHIPS = 12  # in one picture; more would leave a core too small to see
CHIPS_ABREAST = 3
CHIP_WIDTH = 8.0  # inches, of one that is alone
COLOURS = "viridis_r"  # even in lightness, and told apart by eyes of every kind
EMPTY, EDGE, INK = "#eef1f4", "#b4bcc5", "#1b1f24"
STYLE: dict[Any, Any] = {"svg.hashsalt": "brf-deploy", "font.size": 9, "font.family": "DejaVu Sans", "text.color": INK}
MARGIN = 0.06  # around a router, of its width


def check_suffix(path: Path) -> None:
    """Refuse a file that is neither PNG nor SVG by its name."""
    if path.suffix not in SUFFIXES:
        raise InvalidInput(
            f"plot '{path}': suffix '{path.suffix}' found; name a file ending in {' or '.join(SUFFIXES)}"
        )


def write_picture(path: Path, mapping: Mapping, limits: Limits) -> None:
    """Write the picture of a mapping as PNG or SVG; the file appears whole or not at all."""
    check_suffix(path)
    file = io.BytesIO()
    metadata = {"Date": None} if path.suffix == ".svg" else None
    with mpl.rc_context(STYLE):
        _figure(mapping, limits).savefig(file, format=path.suffix[1:], dpi=150, metadata=metadata)
    write_whole(path, file.getbuffer())


def _figure(mapping: Mapping, limits: Limits) -> Figure:
    shown = min(mapping.chips, MOST_CHIPS)
    abreast = min(shown, CHIPS_ABREAST)
    down = -(-shown // abreast)
    columns, rows = limits.mesh
    chip_width = min(CHIP_WIDTH, columns) if abreast == 1 else CHIP_WIDTH / 2
    height = down * (chip_width * rows / columns + 0.25) + 0.9
    figure = Figure(figsize=(max(chip_width * abreast, CHIP_WIDTH), min(height, 40)), layout="constrained")
    panels = figure.subplots(down, abreast, squeeze=False).reshape(-1)
    full = fullness(mapping.load, limits)
    for chip, axes in enumerate(panels):
        axes.set_axis_off()
        if chip < shown:
            _chip(axes, mapping, limits, chip, full)
    scale = mpl.cm.ScalarMappable(Normalize(0, 1), COLOURS)
    bar = figure.colorbar(scale, ax=panels.tolist(), orientation="horizontal", fraction=0.05, aspect=50, pad=0.02)
    numbers = "; number: neurons" if mapping.chips == 1 else ""
    bar.set_label(f"share of the core's tightest limit{numbers}; grey: not in use")
    bar.ax.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
    left_out = "" if shown == mapping.chips else f" (the first {shown} drawn)"
    figure.suptitle(
        f"{mapping.target}, allocation '{mapping.allocation}': {plural(len(mapping.cores), 'core')} on "
        f"{plural(mapping.chips, 'chip')}{left_out}",
        x=0.01,
        ha="left",
    )
    return figure


def _chip(axes: Axes, mapping: Mapping, limits: Limits, chip: int, full: Floats) -> None:
    """Routers as cells, their cores as squares in them, row 0 at the top."""
    columns, rows = limits.mesh
    used = {core: index for index, core in enumerate(mapping.cores)}
    for number in range(limits.cores_per_chip):
        core = Core.at(chip, number, limits)
        _core(axes, limits, core, used.get(core), mapping, full)
    axes.set_xlim(0, columns)
    axes.set_ylim(rows, 0)
    axes.set_aspect("equal")
    if mapping.chips > 1:
        axes.set_title(f"chip {chip}", loc="left", fontsize=9)


def _core(axes: Axes, limits: Limits, core: Core, index: int | None, mapping: Mapping, full: Floats) -> None:
    abreast = next(n for n in range(1, limits.cores_per_router + 1) if n * n >= limits.cores_per_router)
    size = (1 - 2 * MARGIN) / abreast
    x, y = core.column + MARGIN + core.slot % abreast * size, core.row + MARGIN + core.slot // abreast * size
    colour = EMPTY if index is None else mpl.colormaps[COLOURS](min(float(full[index]), 1.0))
    axes.add_patch(Rectangle((x, y), size, size, facecolor=colour, edgecolor=EDGE, linewidth=0.5))
    if index is not None and mapping.chips == 1:
        light = full[index] < 0.5
        axes.text(
            x + size / 2, y + size / 2, f"{mapping.load.neurons[index]:,}",
            ha="center", va="center", fontsize=7, color=INK if light else "white",
        )  # fmt: skip
