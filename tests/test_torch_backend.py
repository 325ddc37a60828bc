"""The torch backend against the reference, on every spike and state."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.backend import load_backend
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_hardware import torch_backend
from brf_hardware.chunks import WORKING_BYTES
from brf_hardware.torch_backend import TORCH, TorchBackend

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA GPU")
DEVICES = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=needs_gpu)])


def assert_equal(found, expected):
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@DEVICES
@given(network=integer_networks(), steps=st.integers(0, 40), batch=st.integers(0, 4), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_equal_on_random_networks(device, network, steps, batch, seed):
    messages = messages_for(network, steps, batch, seed)
    assert_equal(TorchBackend(device).run(network, messages), REFERENCE.run(network, messages))


@DEVICES
@pytest.mark.parametrize("state_bits", [16, 24, 32])
def test_equal_in_saturation(device, state_bits):
    network = random_network(seed=3, neurons=(20, 30), maximum=255, full_scale=255, state_bits=state_bits)
    messages = messages_for(network, 100, 3)
    expected = REFERENCE.run(network, messages)
    assert (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()
    assert_equal(TorchBackend(device).run(network, messages), expected)


def test_equal_on_one_sample_of_one_step():
    network = random_network(seed=1, inputs=1, neurons=(1, 2), outputs=1, recurrent=False)
    messages = np.ones((1, 1, 1), np.int64)
    assert_equal(TORCH.run(network, messages), REFERENCE.run(network, messages))


def test_equal_with_permuted_time_and_spikes_only():
    network = random_network(permutation=np.random.default_rng(0).permutation(20), maximum=3)
    messages = messages_for(network, 20, 2)
    assert_equal(TORCH.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


@pytest.mark.parametrize("bytes_each", [1, 3 * (10 * (3 * 8 + 4 * 13 + 2 * 4) + 4 * WORKING_BYTES)])
def test_large_batches_run_in_chunks(monkeypatch, bytes_each):
    network = random_network(neurons=(4,))
    messages = messages_for(network, 10, 5)
    sizes, run = [], torch_backend._Network.run

    def counting(compiled, chunk, record):
        sizes.append(chunk.shape[1])
        return run(compiled, chunk, record)

    monkeypatch.setattr(torch_backend._Network, "run", counting)
    assert_equal(TorchBackend(chunk_bytes=bytes_each).run(network, messages), REFERENCE.run(network, messages))
    assert sizes == ([1] * 5 if bytes_each == 1 else [3, 2])


def test_the_default_type_of_the_program_does_not_matter():
    network = random_network(seed=5, neurons=(40,), weight_bits=16)
    messages = messages_for(network, 30, 4)
    torch.set_default_dtype(torch.float16)
    try:
        assert_equal(TORCH.run(network, messages), REFERENCE.run(network, messages))
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize(("products", "inside"), [(1, 2), (1 << 23, 1)])
def test_small_products_take_one_thread(monkeypatch, products, inside):
    network, threads, step = random_network(), set(), torch_backend._Layer.step

    def observed(layer, below):
        threads.add(torch.get_num_threads())
        return step(layer, below)

    monkeypatch.setattr(torch_backend, "PRODUCTS_A_THREAD", products)
    monkeypatch.setattr(torch_backend._Layer, "step", observed)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        TORCH.run(network, messages_for(network, 3, 2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert threads == {inside}


def test_bad_messages_are_refused():
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        TORCH.run(random_network(), np.zeros((4, 2, 5), np.int64))


@pytest.mark.parametrize(
    ("device", "error", "message"),
    [
        ("gpu0", InvalidInput, "torch device 'gpu0': not a device; name 'cpu', 'cuda' or 'cuda:1'"),
        ("cuda:99", Unavailable, "torch device 'cuda:99' is not here, or has no float64; torch sees 'cpu' and"),
        ("meta", Unavailable, "torch device 'meta' is not here"),
    ],
)
def test_devices_that_are_not_there(device, error, message):
    network = random_network()
    with pytest.raises(error, match=message):
        TorchBackend(device).run(network, messages_for(network, 2, 1))


def test_absent_torch_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(torch_backend, "find_spec", lambda name: None)
    message = "backend 'torch' is not available: torch is not installed: pip install 'brf-deploy\\[train\\]'"
    network = random_network()
    with pytest.raises(Unavailable, match=message):
        load_backend("torch")
    with pytest.raises(Unavailable, match=message):
        TORCH.run(network, messages_for(network, 2, 1))


def test_the_backend_is_found_without_importing_torch():
    program = """
import sys
from brf_deploy.backend import load_backend
print(load_backend("torch").availability().detail, "torch" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.split() == ["torch", torch.__version__, "False"]
