"""The placed network as messages see it: which core each neuron lies on, and which links a message takes."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_hardware.cost.links import router_links
from brf_hardware.mapping.mapping import Mapping


@dataclass(frozen=True, eq=False)
class Fabric:
    """Placement of every population (each layer, then the readout) on used cores.

    router: of each core (cores,), an index. chips: in use. links: the ledger's term of each link (links,),
    link_names: where it leads. paths (routers * routers, links): which links a message takes, row
    ``from * routers + to``. Input events enter at the router of the core that they are sent to, and take no link.
    """

    placement: tuple[Ints, ...]
    router: Ints
    chips: int
    links: tuple[str, ...]
    link_names: tuple[str, ...]
    paths: csr_array

    @property
    def cores(self) -> int:
        """Number of cores in use."""
        return len(self.router)

    @property
    def layers(self) -> int:
        """Number of layers, the readout not counted."""
        return len(self.placement) - 1

    @property
    def routers(self) -> int:
        """Number of routers with a used core: what a barrier spans."""
        return int(self.router.max()) + 1

    def link_messages(self, population: int, reach: Ints) -> Ints:
        """Messages on each link when each neuron fires once to the cores of `reach`, (neurons, links)."""
        neuron, core = np.nonzero(reach)
        pair = self.router[self.placement[population][neuron]] * self.routers + self.router[core]
        sent = csr_array((np.ones_like(pair), (neuron, pair)), shape=(len(reach), self.routers**2))
        return np.asarray((sent @ self.paths).toarray())

    def members(self, population: int) -> Ints:
        """Which neuron lies on which core: ones and zeros, (neurons, cores)."""
        return np.asarray(self.placement[population][:, np.newaxis] == np.arange(self.cores), np.int64)


def one_core(network: IntegerNetwork) -> Fabric:
    """The whole network on one core without limits: what can be counted before a mapping is known."""
    counts = (*(layer.count for layer in network.layers), network.outputs)
    placement = tuple(np.zeros(count, np.int64) for count in counts)
    return Fabric(placement, np.zeros(1, np.int64), 1, *router_links([(0, 0)], columns=1))


def fabric_of(mapping: Mapping) -> Fabric:
    """The fabric of a mapping."""
    columns, _ = mapping.mesh
    places = [(core.chip * columns + core.column, core.row) for core in mapping.cores]
    routers = {place: index for index, place in enumerate(dict.fromkeys(places))}
    router = np.array([routers[place] for place in places], np.int64)
    return Fabric(mapping.placement, router, mapping.chips, *router_links(tuple(routers), columns))


def check_fits(fabric: Fabric, network: IntegerNetwork) -> None:
    """Refuse the mapping of another network."""
    found = [len(cores) for cores in fabric.placement]
    wanted = [*(layer.count for layer in network.layers), network.outputs]
    if found != wanted:
        raise InvalidInput(
            f"mapping: populations of {found} neurons found, the network has {wanted}; map this network again"
        )
