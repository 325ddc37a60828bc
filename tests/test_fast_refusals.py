"""What the fast backend refuses, and what it says; and which backend runs where none is named."""

from unittest.mock import Mock

import numpy as np
import pytest
from fast_backend import needs_fast
from networks import messages_for, random_network

from brf_deploy import native_library
from brf_deploy.backend import load_backend
from brf_deploy.errors import BackendFailure, InvalidInput, Unavailable, Unsupported
from brf_deploy.task import Decision
from brf_hardware.fast import backend, native, widths
from brf_hardware.fast.backend import FAST, FastBackend
from brf_hardware.fast.running import space


@pytest.fixture
def no_library(monkeypatch, tmp_path):
    """As if the project had been installed without a compiler."""
    for module in (native, backend):
        monkeypatch.setattr(module, "STEM", tmp_path / "engine")
    native_library.load_native.cache_clear()


@needs_fast
@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (np.full((4, 2, 3), np.nan), "dtype float64, expected integers 0..1"),
        (np.full((4, 2, 3), np.inf), "dtype float64, expected integers 0..1"),
        (np.full((4, 2, 3), 2**62), "4611686018427387904 found, the network accepts 0..1"),
        (np.full((4, 2, 3), 2**16 + 1), "the network accepts 0..1"),
        (np.full((4, 2, 3), -1), "the network accepts 0..1"),
        (np.zeros((4, 2, 5), np.int64), "5 channels found, the network has 3"),
        (np.zeros((4, 3), np.int64), "expected \\(time, batch, inputs\\)"),
        (np.full((4, 2, 3), "1"), "dtype <U1, expected integers"),
    ],
)
def test_poisoned_messages_are_refused(messages, message):
    for run in (FAST.run, lambda network, given: FAST.summarize(network, given, Decision.LAST_STEP)):
        with pytest.raises(InvalidInput, match=message):
            run(random_network(), messages)


def test_threads_must_be_positive():
    with pytest.raises(InvalidInput, match="backend 'fast': 0 threads found, at least 1 needed"):
        FastBackend(0)


@needs_fast
def test_a_rotation_that_is_not_exact_is_refused(monkeypatch):
    monkeypatch.setattr(widths, "EXACT_BITS", 40)
    network = random_network()
    with pytest.raises(Unsupported, match=r"layer 'hidden', backend 'fast': .* bits, exact are 40; .* 'reference'"):
        FAST.run(network, messages_for(network, 3, 1))


def test_a_record_larger_than_memory_is_refused():
    with pytest.raises(Unsupported, match=r"needs 4194304.0 GiB, more than there is; run fewer samples at once"):
        space((2**20, 2**20, 2**10), np.dtype(np.int32))


@needs_fast
def test_an_engine_without_memory_is_a_failure(monkeypatch):
    monkeypatch.setattr(native, "engine", lambda: Mock(brf_engine_run=Mock(return_value=1)))
    network = random_network()
    with pytest.raises(BackendFailure, match="backend 'fast': out of memory while running; run fewer samples at once"):
        FAST.run(network, messages_for(network, 3, 1))


@needs_fast
@pytest.mark.parametrize("level", ["1", "9", "v3", ""])
def test_a_level_that_the_processor_does_not_have_is_refused(monkeypatch, level):
    monkeypatch.setenv(native.LEVEL, level)
    network = random_network()
    with pytest.raises(InvalidInput, match=f"BRF_CPU_LEVEL: '{level}' found; x86-64 levels of this processor: "):
        FAST.run(network, messages_for(network, 3, 1))


def test_without_the_library_it_says_how_to_get_it(no_library):
    found = FAST.availability()
    assert not found.present
    assert "install a C++17 compiler" in found.detail
    assert "reinstall brf-deploy" in found.detail
    with pytest.raises(Unavailable, match="was not built when brf-deploy was installed"):
        FAST.run(random_network(), messages_for(random_network(), 3, 1))
    with pytest.raises(Unavailable, match="backend 'fast' is not available"):
        load_backend("fast")


@needs_fast
def test_it_runs_where_no_backend_is_named():
    assert load_backend(None).name == "fast"


def test_the_reference_runs_where_it_was_not_built(no_library):
    assert load_backend(None).name == "reference"
