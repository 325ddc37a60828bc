"""Random topologies and targets for the mapper."""

import numpy as np
from hypothesis import strategies as st
from scipy.sparse import csr_array

from brf_hardware.mapping import Population, Topology
from brf_hardware.targets.target import Allocation, Limits, Target


def topology(synapses, inputs=0, rates=None, **population):
    """One population with a dense 0/1 matrix of synapses (neurons, inputs + neurons)."""
    matrix = csr_array(np.asarray(synapses, np.int8))
    neurons = matrix.shape[0]
    options = {"neuron_bytes": 8} | population
    return Topology(
        inputs, (Population("hidden", neurons, **options),), matrix, np.ones(neurons) if rates is None else rates
    )


def clustered(clusters, size, seed=0):
    """Clusters of neurons that talk among themselves, and once each to another one, in an order that hides it."""
    rng = np.random.default_rng(seed)
    neurons = clusters * size
    order = rng.permutation(neurons)
    cluster = np.empty(neurons, int)
    cluster[order] = np.arange(neurons) // size
    dense = (cluster[:, np.newaxis] == cluster).astype(np.int8)
    dense[np.arange(neurons), rng.integers(0, neurons, neurons)] = 1
    return topology(dense)


def target(allocations=None, **limits):
    """A small target: no limit but those given."""
    names = ("neurons_per_core", "state_bytes_per_neuron", "core_memory_bytes", "synapse_memory_bytes",
             "axons_in_per_core", "axons_out_per_core", "fan_in", "fan_out", "state_bits", "weight_bits",
             "coefficient_bits", "accumulator_bits", "message_bits", "largest_delay", "operations")  # fmt: skip
    shape = {"chips": 4, "cores_per_chip": 12, "mesh": (4, 3), "cores_per_router": 1}
    return Target(
        name="toy",
        title="toy",
        description="",
        limits=Limits(**(dict.fromkeys(names) | shape | limits)),
        allocations=allocations or {"assumed": Allocation(neuron=4, synapse=2, axon=1, program=10)},
        energy={},
        time={},
        static_power=None,
    )


def random_topology(neurons, synapses, seed=0, inputs=0, nearby=0.0, width=100):
    """`neurons` with `synapses` each from random sources, a share of which lie within `width` neurons."""
    rng = np.random.default_rng(seed)
    sources = rng.integers(0, inputs + neurons, (neurons, synapses))
    near = inputs + (np.arange(neurons)[:, np.newaxis] + rng.integers(-width, width, sources.shape)) % neurons
    sources = np.sort(np.where(rng.random(sources.shape) < nearby, near, sources), axis=1)
    matrix = csr_array(
        (np.ones(sources.size, np.int8), sources.reshape(-1), np.arange(0, sources.size + 1, synapses)),
        shape=(neurons, inputs + neurons),
    )
    matrix.sum_duplicates()
    return Topology(inputs, (Population("hidden", neurons, 14),), matrix, np.ones(neurons))


def shuffled(found, seed=0):
    """The same network with its neurons in random order."""
    order = np.random.default_rng(seed).permutation(found.neurons)
    sources = np.concatenate([np.arange(found.inputs), found.inputs + order])
    synapses = csr_array(found.synapses[order][:, sources])
    return Topology(found.inputs, found.populations, synapses, found.rates[order])


@st.composite
def topologies(draw):
    """Networks of 1 to 60 neurons in one to three populations, from empty to dense, with rates of every kind."""
    counts = draw(st.lists(st.integers(1, 20), min_size=1, max_size=3))
    inputs, neurons = draw(st.integers(0, 8)), sum(counts)
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    density = draw(st.sampled_from([0.0, 0.02, 0.1, 0.3, 1.0]))
    matrix = csr_array((rng.random((neurons, inputs + neurons)) < density).astype(np.int8))
    populations = tuple(
        Population(f"layer{index}", count, draw(st.integers(1, 20)), draw(st.sampled_from([1, 8, 9, 16])),
                   draw(st.sampled_from(["a", "b"])))
        for index, count in enumerate(counts)
    )  # fmt: skip
    rates = draw(st.sampled_from([np.ones(neurons), np.zeros(neurons), rng.random(neurons)]))
    return Topology(inputs, populations, matrix, rates)


@st.composite
def targets(draw):
    """Targets from roomy to tiny, each limit there or not, with one or more cores at a router."""
    columns, rows, at_router = draw(st.integers(1, 5)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    allocation = Allocation(*(draw(st.sampled_from([0, 0.5, 1, 4])) for _ in range(4)))
    return target(
        allocations={"assumed": allocation},
        chips=draw(st.sampled_from([1, 3, 60])),
        mesh=(columns, rows),
        cores_per_router=at_router,
        cores_per_chip=draw(st.integers(1, columns * rows * at_router)),
        neurons_per_core=draw(st.sampled_from([None, 1, 3, 10])),
        core_memory_bytes=draw(st.sampled_from([None, 100, 300, 2000])),
        synapse_memory_bytes=draw(st.sampled_from([None, 0, 40, 200])),
        axons_in_per_core=draw(st.sampled_from([None, 0, 5, 30])),
        axons_out_per_core=draw(st.sampled_from([None, 0, 4, 30])),
    )
