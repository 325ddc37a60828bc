"""What the mapper refuses, and in which words."""

from dataclasses import replace

import numpy as np
import pytest
from topologies import clustered, target, topology

from brf_deploy.errors import BackendFailure, InvalidInput, Unsupported
from brf_hardware.mapping import map_network
from brf_hardware.targets import load_target

ROOMIER = "take a target with more"


def test_partitioner_that_gives_up_is_named(monkeypatch):
    def stop(*_, **__):
        raise RuntimeError("Caught an unknown exception!")

    monkeypatch.setattr("pymetis.part_graph", stop)
    with pytest.raises(BackendFailure, match=r"METIS: gave up on 120 vertices and .* in 12 parts"):
        map_network(clustered(12, 10), target(neurons_per_core=10))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"neurons_per_core": 0}, f"1 neuron on a core found, the limit is 0; {ROOMIER}"),
        (
            {"state_bytes_per_neuron": 7},
            f"8 bytes of states and coefficients found, the limit is 7; quantise to narrower words, or {ROOMIER}",
        ),
        ({"fan_in": 3}, f"4 incoming synapses found, the limit is 3; prune incoming weights, or {ROOMIER}"),
        ({"fan_out": 2}, f"3 outgoing synapses found, the limit is 2; prune outgoing weights, or {ROOMIER}"),
        ({"synapse_memory_bytes": 7}, "8 bytes of incoming synapses found, the limit is 7"),
        ({"axons_in_per_core": 3}, "4 axons in found, the limit is 3"),
        ({"axons_out_per_core": 0}, f"1 axon out found, the limit is 0; {ROOMIER}"),
        ({"core_memory_bytes": 30}, "bytes of a core, with program and axons, found, the limit is 30"),
    ],
)
def test_neuron_that_fits_nowhere_is_named_with_its_limit(limits, message):
    matrix = np.zeros((3, 4))
    matrix[1] = 1  # neuron 1 hears the input and everyone
    matrix[:, 2] = 1
    with pytest.raises(Unsupported, match=r"'hidden', neuron \d fits into no core of 'toy': ") as error:
        map_network(topology(matrix, inputs=1), target(**limits))
    assert message in str(error.value)
    assert str(error.value).count("take a") == 1
    assert str(error.value).endswith(ROOMIER)


def test_one_synapse_is_one():
    with pytest.raises(Unsupported, match="1 incoming synapse found, the limit is 0; prune incoming weights, or take"):
        map_network(topology(np.eye(2)), target(fan_in=0))


def test_too_few_cores_are_refused_with_both_numbers():
    few = target(neurons_per_core=1, chips=1, mesh=(2, 2), cores_per_chip=4)
    with pytest.raises(
        Unsupported, match=r"at least 5 cores are needed, 4 are there \(1 chip of 4 cores\); .*--set limits.chips=2"
    ):
        map_network(topology(np.eye(5)), few)
    one = target(neurons_per_core=1, chips=1, mesh=(1, 1), cores_per_chip=1)
    with pytest.raises(Unsupported, match=r"at least 2 cores are needed, 1 is there \(1 chip of 1 core\); prune"):
        map_network(topology(np.eye(2)), one)
    tight = target(axons_in_per_core=1, chips=1, mesh=(2, 2), cores_per_chip=4)
    with pytest.raises(Unsupported, match="target 'toy': 5 cores are needed, 4 are there"):
        map_network(topology(np.eye(5)), tight)


def test_fan_out_over_more_cores_than_axons_is_refused_by_name():
    hub = np.zeros((9, 9))
    hub[:, 0] = 1
    with pytest.raises(Unsupported, match=r"'hidden', neuron 0 fits into no core of 'toy': .* sends to 9 cores"):
        map_network(topology(hub), target(neurons_per_core=1, axons_out_per_core=8))


def test_what_is_no_chip_or_no_allocation_is_refused():
    network = topology(np.eye(2))
    with pytest.raises(InvalidInput, match="'fp32-convention': a price table without cores"):
        map_network(network, load_target("fp32-convention"))
    with pytest.raises(InvalidInput, match="target 'toy': no allocation 'lavish' found, it has assumed"):
        map_network(network, target(), "lavish")
    for seed in (-1, 2**31):
        with pytest.raises(InvalidInput, match=f"seed: {seed} found"):
            map_network(network, target(), seed=seed)


def test_ill_topologies_are_refused():
    good = topology(np.eye(3))
    with pytest.raises(InvalidInput, match=r"0 neurons, .* at least 1 neuron"):
        replace(good, populations=())
    with pytest.raises(InvalidInput, match=r"synapses of shape \(3, 4\)"):
        replace(good, inputs=1)
    for rates in (np.ones(2), np.array([1, np.nan, 1]), np.array([1, -1, 1])):
        with pytest.raises(InvalidInput, match="3 finite numbers, 0 or more"):
            replace(good, rates=rates)
