"""Messages over the mesh: each goes along its row first, then along its column (XY), chip after chip.

Chips stand in a row from west to east, so that the routers of all chips are one wide mesh. The link from a chip to the
next is a chip crossing in the place of a hop. A message between cores of one router stays within it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Floats, Ints
from brf_hardware.mapping.mapping import Core, Mapping
from brf_hardware.mapping.reach import pieces
from brf_hardware.mapping.topology import Topology


@dataclass(frozen=True, eq=False)
class Ways:
    """Every link that messages take, way after way and in the order of each (links,).

    way: whose link it is. It leads from the router at `column` and `row` to its neighbour at `to_column` and `to_row`;
    where both are the same, the message stays within the router.
    """

    way: Ints
    column: Ints
    row: Ints
    to_column: Ints
    to_row: Ints


@dataclass(frozen=True, eq=False)
class Mesh:
    """Where cores or routers stand (places,): column in the row of all chips, row. `columns` make a chip."""

    columns: int
    column: Ints
    row: Ints

    @classmethod
    def of(cls, cores: tuple[Core, ...], columns: int) -> "Mesh":
        """Cores on chips with `columns` routers in a row."""
        places = np.array([(core.chip * columns + core.column, core.row) for core in cores]).reshape(-1, 2)
        return cls(columns, *places.T)

    def chip_of(self, column: Ints) -> Ints:
        """The chip on which a column of the wide mesh lies."""
        return np.asarray(column // self.columns)

    def router(self, column: int, row: int) -> tuple[int, int, int]:
        """A router's chip, and its column and row on that chip."""
        chip, column = divmod(column, self.columns)
        return chip, column, row

    def crossings(self, source: Ints, destination: Ints) -> Ints:
        """Chip borders between places."""
        return np.asarray(np.abs(self.chip_of(self.column[source]) - self.chip_of(self.column[destination])))

    def hops_east_west(self, source: Ints, destination: Ints) -> Ints:
        """Links along a row between places, less those from chip to chip."""
        return np.asarray(np.abs(self._across(source, destination)) - self.crossings(source, destination))

    def hops_north_south(self, source: Ints, destination: Ints) -> Ints:
        """Links along a column between places."""
        return np.asarray(np.abs(self._along(source, destination)))

    def links(self, source: Ints, destination: Ints) -> Ints:
        """All links between places, crossings included; 0 at one router."""
        return np.asarray(np.abs(self._across(source, destination)) + np.abs(self._along(source, destination)))

    def ways(self, source: Ints, destination: Ints) -> Ways:
        """The links from each of `source` to its `destination` (ways,); a way within a router is one link."""
        across, along = self._across(source, destination), self._along(source, destination)
        passed = np.maximum(np.abs(across) + np.abs(along), 1)
        way = np.repeat(np.arange(len(passed)), passed)
        done = np.arange(len(way)) - np.repeat(np.cumsum(passed) - passed, passed)  # links of the way before this one

        def reached(links: Ints) -> tuple[Ints, Ints]:
            in_row = np.minimum(links, np.abs(across)[way])
            column = self.column[source][way] + np.sign(across)[way] * in_row
            return column, self.row[source][way] + np.sign(along)[way] * (links - in_row)

        return Ways(way, *reached(done), *reached(done + 1))

    def _across(self, source: Ints, destination: Ints) -> Ints:
        return np.asarray(self.column[destination] - self.column[source])

    def _along(self, source: Ints, destination: Ints) -> Ints:
        return np.asarray(self.row[destination] - self.row[source])


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
