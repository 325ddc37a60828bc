"""The ledger: every entry of a toy network counted by hand, and exact properties on random and published networks."""

from dataclasses import fields, replace

import numpy as np
import pytest
from deployed import published_run
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.errors import InvalidInput
from brf_deploy.layers import Synapses
from brf_deploy.operations import count_operations
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import LayerTrace, Record, Trace
from brf_hardware.cost.activity import activities
from brf_hardware.cost.count import count, event_bytes
from brf_hardware.cost.fabric import fabric_of, one_core
from brf_hardware.cost.ledger import Ledger
from brf_hardware.mapping import Topology
from brf_hardware.mapping.mapping import Core, CoreLoad, Mapping
from brf_hardware.mapping.reach import reach
from brf_hardware.mapping.route import Mesh


def synapses(rows):
    return Synapses(np.array(rows), np.zeros(len(rows), int))


def toy(maximum=1):
    """Two inputs, three recurrent neurons, one output; weights of 8 bits, zeros among them."""
    network = random_network(inputs=2, neurons=(3,), outputs=1, maximum=maximum, full_scale=maximum)
    layer = replace(
        network.layers[0],
        input=synapses([[1, 0], [2, -1], [0, 0]]),
        recurrent=synapses([[0, 1, 0], [1, 1, 0], [0, 1, 0]]),
    )
    return replace(network, layers=(layer,), readout=replace(network.readout, weight=synapses([[3, 0, -2]])))


def on_cores(*cores, mesh=(3, 3)):
    """A mapping of the toy: neurons 0 and 1 on the first core, neuron 2 and the readout on the second."""
    none = np.zeros(len(cores), np.int64)
    return Mapping(
        target="toy",
        allocation="assumed",
        cores=cores,
        placement=(np.array([0, 0, 1]), np.array([1])),
        load=CoreLoad(*(none for _ in fields(CoreLoad))),
        method="by hand",
        mesh=mesh,
    )


# Three steps. Input 0 at t = 0 and 2, input 1 at t = 1. Neuron 0 fires at t = 0, neuron 1 at t = 1, 0 and 2 at t = 2.
EVENTS = np.array([[[1, 0]], [[0, 1]], [[1, 0]]])
SPIKES = np.array([[[1, 0, 0]], [[0, 1, 0]], [[1, 0, 1]]], bool)
TRACE = Trace((LayerTrace(SPIKES),), np.zeros((3, 1, 1), np.int32))


def test_every_entry_of_the_toy_on_one_core_as_counted_by_hand():
    hidden, readout = count(toy(), EVENTS, TRACE)
    assert hidden == Ledger(
        spikes=4,
        # Three input events; four spikes, of which neuron 2's at t = 2 goes to the readout.
        axon_messages=3 + 4,
        # Input 0 meets weights 1 and 2, twice; input 1 meets one. Spike of 0 at t = 0: one; of 1 at t = 1: three.
        # The spikes of t = 2 meet no recurrent weight, there is no step after it.
        synaptic_operations=2 * 2 + 1 + 1 + 3,
        zero_operations=2 * 1 + 2 + 2 + 0,
        # Rows of three 8-bit weights fit one word: three events and two delivered spikes.
        synaptic_words=3 + 2,
        # t = 0: neurons 0, 1 by input 0. t = 1: neuron 1 by input 1 and neuron 0's spike. t = 2: all by neuron 1's.
        neuron_updates_driven=2 + 1 + 3,
        neuron_updates_idle=9 - 6,
        messages_within_router=4 - 0,
        # An event is the number of one of two channels: one bit, one byte.
        host_bytes_in=3,
    )
    assert readout == Ledger(
        # Weights 3, 0, -2: neuron 0 twice, neuron 2 once; neuron 1's weight is 0, so its row is not stored.
        synaptic_operations=3,
        synaptic_words=3,
        readout_updates=3,
        barriers=3,
        host_bytes_out=3 * 3,  # a 24-bit word a step
    )


def test_every_entry_of_the_toy_on_two_cores_of_two_chips_as_counted_by_hand():
    # From (0, 0) of chip 0 to (1, 2) of chip 1 on meshes of 3 columns: 2 hops east, a crossing, 1 hop east, 2 north.
    network, fabric = toy(), fabric_of(on_cores(Core(0, 0, 0, 0), Core(1, 1, 2, 0)))
    assert (fabric.cores, fabric.chips, fabric.routers) == (2, 2, 2)
    hidden, readout = count(network, EVENTS, TRACE, fabric)
    # Messages of spikes. Neuron 0 at t = 0: neuron 1 is on core 0, the readout on core 1. Neuron 1 at t = 1: both
    # cores by recurrence. Neuron 0 at t = 2: the readout, core 1; neuron 2 at t = 2: the readout on its own core.
    away, within = 3, 3
    assert hidden == Ledger(
        spikes=4,
        axon_messages=3 + away + within,
        synaptic_operations=9,
        # Stored are the rows of core 0 alone, two weights each, and neuron 1's one weight on core 1.
        zero_operations=0 + 0 + 1 + 1 + 0,
        synaptic_words=3 + 1 + 2,
        neuron_updates_driven=6,
        neuron_updates_idle=3,
        hops_east_west=3 * away,
        hops_north_south=2 * away,
        messages_within_router=within,
        chip_crossings=away,
        host_bytes_in=3,
    )
    assert readout == Ledger(
        synaptic_operations=3, synaptic_words=3, readout_updates=3, barriers=3 * 2, host_bytes_out=9
    )


def test_graded_messages_are_counted_apart_and_carry_their_value():
    hidden, _ = count(toy(maximum=255), 200 * EVENTS, TRACE)
    assert hidden.graded_operations == 2 * 2 + 1
    assert hidden.synaptic_operations == 1 + 3
    assert hidden.host_bytes_in == 3 * 2  # 1 bit of channel and 8 of message


@pytest.mark.parametrize(
    ("inputs", "maximum", "bytes_"), [(1, 1, 1), (256, 1, 1), (257, 1, 2), (4, 1, 1), (1, 255, 2), (128, 1, 1)]
)
def test_bytes_of_an_event(inputs, maximum, bytes_):
    assert event_bytes(inputs, maximum) == bytes_


def test_words_are_fetched_by_row_and_core():
    network = random_network(inputs=1, neurons=(17,), outputs=1, recurrent=False)
    layer = replace(network.layers[0], input=synapses([[1]] * 17))
    network = replace(network, layers=(layer,))
    trace = Trace((LayerTrace(np.zeros((2, 1, 17), bool)),), np.zeros((2, 1, 1), np.int32))
    hidden, _ = count(network, np.array([[[1]], [[0]]]), trace)
    assert hidden.synaptic_words == 3  # 17 weights of 8 bits in words of 64


def split(network, cores):
    """Neurons dealt out over cores in a row."""
    counts = (*(layer.count for layer in network.layers), network.outputs)
    placement = tuple(np.arange(n) % cores for n in counts)
    none = np.zeros(cores, np.int64)
    where = tuple(Core(i // 4, i % 2, i % 4 // 2, 0) for i in range(cores))
    return Mapping("toy", "assumed", where, placement, CoreLoad(*(none,) * 7), "dealt", mesh=(2, 2))


@settings(max_examples=40)
@given(network=integer_networks(max_neurons=12), cores=st.integers(1, 6), seed=st.integers(0, 99))
def test_counts_agree_with_the_operations_of_the_ground_on_any_placement(network, cores, seed):
    messages = messages_for(network, 7, 3, seed)
    presented = network.encoding.present(messages)
    trace = REFERENCE.run(network, messages, Record.SPIKES)
    fabric = fabric_of(split(network, cores))
    ledgers = count(network, presented, trace, fabric)
    for ledger, operations in zip(ledgers, count_operations(network, presented, trace), strict=True):
        assert ledger.synaptic_operations + ledger.graded_operations == operations.synaptic_operations
        assert ledger.spikes == operations.spikes
        updates = ledger.neuron_updates_idle + ledger.neuron_updates_driven + ledger.readout_updates
        assert updates == operations.updates
    total = sum(ledgers, Ledger())
    assert total.barriers == 7 * 3 * fabric.chips
    assert total.axon_messages >= total.messages_within_router
    # What placement decides is nothing but messages, hops and rows.
    alone = sum(count(network, presented, trace), Ledger())
    same = ("spikes", "synaptic_operations", "graded_operations", "neuron_updates_driven", "host_bytes_in")
    assert [getattr(total, name) for name in same] == [getattr(alone, name) for name in same]


@settings(max_examples=40)
@given(network=integer_networks(max_neurons=12), seed=st.integers(0, 99))
def test_counts_add_over_samples(network, seed):
    presented = network.encoding.present(messages_for(network, 6, 4, seed))
    parts = []
    for chunk in (slice(0, 1), slice(1, 4), slice(0, 4)):
        trace = REFERENCE.run(network, presented[:, chunk], Record.SPIKES)
        parts.append(count(network, presented[:, chunk], trace))
    assert tuple(a + b for a, b in zip(*parts[:2], strict=True)) == parts[2]


def test_chunks_in_memory_change_no_count(monkeypatch):
    network = random_network(neurons=(9, 5))
    messages = messages_for(network, 10, 7)
    trace = REFERENCE.run(network, messages, Record.SPIKES)
    whole = count(network, messages, trace)
    monkeypatch.setattr("brf_hardware.cost.count.CHUNK_WORDS", 1)
    assert count(network, messages, trace) == whole


def test_activity_by_step_and_core_sums_to_the_ledger():
    network = toy()
    fabric = fabric_of(on_cores(Core(0, 0, 0, 0), Core(0, 0, 0, 1)))
    hidden, _ = activities(network, EVENTS, TRACE, fabric)
    assert hidden.spikes[:, 0].tolist() == [[1, 0], [1, 0], [1, 1]]
    assert hidden.messages_in[:, 0].tolist() == [[2, 1], [2, 1], [1, 2]]
    assert hidden.messages_out[:, 0].tolist() == [[2, 0], [2, 0], [1, 1]]
    assert hidden.synaptic_operations[:, 0].tolist() == [[3, 0], [3, 1], [2, 0]]
    assert hidden.link_messages[:, 0].sum(axis=-1).tolist() == [2, 2, 2]


def test_hops_follow_the_mesh():
    def hops(*cores):
        return dict(zip(*np.unique(fabric_of(on_cores(*cores, mesh=(8, 4))).links, return_counts=True), strict=True))

    assert hops(Core(0, 0, 0, 0), Core(0, 0, 0, 3)) == {"messages_within_router": 1}
    # Both ways, each a link of its own, and the two routers' own.
    assert hops(Core(0, 2, 1, 0), Core(0, 5, 3, 0)) == {
        "hops_east_west": 6,
        "hops_north_south": 4,
        "messages_within_router": 2,
    }
    assert hops(Core(0, 7, 0, 0), Core(1, 0, 0, 0)) == {"chip_crossings": 2, "messages_within_router": 2}


@settings(max_examples=40)
@given(network=integer_networks(max_neurons=12), cores=st.integers(1, 20))
def test_links_and_messages_agree_with_those_of_the_mapper(network, cores):
    mapping = split(network, cores)
    fabric, mesh, each = fabric_of(mapping), Mesh.of(mapping.cores, mapping.mesh[0]), np.arange(cores)
    hops = {"hops_east_west": mesh.hops_east_west, "hops_north_south": mesh.hops_north_south}
    pairs = fabric.router[:, np.newaxis] * fabric.routers + fabric.router
    for term, counts in (hops | {"chip_crossings": mesh.crossings}).items():
        on = np.array(fabric.links) == term
        assert np.array_equal((fabric.paths @ on.astype(int))[pairs], counts(each[:, np.newaxis], each))
    # Each neuron fires once, one a sample: a message to every core on which the mapper finds a target.
    neurons = network.layers[0].count
    fired = np.zeros((2, neurons, neurons), bool)
    fired[0] = np.eye(neurons)
    silent = (np.zeros((2, neurons, layer.count), bool) for layer in network.layers[1:])
    trace = Trace(tuple(map(LayerTrace, (fired, *silent))), np.zeros((2, neurons, network.outputs), np.int32))
    sent = activities(network, np.zeros((2, neurons, network.inputs), int), trace, fabric)[0].messages_in
    met = reach(Topology.of(network), np.concatenate(mapping.placement), each).toarray().T
    assert np.array_equal(sent[0], met[network.inputs : network.inputs + neurons] > 0)


@pytest.mark.parametrize(("steps", "samples"), [(0, 2), (3, 0)], ids=["no step", "no sample"])
def test_an_empty_trace_is_refused(steps, samples):
    network = toy()
    trace = Trace((LayerTrace(np.zeros((steps, samples, 3), bool)),), np.zeros((steps, samples, 1), np.int32))
    with pytest.raises(InvalidInput, match=rf"trace: {steps} steps of {samples} samples found, one of each is needed"):
        count(network, np.zeros((steps, samples, 2), int), trace)


def test_a_trace_of_another_run_is_refused():
    with pytest.raises(InvalidInput, match="give the trace of this network on these messages"):
        count(random_network(neurons=(4,)), EVENTS, TRACE)
    with pytest.raises(InvalidInput, match="give the trace of this network on these messages"):
        count(toy(), EVENTS[:2], TRACE)


def test_the_mapping_of_another_network_is_refused():
    other = one_core(random_network(neurons=(4,)))
    with pytest.raises(InvalidInput, match=r"populations of \[4, 2\] neurons found, the network has \[3, 1\]"):
        count(toy(), EVENTS, TRACE, other)


def test_a_silent_run_counts_its_updates_and_nothing_else():
    network = random_network(neurons=(5, 4))
    messages = np.zeros((3, 2, network.inputs), int)
    total = sum(count(network, messages, REFERENCE.run(network, messages)), Ledger())
    assert total == Ledger(
        neuron_updates_idle=3 * 2 * 9, readout_updates=3 * 2 * 2, barriers=6, empty_steps=6, host_bytes_out=6 * 2 * 3
    )


@pytest.mark.slow
def test_smnist_meets_the_worked_example(data_dir):
    """16,100 spikes a sample (Higuchi et al. 2024 say 15,463) times 266 targets, of which some weights are zero."""
    run = published_run("smnist", data_dir, 40)
    hidden, readout = count(run.network, run.presented, run.trace)
    spikes = hidden.spikes / 40
    assert spikes == pytest.approx(16_100, rel=0.1)  # 40 of 10,000 images
    assert readout.spikes == 0
    met = hidden.synaptic_operations + readout.synaptic_operations
    zeros = hidden.zero_operations + readout.zero_operations - _zeros_of_inputs(run)
    undelivered = int(run.trace.layers[0].spikes[-1].sum()) * 256
    # Every delivered spike meets a weight of each target, zero or not: all rows of the published network are stored.
    assert met + zeros == hidden.spikes * 266 - undelivered
    assert met / 40 == pytest.approx(16_100 * 266, rel=0.1)
    # 28 x 28 pixels of which 200,704 dense multiply-accumulates would be made; only those that are not black count.
    assert hidden.graded_operations / 40 < 0.25 * 784 * 256


def _zeros_of_inputs(run):
    nonzero = np.count_nonzero(run.network.layers[0].input.mantissa == 0)
    return int(np.count_nonzero(run.messages)) * nonzero
