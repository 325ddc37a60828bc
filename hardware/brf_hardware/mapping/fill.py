"""One core after the other, filled with neurons in a given order."""

from dataclasses import dataclass, field

import numpy as np

from brf_deploy.arrays import Ints
from brf_hardware.mapping.capacity import Needs, Room
from brf_hardware.mapping.topology import Topology


@dataclass
class Content:
    """What is on the core being filled."""

    neurons: int = 0
    state_bytes: int = 0
    synapse_bytes: int = 0
    axons_in: int = 0
    axons_out: int = 0
    programs: set[int] = field(default_factory=set)

    def add(self, state_bytes: int, synapse_bytes: int, axons_in: int, axons_out: int, program: int) -> None:
        """Put one neuron onto the core."""
        self.neurons += 1
        self.state_bytes += state_bytes
        self.synapse_bytes += synapse_bytes
        self.axons_in += axons_in
        self.axons_out += axons_out
        self.programs.add(program)

    def fits(self, room: Room, needs: Needs) -> bool:
        """Whether all of it fits a core."""
        tables = needs.program_bytes * len(self.programs) + needs.axon_bytes * (self.axons_in + self.axons_out)
        return (
            self.neurons <= room.neurons
            and self.synapse_bytes <= room.synapse_bytes
            and self.axons_in <= room.axons_in
            and self.axons_out <= room.axons_out
            and self.state_bytes + self.synapse_bytes + tables <= room.memory_bytes
        )


def fill(topology: Topology, needs: Needs, room: Room, order: Ints, axons_out: Ints) -> Ints:
    """Cores of the neurons in `order`, numbered from 0: each takes neurons until one more would exceed a limit.

    axons_out (neurons,): of each neuron. Who fits into no core gets one alone.
    """
    starts, sources = topology.synapses.indptr, topology.synapses.indices
    seen = np.full(topology.synapses.shape[1], -1, np.int32)  # the last core that each source was found to send to
    needed = zip(
        order.tolist(),
        needs.state_bytes[order].tolist(),
        needs.synapse_bytes[order].tolist(),
        axons_out[order].tolist(),
        needs.program[order].tolist(),
        strict=True,
    )
    content, core = Content(), 0
    found = np.empty(len(order), np.int64)
    for place, (neuron, state, synapses, out, program) in enumerate(needed):
        incoming = sources[starts[neuron] : starts[neuron + 1]]
        new = int(np.count_nonzero(seen[incoming] != core))
        content.add(state, synapses, new, out, program)
        if content.neurons > 1 and not content.fits(room, needs):
            content, core = Content(), core + 1
            content.add(state, synapses, len(incoming), out, program)
        seen[incoming] = core
        found[place] = core
    return found
