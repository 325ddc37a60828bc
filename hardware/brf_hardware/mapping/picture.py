"""Cores on the mesh, coloured by how full they are, as a picture of its own. Importing it imports matplotlib."""

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from brf_deploy.errors import InvalidInput
from brf_deploy.whole_file import write_whole
from brf_hardware.mapping.drawing import Look, Style, draw_mesh, square
from brf_hardware.mapping.mapping import Mapping
from brf_hardware.mapping.utilisation import fullness
from brf_hardware.report.numbers import plural
from brf_hardware.targets.target import Limits

SUFFIXES = (".png", ".svg")
MOST_CHIPS = 12  # in one picture; more would leave a core too small to see
CHIPS_ABREAST = 3
CHIP_WIDTH = 8.0  # inches, of one that is alone
COLOURS = "viridis_r"  # even in lightness, and told apart by eyes of every kind
EMPTY, INK = "#eef1f4", "#1b1f24"
OUTLINE: Style = {"edgecolor": "#b4bcc5", "linewidth": 0.5}
STYLE: dict[Any, Any] = {"svg.hashsalt": "brf-deploy", "font.size": 9, "font.family": "DejaVu Sans", "text.color": INK}


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
    look = Look({"facecolor": EMPTY, **OUTLINE}, _look)
    for chip, axes in enumerate(panels):
        axes.set_axis_off()
        if chip < shown:
            draw_mesh(axes, mapping, limits, [chip], look)
        if shown > 1 and chip < shown:
            axes.set_title(f"chip {chip}", loc="left", fontsize=9)
    if shown == 1:
        _numbers(panels[0], mapping, limits)
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


def _look(share: float) -> Style:
    return {"facecolor": mpl.colormaps[COLOURS](min(share, 1.0)), **OUTLINE}


def _numbers(axes: Axes, mapping: Mapping, limits: Limits) -> None:
    """How many neurons lie on each core of the one chip there is, in its square."""
    full = fullness(mapping.load, limits)
    for core, neurons, share in zip(mapping.cores, mapping.load.neurons.tolist(), full.tolist(), strict=True):
        x, y, side = square(core, limits, 0)
        colour = INK if share < 0.5 else "white"
        axes.text(x + side / 2, y + side / 2, f"{neurons:,}", ha="center", va="center", fontsize=7, color=colour)
