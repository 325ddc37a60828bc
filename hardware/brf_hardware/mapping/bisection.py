"""Which neurons belong together: recursive bisection of the network's graph by METIS.

Parts are numbered by the tree of bisections, so that parts with near numbers talk to each other more than others do.
"""

import numpy as np
from scipy.sparse import csr_array

from brf_deploy.arrays import Ints
from brf_deploy.errors import BackendFailure
from brf_hardware.mapping.capacity import Needs, Room
from brf_hardware.mapping.topology import Topology

# The partitioner sees every synapse up to so many, and beyond that each k-th of them: METIS takes 6 s for 2 million
# edges between 100,000 neurons, and 24 bytes an edge and level.
MOST_EDGES = 2_000_000
WEIGHTS = 1000  # integer steps of the weights of neurons and synapses


def installed() -> bool:
    """Whether the partitioner is there."""
    from importlib.util import find_spec

    return find_spec("pymetis") is not None


def bisected(topology: Topology, needs: Needs, room: Room, parts: int, seed: int) -> Ints:
    """The part of each neuron (neurons,), about even in the share of a core that neurons take.

    Input channels take part without weight: neurons that listen to the same channels belong together. Raises
    `BackendFailure` where METIS gives up.
    """
    import pymetis

    graph, word = _graph(topology), pymetis.zero_copy_dtype()
    share = np.maximum(1 / room.neurons, needs.synapse_bytes / max(room.synapse_bytes, 1))
    share = np.maximum(share, (needs.state_bytes + needs.synapse_bytes) / max(room.memory_bytes, 1))
    weights = np.concatenate([np.zeros(topology.inputs), np.ceil(WEIGHTS * share / share.max())])
    try:
        found = pymetis.part_graph(
            parts,
            pymetis.CSRAdjacency(graph.indptr.astype(word), graph.indices.astype(word)),
            vweights=weights.astype(word),
            eweights=graph.data.astype(word),
            recursive=True,
            options=pymetis.Options(seed=seed),
        )
    except RuntimeError as error:  # METIS also catches SIGTERM and returns with an error
        raise BackendFailure(
            f"METIS: gave up on {graph.shape[0]:,} vertices and {graph.nnz // 2:,} edges in {parts:,} parts ({error}); "
            "it was stopped, or memory ran out: map again"
        ) from error
    return np.asarray(found.vertex_part, np.int64)[topology.inputs :]


def _graph(topology: Topology) -> csr_array:
    """Sources as vertices, synapses as edges without direction, weighted by their messages."""
    synapses, inputs = topology.synapses, topology.inputs
    stride = max(1, -(-synapses.nnz // MOST_EDGES))
    target = np.repeat(np.arange(topology.neurons), np.diff(synapses.indptr))[::stride] + inputs
    source = synapses.indices[::stride].astype(np.int64)
    busiest = topology.rates.max()
    rates = topology.rates / busiest if busiest else topology.rates
    weights = np.concatenate([np.ones(inputs), rates])
    apart = source != target
    edges = np.ceil(1 + (WEIGHTS - 1) * weights[source[apart]]).astype(np.int64)
    graph = csr_array((edges, (target[apart], source[apart])), shape=(inputs + topology.neurons,) * 2)
    return csr_array(graph + graph.T)
