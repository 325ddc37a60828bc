"""What lies on each core under a partition, and which cores are too full."""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Bools, Ints
from brf_hardware.mapping.capacity import Needs, Room
from brf_hardware.mapping.mapping import CoreLoad
from brf_hardware.mapping.reach import axons
from brf_hardware.mapping.topology import Topology


@dataclass(frozen=True, eq=False)
class Occupation:
    """A partition, cores numbered without a gap. axons_in (cores,). sent (inputs + neurons,): messages of each source,
    one for each core that it sends to."""

    core_of: Ints
    axons_in: Ints
    sent: Ints

    @classmethod
    def of(cls, topology: Topology, core_of: Ints) -> "Occupation":
        """The partition `core_of` (neurons,)."""
        return cls(core_of, *axons(topology, core_of, np.arange(int(core_of.max()) + 1)))

    def after(self, topology: Topology, core_of: Ints, changed: Ints) -> "Occupation":
        """The partition that leaves all cores as they are but those `changed` and new ones."""
        cores = int(core_of.max()) + 1
        again = np.concatenate([changed, np.arange(len(self.axons_in), cores)])
        _, before = axons(topology, self.core_of, changed)
        axons_in, after = np.resize(self.axons_in, cores), np.zeros_like(before)
        axons_in[again], after = axons(topology, core_of, again)
        return Occupation(core_of, axons_in, self.sent - before + after)

    def load(self, topology: Topology, needs: Needs) -> CoreLoad:
        """What each core holds (cores,)."""
        core_of, cores = self.core_of, len(self.axons_in)
        axons_out = _sum(core_of, self.sent[topology.inputs :], cores)
        programs = np.zeros(cores, np.int64)
        for program in np.unique(needs.program):
            programs += np.bincount(core_of[needs.program == program], minlength=cores) > 0
        return CoreLoad(
            neurons=np.bincount(core_of, minlength=cores),
            synapses=_sum(core_of, topology.fan_in, cores),
            axons_in=self.axons_in,
            axons_out=axons_out,
            state_bytes=_sum(core_of, needs.state_bytes, cores),
            synapse_bytes=_sum(core_of, needs.synapse_bytes, cores),
            table_bytes=needs.program_bytes * programs + needs.axon_bytes * (self.axons_in + axons_out),
        )


def overfull(load: CoreLoad, room: Room) -> Bools:
    """Cores that exceed a limit (cores,)."""
    return np.asarray(
        (load.neurons > room.neurons)
        | (load.synapse_bytes > room.synapse_bytes)
        | (load.state_bytes + load.synapse_bytes + load.table_bytes > room.memory_bytes)
        | (load.axons_in > room.axons_in)
        | (load.axons_out > room.axons_out)
    )


def _sum(core_of: Ints, values: Ints, cores: int) -> Ints:
    """Exact sums by core: floats hold integers up to 2**53."""
    return np.bincount(core_of, weights=values, minlength=cores).astype(np.int64)
