"""Both Lava backends against the reference, on every spike and state."""

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.float_reference import run_float
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_hardware.chunks import WORKING_BYTES
from brf_hardware.lava import backend as lava_backend
from brf_hardware.lava.backend import FUSED, LAVA, LAVA_PROCESSES, run_floating_point
from brf_hardware.lava.interpreter import run_job
from brf_hardware.lava.limits import Limits
from brf_hardware.lava.request import Request

pytestmark = pytest.mark.xdist_group("lava")
BACKENDS = pytest.mark.parametrize("backend", [LAVA, LAVA_PROCESSES], ids=lambda backend: backend.name)


def assert_equal(found, expected):
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@BACKENDS
@given(network=integer_networks(max_neurons=12), steps=st.integers(2, 40), batch=st.integers(1, 4))
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
def test_equal_on_random_networks(backend, network, steps, batch):
    messages = messages_for(network, steps, batch)
    assert_equal(backend.run(network, messages), REFERENCE.run(network, messages))


@BACKENDS
def test_equal_in_saturation(backend):
    network = random_network(seed=3, neurons=(6, 5), maximum=255, full_scale=255, state_bits=16)
    messages = messages_for(network, 60, 3)
    expected = REFERENCE.run(network, messages)
    assert (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()
    assert_equal(backend.run(network, messages), expected)


@BACKENDS
def test_equal_on_one_sample_of_one_step(backend):
    """Feed-forward, two layers, batch 1, T = 1: shorter than the delays of the processes."""
    network = random_network(seed=1, inputs=1, neurons=(1, 2), outputs=1, recurrent=False)
    messages = np.ones((1, 1, 1), np.int64)
    assert_equal(backend.run(network, messages), REFERENCE.run(network, messages))


@BACKENDS
def test_equal_with_permuted_time_and_spikes_only(backend):
    network = random_network(permutation=np.random.default_rng(0).permutation(20), maximum=3)
    messages = messages_for(network, 20, 2)
    assert_equal(backend.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


@BACKENDS
@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (3, 0)])
def test_nothing_to_run_gives_an_empty_trace(backend, steps, batch):
    network = random_network()
    messages = messages_for(network, steps, batch)
    assert_equal(backend.run(network, messages), REFERENCE.run(network, messages))


def test_large_batches_run_in_chunks(monkeypatch):
    network = random_network(neurons=(4,))
    messages = messages_for(network, 10, 3)
    monkeypatch.setattr(lava_backend, "CHUNK_BYTES", 2 * (10 * (3 * 8 + 4 * 13 + 2 * 4) + 4 * WORKING_BYTES))
    requests = []
    run_job = lava_backend.run_job
    monkeypatch.setattr(lava_backend, "run_job", lambda *job: requests.append(job[1]) or run_job(*job))
    assert_equal(LAVA.run(network, messages), REFERENCE.run(network, messages))
    assert [request.inputs.shape[1] for request in requests] == [2, 1]


@BACKENDS
def test_bad_messages_are_refused_before_lava_starts(backend, monkeypatch):
    monkeypatch.setattr(lava_backend, "run_job", None)
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        backend.run(random_network(), np.zeros((4, 2, 5), np.int64))


def test_float_models_equal_the_float_reference():
    """Without tolerance: same order of operations, and sums short enough for BLAS to add in one order."""
    network = random_float_network(neurons=(12, 7), encoding=Encoding(16, 16))
    messages = random_messages(network, 60, 3)
    found = run_floating_point(network, messages, Record.STATES)
    assert found.layers[1].spikes.mean() > 0.02
    assert_equal(found, run_float(network, messages, np.float64, Record.STATES))


def test_float_networks_are_not_fused():
    network = random_float_network()
    request = Request(network, random_messages(network, 2, 1), Record.SPIKES, Limits())
    with pytest.raises(Unsupported, match="the one-process network is fixed-point only"):
        run_job(FUSED, request, 60)


def test_other_float_neurons_are_refused():
    network = random_float_network("alif")
    with pytest.raises(Unsupported, match="layer 'hidden': alif neurons found, the Lava processes here are brf"):
        run_floating_point(network, random_messages(network, 4, 1))
