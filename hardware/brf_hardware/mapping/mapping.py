"""Where every neuron lies: cores on a mesh of routers, on one chip or several, and the messages between them."""

from dataclasses import dataclass

from brf_deploy.arrays import Ints
from brf_hardware.targets.target import Limits


@dataclass(frozen=True)
class Core:
    """A core that holds something: its chip, its router's column and row on that chip, its place at the router."""

    chip: int
    column: int
    row: int
    slot: int

    @classmethod
    def at(cls, chip: int, number: int, limits: Limits) -> "Core":
        """Core `number` of a chip, counted router after router along the rows."""
        router, slot = divmod(number, limits.cores_per_router)
        row, column = divmod(router, limits.mesh[0])
        return cls(chip, column, row, slot)


@dataclass(frozen=True, eq=False)
class CoreLoad:
    """What lies on each used core (cores,): neurons, synapses, axons, and bytes of states, synapses and tables."""

    neurons: Ints
    synapses: Ints
    axons_in: Ints
    axons_out: Ints
    state_bytes: Ints
    synapse_bytes: Ints
    table_bytes: Ints


@dataclass(frozen=True, eq=False)
class Mapping:
    """A placed network.

    cores: used ones; neurons refer to them by index. placement: of every population (each layer, then the readout),
    the core of each neuron (neurons,). load: per core. method: how it was found, in words. mesh: columns and rows of
    routers a chip; chips stand in a row from west to east. links: messages times links that they pass, when each neuron
    fires at its rate; links_in_order: the same when neurons and cores stand in order (or, where neurons in their order
    fit onto no cores, in that of the first partition that does).
    """

    target: str
    allocation: str
    cores: tuple[Core, ...]
    placement: tuple[Ints, ...]
    load: CoreLoad
    method: str
    mesh: tuple[int, int] = (1, 1)
    links: float = 0.0
    links_in_order: float = 0.0

    @property
    def chips(self) -> int:
        """Number of chips in use."""
        return 1 + max((core.chip for core in self.cores), default=-1)
