"""What neurons take of a core, what a core has, and who fits into none."""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput, Unsupported
from brf_hardware.mapping.topology import Topology
from brf_hardware.report.numbers import plural
from brf_hardware.targets.target import Limits, Target

NO_LIMIT = 1 << 62  # more than anything here counts to
ROOMIER = "take a target with more"
NARROWER, FEWER_IN, FEWER_OUT = (
    f"{mend}, or {ROOMIER}"
    for mend in ("quantise to narrower words", "prune incoming weights", "prune outgoing weights")
)


@dataclass(frozen=True)
class Room:
    """What a core has, in neurons, bytes and axons; `NO_LIMIT` where nothing bounds it."""

    neurons: int
    synapse_bytes: int
    memory_bytes: int
    axons_in: int
    axons_out: int

    @classmethod
    def of(cls, limits: Limits) -> "Room":
        """The room of a target's core."""
        found = (
            limits.neurons_per_core,
            limits.synapse_memory_bytes,
            limits.core_memory_bytes,
            limits.axons_in_per_core,
            limits.axons_out_per_core,
        )
        return cls(*(NO_LIMIT if limit is None else limit for limit in found))


@dataclass(frozen=True, eq=False)
class Needs:
    """Whole bytes that each neuron takes (neurons,), its program's index, and bytes of a program and of an axon."""

    state_bytes: Ints
    synapse_bytes: Ints
    program: Ints
    program_bytes: int
    axon_bytes: int

    @classmethod
    def of(cls, topology: Topology, target: Target, allocation: str) -> "Needs":
        """What neurons, synapses, axons and programs take under the named allocation of `target`."""
        if allocation not in target.allocations:
            raise InvalidInput(
                f"target '{target.name}': no allocation '{allocation}' found, it has "
                f"{', '.join(target.allocations) or 'none'}"
            )
        words, parts = target.allocations[allocation], topology.populations
        programs = list(dict.fromkeys(part.program for part in parts))
        of_neuron = np.ceil([part.neuron_bytes + words.neuron for part in parts]).astype(np.int64)
        of_synapse = np.array([words.synapse_bytes(part.weight_bits) for part in parts])
        part_of = topology.population_of
        return cls(
            state_bytes=of_neuron[part_of],
            synapse_bytes=np.ceil(of_synapse[part_of] * topology.fan_in).astype(np.int64),
            program=np.array([programs.index(part.program) for part in parts])[part_of],
            program_bytes=int(np.ceil(words.program)),
            axon_bytes=int(np.ceil(words.axon)),
        )


def check_neurons(topology: Topology, needs: Needs, target: Target, limits: Limits) -> None:
    """Refuse a network of which one neuron fits into no core, naming the neuron that exceeds a limit by most."""
    room, fan_in, fan_out = Room.of(limits), topology.fan_in, topology.fan_out
    state = np.array([part.neuron_bytes for part in topology.populations])[topology.population_of]
    axons = fan_in + np.minimum(fan_out, 1)
    memory = needs.program_bytes + needs.state_bytes + needs.synapse_bytes + needs.axon_bytes * axons
    alone = (
        ("neuron", " on a core", np.ones_like(fan_in), room.neurons, ROOMIER),
        ("byte", " of states and coefficients", state, limits.state_bytes_per_neuron, NARROWER),
        ("incoming synapse", "", fan_in, limits.fan_in, FEWER_IN),
        ("outgoing synapse", "", fan_out, limits.fan_out, FEWER_OUT),
        ("byte", " of incoming synapses", needs.synapse_bytes, room.synapse_bytes, FEWER_IN),
        ("axon", " in", fan_in, room.axons_in, FEWER_IN),
        ("axon", " out", np.minimum(fan_out, 1), room.axons_out, ROOMIER),
        ("byte", " of a core, with program and axons,", memory, room.memory_bytes, FEWER_IN),
    )
    for unit, of_what, taken, limit, remedy in alone:
        worst = int(np.argmax(taken))
        if limit is not None and taken[worst] > limit:
            raise Unsupported(
                f"{topology.name_of(worst)} fits into no core of '{target.name}': {plural(taken[worst], unit)}"
                f"{of_what} found, the limit is {limit:,}; {remedy}"
            )


def check_total(topology: Topology, needs: Needs, target: Target, limits: Limits) -> None:
    """Refuse a network that no partition brings onto the target's cores."""
    room = Room.of(limits)
    memory = int(needs.state_bytes.sum() + needs.synapse_bytes.sum())
    least = max(
        -(-topology.neurons // room.neurons),
        -(-int(needs.synapse_bytes.sum()) // max(room.synapse_bytes, 1)),
        -(-memory // max(room.memory_bytes, 1)),
    )
    check_cores(least, target, limits, "at least ")


def check_cores(needed: int, target: Target, limits: Limits, least: str = "") -> None:
    """Refuse more cores than the target has."""
    available = limits.cores_per_chip * limits.chips
    if needed > available:
        raise Unsupported(
            f"target '{target.name}': {least}{plural(needed, 'core')} are needed, {available:,} "
            f"{'is' if available == 1 else 'are'} there ({plural(limits.chips, 'chip')} of "
            f"{plural(limits.cores_per_chip, 'core')}); prune or shrink the network, or join more chips with "
            f"--set limits.chips={-(-needed // limits.cores_per_chip)}"
        )
