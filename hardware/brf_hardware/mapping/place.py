"""Cores onto the mesh: in order, or so that messages take short ways.

Core k of a partition always lies on chip ``k // cores_per_chip``; what is chosen is its place there.
"""

import numpy as np
from scipy.optimize import quadratic_assignment

from brf_deploy.arrays import Floats, Ints
from brf_hardware.mapping.mapping import Core
from brf_hardware.mapping.route import Mesh
from brf_hardware.targets.target import Limits

NEGLIGIBLE = 1e-9  # of the traffic: a gain smaller than this is rounding


def rows(cores: int, limits: Limits) -> tuple[Core, ...]:
    """Cores in order: chip after chip, router after router along the rows."""
    return tuple(Core.at(*divmod(index, limits.cores_per_chip), limits) for index in range(cores))


def columns(cores: int, limits: Limits) -> tuple[Core, ...]:
    """Cores in order, chip after chip, router after router up one column and down the next: neighbours stay near."""
    there = [Core.at(0, slot, limits) for slot in range(limits.cores_per_chip)]
    path = sorted(
        range(len(there)),
        key=lambda slot: (there[slot].column, there[slot].row * (1 - 2 * (there[slot].column % 2)), slot),
    )
    return tuple(
        Core.at(index // limits.cores_per_chip, path[index % limits.cores_per_chip], limits) for index in range(cores)
    )


def shortened(start: tuple[Core, ...], traffic: Floats, limits: Limits) -> tuple[Core, ...]:
    """Places within each chip that shorten the ways of `traffic` (cores, cores), chip after chip from `start`.

    A quadratic assignment problem: `scipy.optimize.quadratic_assignment` (FAQ, Vogelstein et al. 2015) and, from what
    it finds and from the start, the best exchange of two places until none is a gain. Traffic to other chips leaves
    by the side on which they stand and by the row of its destination, so they enter as nodes that stay in place.
    """
    there = [Core.at(0, slot, limits) for slot in range(limits.cores_per_chip)]
    distance = _distances(there, limits)
    found = list(start)
    both = traffic + traffic.T
    for chip in range(1 + max(core.chip for core in start)):
        members = np.array([index for index, core in enumerate(found) if core.chip == chip])
        flow = _flow(both, found, members, chip, limits)
        slots = {(core.column, core.row, core.slot): slot for slot, core in enumerate(there)}
        taken = [slots[found[index].column, found[index].row, found[index].slot] for index in members.tolist()]
        free = sorted(set(range(len(there))) - set(taken))
        begin = np.array([*taken, *free, *range(len(there), len(distance))])
        for index, slot in zip(members.tolist(), _assign(flow, distance, begin, len(there)).tolist(), strict=False):
            found[index] = Core.at(chip, slot, limits)
    return tuple(found)


def _distances(there: list[Core], limits: Limits) -> Floats:
    """Links between the slots of a chip, and from them to what is west, east, or in each row of other chips."""
    width, height = limits.mesh
    mesh, slots = Mesh.of(tuple(there), width), len(there)
    column, row, each = mesh.column, mesh.row, np.arange(slots)
    distance = np.zeros((slots + 2 + height, slots + 2 + height))
    distance[:slots, :slots] = mesh.links(each[:, np.newaxis], each)
    outside = np.vstack([column, width - 1 - column, np.abs(np.subtract.outer(np.arange(height), row))])
    distance[slots:, :slots], distance[:slots, slots:] = outside, outside.T
    return distance


def _flow(both: Floats, places: list[Core], members: Ints, chip: int, limits: Limits) -> Floats:
    """Traffic between the cores of a chip, padded to its slots, and to west, east and each row of other chips."""
    slots, height = limits.cores_per_chip, limits.mesh[1]
    outside = np.zeros((len(places), 2 + height))
    for index, core in enumerate(places):
        if core.chip != chip:
            outside[index, [int(core.chip > chip), 2 + core.row]] = 1
    of_chip = both[members]
    flow = np.zeros((slots + 2 + height, slots + 2 + height))
    flow[: len(members), : len(members)] = of_chip[:, members]
    flow[: len(members), slots:] = of_chip @ outside
    flow[slots:, : len(members)] = flow[: len(members), slots:].T
    np.fill_diagonal(flow, 0)
    return flow


def _assign(flow: Floats, distance: Floats, start: Ints, slots: int) -> Ints:
    """Slots of the first nodes; those from `slots` on stay where they are."""
    fixed = np.repeat(np.arange(slots, len(flow))[:, np.newaxis], 2, axis=1)
    # FAQ starts in the middle and draws nothing; the generator keeps global state out all the same.
    relaxed = quadratic_assignment(
        flow, distance, method="faq", options={"partial_match": fixed, "rng": np.random.default_rng(0)}
    ).col_ind
    found = [_exchanged(flow, distance, begin, slots) for begin in (start, np.asarray(relaxed))]
    return min(found, key=lambda places: float((flow * distance[np.ix_(places, places)]).sum()))


def _exchanged(flow: Floats, distance: Floats, start: Ints, slots: int) -> Ints:
    """Exchange the two places that gain most, until no exchange gains; flow and distance are symmetric."""
    places, least = start.copy(), NEGLIGIBLE * max(float(flow.sum()), 1.0)
    while True:
        between = distance[np.ix_(places, places)]
        moved = flow @ between  # cost of each node at the place of each other
        here = np.diag(moved)
        gain = (here[:, np.newaxis] + here - moved - moved.T - 2 * flow * between)[:slots, :slots]
        first, second = divmod(int(np.argmax(gain)), slots)
        if gain[first, second] <= least:
            return places
        places[[first, second]] = places[[second, first]]
