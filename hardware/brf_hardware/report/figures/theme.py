"""How a figure is drawn: matplotlib with placeholder colours, turned into inline SVG that takes the page's colours."""

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Stand-ins that no drawing would use by chance; the page's style sheet has the real colours, for light and dark.
INK, MUTED, GRID, BAND = "#010201", "#010202", "#010203", "#010204"
INTEGER, FLOAT, NAIVE, ALARM = "#010205", "#010206", "#010207", "#010208"
CLASSES = tuple(f"#0103{index:02x}" for index in range(7))
PAGE_COLOURS = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    BAND: "var(--band)",
    INTEGER: "var(--integer)",
    FLOAT: "var(--float)",
    NAIVE: "var(--naive)",
    ALARM: "var(--bad)",
    **{colour: f"var(--class{index})" for index, colour in enumerate(CLASSES)},
}

WIDTH = 10.4  # inches, which is the width of the page's text at its type size
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "brf-deploy",
    "path.simplify": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.handletextpad": 0.3,
    "legend.columnspacing": 1.4,
}


def themed_svg(name: str, height: float, draw: Callable[[Figure], None]) -> str:
    """The SVG element of a figure that `draw` fills; `name` keeps its identifiers apart from other figures'."""
    file = io.StringIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # The reader's browser draws the text: what the font that measures it lacks does not matter.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    return _for_page(file.getvalue(), name)


def literal(text: str) -> str:
    """A name in which a dollar sign stands for itself and opens no formula."""
    return text.replace("$", r"\$")


def grid(axes: Axes, axis: str = "y") -> None:
    """Faint lines along the values of one axis, or of both."""
    axes.grid(True, axis=axis)  # type: ignore[arg-type]
    axes.tick_params(length=2.5)


def _for_page(svg: str, name: str) -> str:
    """Drop what belongs to a file of its own, make identifiers unique, shorten paths, bind the colours."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s*<style type="text/css">.*?</style>', "", svg, flags=re.DOTALL)
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 aria-hidden="true">', svg, count=1)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r' d="[^"]*"', lambda path: _two_decimals(path[0]), svg)
    for placeholder, colour in PAGE_COLOURS.items():
        svg = svg.replace(placeholder, colour)
    return svg.strip()


def _two_decimals(path: str) -> str:
    """A hundredth of a point is finer than any screen; six decimals would double the page."""
    return re.sub(r"\s+", " ", re.sub(r"(\.\d\d)\d+", r"\1", path))
