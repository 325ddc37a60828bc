"""Where the messages of each source go under a partition, a few cores at a time."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_array

from brf_deploy.arrays import Floats, Ints
from brf_hardware.mapping.topology import Topology

# A piece holds so many synapses, and what is computed of it some ten words each: 350 MB.
SYNAPSES_AT_ONCE = 1 << 22


def reach(topology: Topology, core_of: Ints, cores: Ints) -> csr_array:
    """Synapses that a message of each source meets on each of `cores`, (cores, inputs + neurons); no zero is stored.

    An entry is an axon into the core, and a message that its source sends. core_of (neurons,): where neurons lie.
    """
    row_of = np.full(1 + max(int(core_of.max()), int(cores.max())), -1, np.int64)
    row_of[cores] = np.arange(len(cores))
    neurons = np.flatnonzero(row_of[core_of] >= 0)
    rows = row_of[core_of[neurons]]
    members = csr_array((np.ones(len(rows), np.int32), (rows, np.arange(len(rows)))), shape=(len(cores), len(rows)))
    return csr_array(members @ topology.synapses[neurons])


def pieces(topology: Topology, core_of: Ints, cores: Ints) -> Iterator[tuple[Ints, csr_array]]:
    """`reach` of `cores` in pieces that fit into memory, each with its cores."""
    synapses = np.bincount(core_of, weights=topology.fan_in, minlength=int(cores.max()) + 1)[cores]
    piece_of = np.cumsum(synapses) // SYNAPSES_AT_ONCE
    for part in np.split(cores, np.flatnonzero(np.diff(piece_of)) + 1):
        yield part, reach(topology, core_of, part)


def axons(topology: Topology, core_of: Ints, cores: Ints) -> tuple[Ints, Ints]:
    """Axons into each of `cores` (cores,), and messages that each source sends to them (inputs + neurons,)."""
    sent = np.zeros(topology.inputs + topology.neurons, np.int64)
    received = []
    for _, piece in pieces(topology, core_of, cores):
        sent += np.bincount(piece.indices, minlength=len(sent))
        received.append(np.diff(piece.indptr))
    return np.concatenate(received).astype(np.int64), sent


def traffic(topology: Topology, core_of: Ints, cores: int) -> Floats:
    """Messages from core to core (cores, cores) when each neuron fires at its rate."""
    senders = csr_array((topology.rates, (np.arange(topology.neurons), core_of)), shape=(topology.neurons, cores))
    found = np.zeros((cores, cores))
    for part, piece in pieces(topology, core_of, np.arange(cores)):
        sends = piece[:, topology.inputs :]
        ones = csr_array((np.ones(sends.nnz), sends.indices, sends.indptr), shape=sends.shape)
        found[:, part] = (ones @ senders).toarray().T
    return found
