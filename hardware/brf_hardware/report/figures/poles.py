"""Poles in the complex plane beside the unit circle, and their distance from it on a logarithmic axis."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brf_deploy.arrays import Bools, Floats
from brf_deploy.quantization.poles import Poles
from brf_hardware.report.boundary import LayerPoles, margin, outside
from brf_hardware.report.figures.theme import ALARM, FLOAT, INK, INTEGER, MUTED, NAIVE, grid, themed_svg

Complex = npt.NDArray[np.complex128]

PLANE_RATIO = 0.72  # height of the plane's panel over its width
# How float, naive and deployed poles are marked; the deployed ones are drawn last, on top.
MARKS = {
    "trained": {"marker": "o", "color": FLOAT, "markerfacecolor": "none", "markersize": 6, "markeredgewidth": 1.0},
    "naive": {"marker": "x", "color": NAIVE, "markersize": 5, "markeredgewidth": 1.1},
    "integer": {"marker": "o", "color": INTEGER, "markersize": 2.8},
}


def pole_plot(poles: LayerPoles, index: int) -> str:
    """Left: the region of the z-plane where the poles are. Right: ``1 - |lambda|`` by angle; bottom strip: outside."""

    def draw(figure: Figure) -> None:
        plane, distance = figure.subplots(1, 2, width_ratios=(1.15, 1))
        _plane(plane, poles)
        _distance(distance, poles)
        handles, labels = plane.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=5)

    return themed_svg(f"poles{index}", 4.1, draw)


def _kinds(poles: LayerPoles) -> dict[str, tuple[Poles, str]]:
    bits = poles.coefficient_bits
    found = {}
    if poles.trained is not None:
        found["trained"] = (poles.trained, "trained (float)")
    if poles.naive is not None:
        found["naive"] = (poles.naive, f"rounded naively to {bits} bits")
    return found | {"integer": (poles.integer, f"deployed ({bits}-bit integers)")}


def _plane(axes: Axes, poles: LayerPoles) -> None:
    rest = poles.integer.value
    reset = rest - poles.largest_reset
    angle = np.linspace(0, np.pi, 721)
    axes.plot(np.cos(angle), np.sin(angle), color=INK, linewidth=1.3, label="divergence boundary")
    axes.hlines(
        rest.imag, reset.real, rest.real, color=INTEGER, linewidth=0.7, alpha=0.35, label="reach of refractory damping"
    )
    for kind, (found, label) in _kinds(poles).items():
        axes.plot(found.value.real, found.value.imag, linestyle="none", label=label, **MARKS[kind])  # type: ignore[arg-type]
        _ring(axes, found.value.real, found.value.imag, outside(found))
    _zoom(axes, reset, rest)
    axes.set_title("poles and the unit circle")
    axes.set_xlabel("real part")
    axes.set_ylabel("imaginary part")
    grid(axes, "both")


def _ring(axes: Axes, x: Floats, y: Floats, which: Bools) -> None:
    """Mark poles on or outside the boundary."""
    if which.any():
        axes.plot(x[which], y[which], "o", color=ALARM, markersize=10, markerfacecolor="none")


def _zoom(axes: Axes, reset: Complex, rest: Complex) -> None:
    """A frame around every pole and the piece of the circle above them."""
    width, height = max(1 - float(reset.real.min()), 0.1), max(float(rest.imag.max()), 0.05)
    span = 1.12 * max(width, height / PLANE_RATIO)
    axes.set_xlim(1 - 0.95 * span, 1 + 0.05 * span)
    axes.set_ylim(-0.05 * span, (PLANE_RATIO - 0.05) * span)
    axes.set_aspect("equal", anchor="NW")


def _distance(axes: Axes, poles: LayerPoles) -> None:
    kinds = _kinds(poles)
    inside = np.concatenate([margin(found)[~outside(found)] for found, _ in kinds.values()])
    floor, top = (float(10**decade) for decade in _decades(inside))
    for kind, (found, _) in kinds.items():
        lost = outside(found)
        height = np.where(lost, floor / 3, margin(found))
        axes.plot(found.angle, height, linestyle="none", clip_on=False, **MARKS[kind])  # type: ignore[arg-type]
        _ring(axes, found.angle, height, lost)
    axes.set_yscale("log")
    axes.set_ylim(floor / 6, top)
    axes.axhline(floor / 1.2, color=INK, linewidth=1.3)
    axes.annotate(
        "on or outside the boundary", (0.99, floor / 3), xycoords=("axes fraction", "data"), ha="right", va="center",
        color=MUTED, fontsize=8.5,
    )  # fmt: skip
    axes.set_yticks(10.0 ** np.arange(np.log10(floor), np.log10(top) + 0.5))
    axes.set_title("distance from the boundary, 1 − |λ|")
    axes.set_xlabel("angle, radians per step")
    axes.minorticks_off()
    grid(axes)


def _decades(values: Floats) -> tuple[float, float]:
    """Powers of ten that enclose the values; one decade where there is none."""
    if not len(values):
        return -2.0, -1.0
    return float(np.floor(np.log10(values.min()))), float(np.ceil(np.log10(values.max()) + 1e-9))
