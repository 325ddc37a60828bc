"""Partition and placement: limits always hold, nothing is lost, equal calls give equal bits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from networks import integer_networks, random_network
from scipy.sparse import csr_array
from topologies import clustered, random_topology, shuffled, target, targets, topologies, topology

from brf_deploy.errors import Unsupported
from brf_hardware.mapping import Topology, map_network, mapper
from brf_hardware.mapping.route import Mesh, passage
from brf_hardware.mapping.utilisation import utilisation
from brf_hardware.targets import load_target
from brf_hardware.targets.target import Allocation


def dense(network):
    return network.synapses.toarray() != 0


def mapped(network, chosen, **options):
    """The mapping, or why there is none."""
    try:
        return map_network(network, chosen, **options)
    except Unsupported as error:
        return str(error)


def expected_load(network, chosen, mapping):
    """The load of every core by its definition, from the dense matrix."""
    words, core_of = chosen.allocations["assumed"], np.concatenate(mapping.placement)
    matrix, parts = dense(network), np.repeat(np.arange(len(network.populations)), [len(p) for p in mapping.placement])
    reached = np.array([[matrix[core_of == core, source].any() for core in range(len(mapping.cores))]
                        for source in range(matrix.shape[1])])  # fmt: skip
    for core in range(len(mapping.cores)):
        here = np.flatnonzero(core_of == core)
        populations = [network.populations[parts[neuron]] for neuron in here]
        axons_in, axons_out = int(reached[:, core].sum()), int(reached[network.inputs + here].sum())
        synapses = [int(matrix[neuron].sum()) for neuron in here]
        yield {
            "neurons": len(here),
            "synapses": sum(synapses),
            "axons_in": axons_in,
            "axons_out": axons_out,
            "state_bytes": sum(int(np.ceil(part.neuron_bytes + words.neuron)) for part in populations),
            "synapse_bytes": sum(
                int(np.ceil(count * (words.synapse + (part.weight_bits > 8))))
                for count, part in zip(synapses, populations, strict=True)
            ),
            "table_bytes": int(np.ceil(words.program)) * len({part.program for part in populations})
            + int(np.ceil(words.axon)) * (axons_in + axons_out),
        }


def check_limits(load, limits):
    for name, share in utilisation(load, limits).items():
        assert (share <= 1).all(), name
    assert limits.axons_in_per_core != 0 or not load.axons_in.any()
    assert limits.axons_out_per_core != 0 or not load.axons_out.any()
    assert limits.synapse_memory_bytes != 0 or not load.synapse_bytes.any()


@settings(max_examples=150)
@given(network=topologies(), chosen=targets())
def test_every_neuron_has_a_core_and_no_core_exceeds_a_limit(network, chosen):
    mapping = mapped(network, chosen)
    if isinstance(mapping, str):
        assert "neuron" in mapping or "cores are needed" in mapping
        event("refused")
        return
    event("one core" if len(mapping.cores) == 1 else f"{min(mapping.chips, 3)} or more chips")
    limits = chosen.limits
    assert [len(cores) for cores in mapping.placement] == [part.count for part in network.populations]
    assert set(np.concatenate(mapping.placement)) == set(range(len(mapping.cores)))
    check_limits(mapping.load, limits)
    for core, load in enumerate(expected_load(network, chosen, mapping)):
        assert {name: int(values[core]) for name, values in vars(mapping.load).items()} == load
    assert len(set(mapping.cores)) == len(mapping.cores)
    on_chip = np.bincount([core.chip for core in mapping.cores])
    assert (on_chip <= limits.cores_per_chip).all()
    assert mapping.chips <= limits.chips
    for core in mapping.cores:
        assert (core.column, core.row) < limits.mesh
        assert core.column < limits.mesh[0]
        assert core.row < limits.mesh[1]
        assert core.slot < limits.cores_per_router
        number = (core.row * limits.mesh[0] + core.column) * limits.cores_per_router + core.slot
        assert number < limits.cores_per_chip
    assert mapping.links <= mapping.links_in_order or limits.chips > 1  # fewer chips come first


@settings(max_examples=40)
@given(network=topologies(), chosen=targets())
def test_what_messages_pass_by_its_definition(network, chosen):
    mapping = mapped(network, chosen)
    if isinstance(mapping, str):
        return
    core_of, matrix = np.concatenate(mapping.placement), dense(network)
    reached = np.stack([matrix[core_of == core].any(axis=0) for core in range(len(mapping.cores))], axis=1)
    expected = np.zeros(5)
    for neuron, core in np.argwhere(reached[network.inputs :]):
        here, there = mapping.cores[core_of[neuron]], mapping.cores[core]
        width = mapping.mesh[0]
        across = abs(here.chip * width + here.column - there.chip * width - there.column)
        crossings, along = abs(here.chip - there.chip), abs(here.row - there.row)
        expected += network.rates[neuron] * np.array([1, across + along == 0, across - crossings, along, crossings])
    found = passage(network, mapping)
    assert list(vars(found).values()) == pytest.approx(expected, rel=1e-12)  # sums of rates in another order
    assert mapping.links == pytest.approx(sum(expected[2:]), rel=1e-12)


@settings(max_examples=25)
@given(network=topologies(), chosen=targets())
def test_equal_calls_give_equal_mappings(network, chosen):
    first, second = (mapped(network, chosen, seed=3) for _ in range(2))
    if isinstance(first, str):
        assert second == first
        return
    assert first.cores == second.cores
    assert all(map(np.array_equal, first.placement, second.placement))
    assert (first.method, first.links) == (second.method, second.links)


@settings(max_examples=25)
@given(network=integer_networks())
def test_topology_of_a_network_has_its_nonzero_synapses(network):
    found = Topology.of(network)
    assert [part.count for part in found.populations] == [*(layer.count for layer in network.layers), network.outputs]
    matrix, first = dense(found), 0
    for index, layer in enumerate(network.layers):
        rows, before = slice(first, first + layer.count), found.inputs + first
        below = slice(0, found.inputs) if index == 0 else slice(before - network.layers[index - 1].count, before)
        assert np.array_equal(matrix[rows, below], layer.input.mantissa != 0)
        own = matrix[rows, before : before + layer.count]
        assert np.array_equal(own, np.zeros_like(own) if layer.recurrent is None else layer.recurrent.mantissa != 0)
        first += layer.count
    below = slice(found.inputs + first - network.layers[-1].count, found.inputs + first)
    assert np.array_equal(matrix[first:, below], network.readout.weight.mantissa != 0)
    blocks = [block for layer in network.layers for block in (layer.input, layer.recurrent) if block is not None]
    total = sum(np.count_nonzero(block.mantissa) for block in (*blocks, network.readout.weight))
    assert found.synapses.nnz == total


def test_clusters_are_found_and_beat_the_order_of_neurons():
    network, chosen = clustered(12, 10), target(neurons_per_core=10)
    mapping = map_network(network, chosen)
    assert mapping.method.startswith("cores: METIS bisection")
    assert mapping.links < 0.25 * mapping.links_in_order
    check_limits(mapping.load, chosen.limits)


def test_hidden_neighbours_are_found_under_limits_of_axons():
    """Neurons that talk to those nearby, shuffled: cores take a few more than in the true order, and few links."""
    chosen = target(axons_in_per_core=600, axons_out_per_core=600, chips=99)
    network = random_topology(3000, 60, nearby=0.95, width=60)
    true, found = map_network(network, chosen), map_network(shuffled(network), chosen)
    check_limits(found.load, chosen.limits)
    assert len(found.cores) < 1.5 * len(true.cores)
    assert found.links < 2 * true.links < 0.05 * found.links_in_order


def test_places_are_found_along_a_chain():
    """Twelve cores that each talk to the next, shuffled: a path through the mesh needs one link each."""
    order = np.random.default_rng(1).permutation(12)
    chain = np.zeros((12, 12))
    chain[order[1:], order[:-1]] = 1
    mapping = map_network(topology(chain), target(neurons_per_core=1))
    assert mapping.links <= 14  # 11 is the optimum
    assert mapping.links_in_order > 20


def test_busy_neurons_weigh_more():
    """Two talkers far apart in neuron order come together where they fire, not where the others do."""
    star = np.zeros((12, 12))
    star[11, 0] = star[0, 11] = 1
    star[1:11, 1:11] = np.eye(10, k=1)
    rates = np.where(np.isin(np.arange(12), (0, 11)), 1000.0, 1.0)
    mapping = map_network(topology(star, rates=rates), target(neurons_per_core=1))
    first, last = (mapping.cores[mapping.placement[0][neuron]] for neuron in (0, 11))
    assert abs(first.column - last.column) + abs(first.row - last.row) == 1


def test_several_chips_stand_in_a_row_and_crossings_are_counted():
    network = random_topology(40, 3, nearby=1.0, width=2)
    chosen = target(neurons_per_core=1)
    mapping = map_network(network, chosen)
    assert mapping.chips == 4
    assert mapping.links < mapping.links_in_order
    chip, each = np.array([core.chip for core in mapping.cores]), np.arange(len(mapping.cores))
    crossings = Mesh.of(mapping.cores, mapping.mesh[0]).crossings(each[:, np.newaxis], each)
    assert np.array_equal(crossings, np.abs(np.subtract.outer(chip, chip)))


def test_without_the_partitioner_neuron_order_is_kept_and_said(monkeypatch):
    monkeypatch.setattr(mapper, "installed", lambda: False)
    mapping = map_network(clustered(12, 10), target(neurons_per_core=10))
    assert "PyMetis is not installed" in mapping.method
    assert np.array_equal(mapping.placement[0], np.arange(120) // 10)


def test_axons_out_are_repaired_by_splitting():
    """Each of 30 neurons sends to all: a core of ten sends 30 messages on three cores, and 20 are allowed."""
    chosen = target(neurons_per_core=10, axons_out_per_core=30)
    assert len(map_network(topology(np.ones((30, 30))), chosen).cores) == 3
    sparse = np.eye(30)
    sparse[:, :3] = 1
    mapping = map_network(topology(sparse), target(neurons_per_core=10, axons_out_per_core=12))
    assert (mapping.load.axons_out <= 12).all()
    assert len(mapping.cores) > 3


def test_stored_entries_are_synapses_whatever_their_values():
    good = topology(np.eye(3))
    values = csr_array(([7, -2, 5, 300], ([0, 1, 2, 2], [0, 1, 2, 2])), shape=(3, 3))
    found = replace(good, synapses=values)
    assert np.array_equal(found.synapses.toarray(), np.eye(3))
    assert map_network(found, target()).load.synapses.tolist() == [3]


def test_unlimited_core_takes_everything():
    mapping = map_network(topology(np.ones((50, 50))), target())
    assert (len(mapping.cores), mapping.chips, mapping.links) == (1, 1, 0)
    assert not utilisation(mapping.load, target().limits)


def test_wider_weights_take_more_bytes():
    words = {"assumed": Allocation(neuron=0, synapse=1, axon=0, program=0)}
    narrow, wide = (map_network(topology(np.ones((4, 4)), weight_bits=bits), target(words)) for bits in (8, 9))
    assert (narrow.load.synapse_bytes[0], wide.load.synapse_bytes[0]) == (16, 32)


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "loihi2-128", "cortex-m4", "generic-fpga"])
@pytest.mark.parametrize("allocation", ["optimistic", "assumed"])
def test_shipped_targets_hold_their_limits(name, allocation):
    network, chosen = random_network(inputs=10, neurons=(300, 200), outputs=5), load_target(name)
    mapping = map_network(network, chosen, allocation)
    check_limits(mapping.load, chosen.limits)
    assert mapping.load.synapses.sum() == Topology.of(network).synapses.nnz


def test_thousands_of_neurons_over_chips_hold_all_limits():
    network, chosen = random_topology(5000, 60, nearby=0.9), target(
        chips=9, cores_per_chip=60, mesh=(8, 8), neurons_per_core=40, synapse_memory_bytes=3000,
        axons_in_per_core=1500, axons_out_per_core=1500,
    )  # fmt: skip
    mapping = map_network(network, chosen)
    check_limits(mapping.load, chosen.limits)
    assert mapping.load.synapses.sum() == network.synapses.nnz
    assert mapping.links <= mapping.links_in_order
