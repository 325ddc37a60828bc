"""Neurons onto cores under hard limits: filled in an order, and halved until nothing is exceeded."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import Unsupported
from brf_hardware.mapping.capacity import Needs, Room, check_cores
from brf_hardware.mapping.fill import fill
from brf_hardware.mapping.load import Occupation, overfull
from brf_hardware.mapping.topology import Topology
from brf_hardware.report.numbers import plural
from brf_hardware.targets.target import Limits, Target

# Cores that halving may mend, as a share of all: where more are too full, filling anew takes fewer cores.
FEW = 0.01
FILLINGS = 4  # at most; each takes 5 s for 50 million synapses
# Filling anew makes cores smaller, and neurons then send to more of them than they did: room left for that.
GROWTH = 1.05


def filled(topology: Topology, needs: Needs, room: Room, order: Ints) -> Occupation:
    """All neurons filled in the given order.

    How many axons out a neuron takes follows from the partition. The first filling assumes one of each neuron that
    sends; where that leaves more than a few cores too full, the next one takes what the one before has led to.
    """
    axons_out, core_of = np.minimum(topology.fan_out, 1), np.empty(topology.neurons, np.int64)
    for _ in range(FILLINGS):
        core_of[order] = fill(topology, needs, room, order, axons_out)
        found = Occupation.of(topology, core_of.copy())
        if overfull(found.load(topology, needs), room).mean() <= FEW:
            break
        axons_out = np.ceil(GROWTH * found.sent[topology.inputs :]).astype(np.int64)
    return found


def settled(topology: Topology, needs: Needs, target: Target, limits: Limits, found: Occupation) -> Occupation:
    """The partition with every core that exceeds a limit halved, until none does.

    A split makes neurons elsewhere send to one core more, so it is repeated; it ends, since each round adds cores.
    Raises `Unsupported` where a neuron alone on its core exceeds a limit, or where cores run out.
    """
    room = Room.of(limits)
    while True:
        check_cores(len(found.axons_in), target, limits)
        full = np.flatnonzero(overfull(found.load(topology, needs), room))
        if not len(full):
            return found
        found = found.after(topology, _halved(topology, target, room, found, full), full)


def _halved(topology: Topology, target: Target, room: Room, found: Occupation, full: Ints) -> Ints:
    """The cores `full` in two halves each: both keep room for what splits elsewhere add."""
    core_of, cores = found.core_of.copy(), len(found.axons_in)
    order = np.argsort(core_of, kind="stable")
    bounds = np.searchsorted(core_of[order], np.arange(cores + 1))
    for new, core in enumerate(full.tolist(), start=cores):
        members = order[bounds[core] : bounds[core + 1]]
        if len(members) == 1:
            neuron = int(members[0])
            reached = plural(int(found.sent[topology.inputs + neuron]), "core")
            raise Unsupported(
                f"{topology.name_of(neuron)} fits into no core of '{target.name}': in the partitions tried it sends to "
                f"{reached}, and its axons out ({room.axons_out:,} on a core) or "
                "their table exceed the core by themselves; prune its outgoing weights, or take a target with more"
            )
        core_of[members[len(members) // 2 :]] = new
    return core_of
