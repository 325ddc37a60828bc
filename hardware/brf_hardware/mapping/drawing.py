"""Cores on the mesh as squares in their routers, for every picture of a mapping. Importing it imports matplotlib."""

import math
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from brf_hardware.mapping.mapping import Core, Mapping
from brf_hardware.mapping.utilisation import fullness
from brf_hardware.targets.target import Limits

GAP, CHIP_GAP = 0.1, 0.5  # between routers and between chips, in routers
CORE_GAP = 0.04  # between the cores of a router, in routers
Style = Table[str, Any]


@dataclass(frozen=True)
class Look:
    """Properties of a `Rectangle`: of a core not in use, and of one by the share of its tightest limit it takes."""

    unused: Style
    used: Callable[[float], Style]


def draw_mesh(axes: Axes, mapping: Mapping, limits: Limits, chips: Sequence[int], look: Look) -> None:
    """All cores of `chips`, which stand side by side from left to right, row 0 at the top; a router is a unit cell."""
    shares = dict(zip(mapping.cores, fullness(mapping.load, limits).tolist(), strict=True))
    columns, rows = limits.mesh
    for place, chip in enumerate(chips):
        for number in range(limits.cores_per_chip):
            core = Core.at(chip, number, limits)
            style = look.used(shares[core]) if core in shares else look.unused
            x, y, side = square(core, limits, place)
            axes.add_patch(Rectangle((x, y), side, side, **style))
    axes.set_xlim(-GAP, len(chips) * (columns + CHIP_GAP) - CHIP_GAP + GAP)
    axes.set_ylim(rows + GAP, -GAP)
    axes.set_aspect("equal", anchor="W")
    axes.set_axis_off()


def square(core: Core, limits: Limits, place: int) -> tuple[float, float, float]:
    """Left, top and side of a core's square, in routers; place: of its chip from the left."""
    abreast = math.isqrt(limits.cores_per_router - 1) + 1
    down, across = divmod(core.slot, abreast)
    cell = (1 - GAP) / abreast
    left = place * (limits.mesh[0] + CHIP_GAP) + core.column + GAP / 2 + across * cell
    return left + CORE_GAP / 2, core.row + GAP / 2 + down * cell + CORE_GAP / 2, cell - CORE_GAP
