"""Messages over the mesh: each goes along its row first, then along its column (XY), chip after chip.

Chips stand in a row from west to east, so that the routers of all chips are one wide mesh. The link from a chip to the
next is a chip crossing in the place of a hop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from brf_deploy.arrays import Floats, Ints
from brf_deploy.errors import InvalidInput
from brf_hardware.mapping.mapping import Core, Mapping
from brf_hardware.mapping.reach import pieces, reach
from brf_hardware.mapping.topology import Topology


@dataclass(frozen=True, eq=False)
class Mesh:
    """Where cores stand (cores,): chip, column in the row of all chips, row."""

    chip: Ints
    column: Ints
    row: Ints

    @classmethod
    def of(cls, cores: tuple[Core, ...], columns: int) -> "Mesh":
        """Cores on chips with `columns` routers in a row."""
        places = np.array([(core.chip, core.chip * columns + core.column, core.row) for core in cores]).reshape(-1, 3)
        return cls(*places.T)

    def crossings(self, source: Ints, destination: Ints) -> Ints:
        """Chip borders between cores."""
        return np.asarray(np.abs(self.chip[source] - self.chip[destination]))

    def hops_east_west(self, source: Ints, destination: Ints) -> Ints:
        """Links along a row between cores, less those from chip to chip."""
        across = np.abs(self.column[source] - self.column[destination])
        return np.asarray(across - self.crossings(source, destination))

    def hops_north_south(self, source: Ints, destination: Ints) -> Ints:
        """Links along a column between cores."""
        return np.asarray(np.abs(self.row[source] - self.row[destination]))

    def links(self, source: Ints, destination: Ints) -> Ints:
        """All links between cores, crossings included; 0 at one router."""
        across = np.abs(self.column[source] - self.column[destination])
        return np.asarray(across + self.hops_north_south(source, destination))


@dataclass(frozen=True, eq=False)
class Routes:
    """Where messages of each source go.

    synapses (inputs + neurons, cores), CSR: synapses that a message meets on each core; its stored entries are the
    destinations, one message each. core_of (neurons,): where a neuron lies. Input channels come first; they live on the
    host, and their messages enter at the router of their destination.
    """

    inputs: int
    synapses: csr_array
    core_of: Ints
    mesh: Mesh

    @property
    def destinations(self) -> Ints:
        """Number of cores that each source sends to (inputs + neurons,)."""
        return np.diff(self.synapses.indptr).astype(np.int64)

    @cached_property
    def hops_east_west(self) -> Ints:
        """Hops along rows from core to core (cores, cores)."""
        return self.mesh.hops_east_west(*self._pairs)

    @cached_property
    def hops_north_south(self) -> Ints:
        """Hops along columns from core to core (cores, cores)."""
        return self.mesh.hops_north_south(*self._pairs)

    @cached_property
    def crossings(self) -> Ints:
        """Chip borders from core to core (cores, cores)."""
        return self.mesh.crossings(*self._pairs)

    @property
    def _pairs(self) -> tuple[Ints, Ints]:
        cores = np.arange(len(self.mesh.chip))
        return cores[:, np.newaxis], cores[np.newaxis, :]


def routes(topology: Topology, mapping: Mapping) -> Routes:
    """The routes of a network on its mapping. Raises `InvalidInput` where the mapping is another network's."""
    found = [len(cores) for cores in mapping.placement]
    if found != (wanted := [part.count for part in topology.populations]):
        raise InvalidInput(
            f"mapping: populations of {found} neurons found, the network has {wanted}; map this network again"
        )
    core_of = np.concatenate(mapping.placement)
    synapses = csr_array(reach(topology, core_of, np.arange(len(mapping.cores))).T)
    return Routes(topology.inputs, synapses, core_of, Mesh.of(mapping.cores, mapping.mesh[0]))


def links_passed(topology: Topology, core_of: Ints, meshes: list[Mesh]) -> list[float]:
    """Messages times links on each mesh, when each neuron fires at its rate: what a mapping costs."""
    passed = [0.0] * len(meshes)
    for source, destination, rates in _messages(topology, core_of):
        for index, mesh in enumerate(meshes):
            passed[index] += float(rates @ mesh.links(source, destination))
    return passed


def _messages(topology: Topology, core_of: Ints) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Source core, destination core and rate of every message between neurons, a piece at a time."""
    for part, piece in pieces(topology, core_of, np.arange(int(core_of.max()) + 1)):
        destination = np.repeat(part, np.diff(piece.indptr))
        neuron = piece.indices.astype(np.int64) - topology.inputs
        neuron, destination = neuron[neuron >= 0], destination[neuron >= 0]
        yield core_of[neuron], destination, topology.rates[neuron]


@dataclass(frozen=True)
class Passage:
    """What the messages between neurons pass when each neuron fires at its rate; the sum of the last three is `links`
    of the mapping."""

    messages: float
    within_router: float
    hops_east_west: float
    hops_north_south: float
    chip_crossings: float


def passage(topology: Topology, mapping: Mapping) -> Passage:
    """What a mapping's messages pass, by kind."""
    core_of, mesh = np.concatenate(mapping.placement), Mesh.of(mapping.cores, mapping.mesh[0])
    total = np.zeros(5)
    for source, destination, rates in _messages(topology, core_of):
        total += (
            rates.sum(),
            rates @ (mesh.links(source, destination) == 0),
            rates @ mesh.hops_east_west(source, destination),
            rates @ mesh.hops_north_south(source, destination),
            rates @ mesh.crossings(source, destination),
        )
    return Passage(*total.tolist())
