"""A network onto a target: several partitions, several placements of each, of which the best is kept."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.network import IntegerNetwork
from brf_hardware.mapping.bisection import bisected, installed
from brf_hardware.mapping.capacity import Needs, Room, check_neurons, check_total
from brf_hardware.mapping.load import Occupation
from brf_hardware.mapping.mapping import Core, CoreLoad, Mapping
from brf_hardware.mapping.partition import filled, settled
from brf_hardware.mapping.place import columns, rows, shortened
from brf_hardware.mapping.reach import traffic
from brf_hardware.mapping.route import Mesh, links_passed
from brf_hardware.mapping.topology import Topology
from brf_hardware.targets.target import Limits, Target

# Chips beyond which METIS gives the order of neurons alone and places are not searched for. The search takes traffic as
# a dense matrix, 34 MB for 16 chips of 128 cores, and up to 0.3 s a chip.
MOST_CHIPS = 16
MOST_SEED = 2**31 - 1  # METIS's words may have 32 bits


@dataclass(frozen=True, eq=False)
class Candidate:
    """A partition with a placement. links: messages times links, each neuron at its rate."""

    partition: str
    placement: str
    core_of: Ints
    load: CoreLoad
    cores: tuple[Core, ...]
    links: float

    @property
    def rank(self) -> tuple[int, float, int]:
        """Less is better: chips first, as the static power of one outweighs all hops, then links, then cores."""
        return self.cores[-1].chip, self.links, len(self.cores)


def map_network(
    network: IntegerNetwork | Topology, target: Target, allocation: str = "assumed", seed: int = 0
) -> Mapping:
    """Every neuron onto a core and every core onto a place, within all limits of `target`.

    Neurons fill cores in their own order, and as METIS groups them; cores stand on the mesh in order, row by row or
    column by column. Kept is what takes the fewest chips and, among those, the fewest messages times links; better
    places for its cores are then searched for. Equal arguments give equal mappings. Raises `Unsupported` where a neuron
    fits into no core or cores run out, `InvalidInput` for a target without cores or such an allocation.
    """
    topology = network if isinstance(network, Topology) else Topology.of(network)
    limits = target.limits
    if limits is None:
        raise InvalidInput(f"target '{target.name}': a price table without cores; map onto a chip, such as loihi2")
    if not 0 <= seed <= MOST_SEED:
        raise InvalidInput(f"seed: {seed} found, 0 to {MOST_SEED} is possible")
    needs = Needs.of(topology, target, allocation)
    check_neurons(topology, needs, target, limits)
    check_total(topology, needs, target, limits)
    found = _candidates(topology, needs, target, limits, seed)
    best = _shortened(topology, limits, min(found, key=lambda candidate: candidate.rank))
    bounds = np.cumsum([part.count for part in topology.populations])[:-1]
    return Mapping(
        target=target.name,
        allocation=allocation,
        cores=best.cores,
        placement=tuple(np.split(best.core_of, bounds)),
        load=best.load,
        method=f"cores: {best.partition}; places: {best.placement}",
        mesh=limits.mesh,
        links=best.links,
        links_in_order=found[0].links,
    )


def _candidates(topology: Topology, needs: Needs, target: Target, limits: Limits, seed: int) -> list[Candidate]:
    """At least one, in a fixed order: neuron order in rows first, where it fits."""
    found: list[Candidate] = []
    refused: list[Unsupported] = []
    for name, partition in _partitions(topology, needs, limits, seed):
        try:
            fits = settled(topology, needs, target, limits, partition)
        except Unsupported as error:
            refused.append(error)
        else:
            found += _placed(name, topology, needs, limits, fits)
    if not found:
        raise refused[0]
    return found


def _partitions(topology: Topology, needs: Needs, limits: Limits, seed: int) -> Iterator[tuple[str, Occupation]]:
    room = Room.of(limits)
    in_order = filled(topology, needs, room, np.arange(topology.neurons))
    cores = len(in_order.axons_in)
    if not installed():
        yield "neuron order (PyMetis is not installed)", in_order
        return
    yield "neuron order", in_order
    del in_order
    if cores > 1:
        parts = bisected(topology, needs, room, cores, seed)
        if cores <= MOST_CHIPS * limits.cores_per_chip:
            yield "METIS bisection", Occupation.of(topology, np.unique(parts, return_inverse=True)[1])
        yield "filled in the order of METIS bisection", filled(topology, needs, room, np.argsort(parts, kind="stable"))


def _placed(name: str, topology: Topology, needs: Needs, limits: Limits, partition: Occupation) -> list[Candidate]:
    count, core_of, load = len(partition.axons_in), partition.core_of, partition.load(topology, needs)
    places = {"rows": rows(count, limits), "columns": columns(count, limits)}
    links = links_passed(topology, core_of, [Mesh.of(cores, limits.mesh[0]) for cores in places.values()])
    return [
        Candidate(name, how, core_of, load, cores, passed)
        for (how, cores), passed in zip(places.items(), links, strict=True)
    ]


def _shortened(topology: Topology, limits: Limits, best: Candidate) -> Candidate:
    """The candidate with places searched for, where that shortens ways and there are not too many."""
    count = len(best.cores)
    if best.links == 0 or count > MOST_CHIPS * limits.cores_per_chip:
        return best
    cores = shortened(best.cores, traffic(topology, best.core_of, count), limits)
    (links,) = links_passed(topology, best.core_of, [Mesh.of(cores, limits.mesh[0])])
    return replace(best, placement="quadratic assignment", cores=cores, links=links) if links < best.links else best
