"""Neurons onto cores under hard limits: filled in an order, and split until nothing is exceeded."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import Unsupported
from brf_hardware.mapping.capacity import Needs, Room, check_cores
from brf_hardware.mapping.fill import fill
from brf_hardware.mapping.load import Occupation, overfull
from brf_hardware.mapping.topology import Topology
from brf_hardware.targets.target import Limits, Target

# Of all cores: where more are too full, filling anew with the axons now known wastes less than splitting them.
MANY = 0.05


def filled(topology: Topology, needs: Needs, room: Room, order: Ints) -> Occupation:
    """All neurons filled in the given order.

    How many axons out a neuron takes follows from the partition. The first filling assumes one of each neuron that
    sends; where that leaves many cores too full, a second one takes what the first has led to.
    """
    axons_out, core_of = np.minimum(topology.fan_out, 1), np.empty(topology.neurons, np.int64)
    core_of[order] = fill(topology, needs, room, order, axons_out)
    found = Occupation.of(topology, core_of)
    if overfull(found.load(topology, needs), room).mean() <= MANY:
        return found
    again = np.empty(topology.neurons, np.int64)
    again[order] = fill(topology, needs, room, order, found.sent[topology.inputs :])
    return Occupation.of(topology, again)


def settled(topology: Topology, needs: Needs, target: Target, limits: Limits, found: Occupation) -> Occupation:
    """The partition with every core that exceeds a limit split, until none does.

    A split makes neurons elsewhere send to one core more, so it is repeated; it ends, since each round adds cores.
    Raises `Unsupported` where a neuron alone on its core exceeds a limit, or where cores run out.
    """
    room = Room.of(limits)
    while True:
        check_cores(len(found.axons_in), target, limits)
        full = np.flatnonzero(overfull(found.load(topology, needs), room))
        if not len(full):
            return found
        found = found.after(topology, _split(topology, needs, room, target, found, full), full)


def _split(topology: Topology, needs: Needs, room: Room, target: Target, found: Occupation, full: Ints) -> Ints:
    core_of, cores, sent = found.core_of.copy(), len(found.axons_in), found.sent[topology.inputs :]
    order = np.argsort(core_of, kind="stable")
    bounds = np.searchsorted(core_of[order], np.arange(cores + 1))
    for core in full.tolist():
        members = order[bounds[core] : bounds[core + 1]]
        if len(members) == 1:
            neuron = int(members[0])
            raise Unsupported(
                f"{topology.name_of(neuron)} fits into no core of '{target.name}': in the partitions tried it sends to "
                f"{sent[neuron]:,} cores, and its axons out ({room.axons_out:,} on a core) or their table exceed the "
                "core by themselves; prune its outgoing weights, or take a target with more"
            )
        parts = fill(topology, needs, room, members, sent)
        core_of[members[parts > 0]] = cores + parts[parts > 0] - 1
        cores += int(parts.max())
    return core_of
