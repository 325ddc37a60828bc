"""The fast backend against the reference, on every spike and state, for every build that this processor runs."""

import ctypes
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fast_backend import assert_equal, cpu_levels, needs_fast, use_level
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.layers import Synapses
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_hardware.fast import native
from brf_hardware.fast.backend import FAST, FastBackend
from brf_hardware.fast.widths import sum_bytes, weight_bytes

pytestmark = needs_fast
LEVELS = pytest.mark.parametrize("level", cpu_levels())


@given(
    network=integer_networks(),
    steps=st.integers(1, 30),
    batch=st.integers(0, 5),
    threads=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_equal_on_random_networks(network, steps, batch, threads, seed):
    messages = messages_for(network, steps, batch, seed)
    assert_equal(FastBackend(threads).run(network, messages), REFERENCE.run(network, messages))


@LEVELS
@pytest.mark.parametrize("seed", range(12))
def test_wide_layers_are_equal_in_every_build(monkeypatch, level, seed):
    """Widths on both sides of each group of targets, weights of 1 to 16 bits, all three words for sums."""
    use_level(monkeypatch, level)
    rng = np.random.default_rng(seed)
    full_scale = [1, 255, 65535][seed % 3]
    network = random_network(
        seed,
        inputs=int(rng.integers(1, 40)),
        neurons=tuple(rng.integers(1, 301, 2)),
        outputs=int(rng.integers(1, 40)),
        maximum=full_scale,
        full_scale=full_scale,
        recurrent=seed % 4 != 0,
        weight_bits=[1, 4, 8, 8, 12, 16][seed % 6],
        state_bits=32 if full_scale > 255 else 24,
    )
    messages = messages_for(network, 15, 3, seed)
    assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))


@LEVELS
def test_equal_in_saturation_with_the_widest_states(monkeypatch, level):
    use_level(monkeypatch, level)
    for state_bits in (16, 32):
        network = random_network(3, neurons=(17, 5), maximum=255, full_scale=255, state_bits=state_bits, weight_bits=16)
        messages = messages_for(network, 60, 3)
        expected = REFERENCE.run(network, messages)
        assert (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()
        assert_equal(FAST.run(network, messages), expected)


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (0, 2), (3, 0), (0, 0)])
def test_short_and_empty_runs(steps, batch):
    for inputs in (1, 0):
        network = random_network(1, inputs=inputs, neurons=(1, 2), outputs=1)
        messages = messages_for(network, steps, batch)
        assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))


def test_permuted_time_spikes_only_and_strange_memory_layouts():
    network = random_network(permutation=np.random.default_rng(0).permutation(20), maximum=3)
    messages = messages_for(network, 40, 6)[::2, ::-2]
    for given_messages in (messages, np.asfortranarray(messages), messages.astype(np.uint8)):
        found = FAST.run(network, given_messages, Record.SPIKES)
        assert_equal(found, REFERENCE.run(network, messages, Record.SPIKES))


def test_neurons_without_rotation_or_input_stay_exact():
    """W = 0, and a layer whose weights are all zero."""
    network = random_network(11, neurons=(40,))
    assert (network.layers[0].rotation == 0).any()
    messages = np.zeros((50, 2, 3), np.int64)
    messages[0] = 1
    assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))


@pytest.mark.parametrize(
    ("weights", "message", "bytes_of_sum", "bytes_of_weight"),
    [
        ([[127, -128]], 1, 2, 1),
        ([[1, -128]], 255, 4, 1),
        ([[32767]], 1, 2, 2),
        ([[32767, 1]], 1, 4, 2),
        ([[-32768]], 65535, 4, 2),
        ([[-32768, 1]], 65535, 8, 2),
        ([[128]], 1, 2, 2),
        ([[-129]], 1, 2, 2),
        ([[]], 1, 2, 1),
    ],
)
def test_words_are_the_narrowest_that_the_network_proves_safe(weights, message, bytes_of_sum, bytes_of_weight):
    synapses = Synapses(np.array(weights, np.int64), np.zeros(1, np.int64))
    assert sum_bytes(synapses, message) == bytes_of_sum
    assert weight_bytes(synapses) == bytes_of_weight


def test_sums_at_the_edge_of_their_words():
    """All messages at their largest, all weights of one sign: every partial sum reaches what was proved."""
    cases = ((127, 2, 129, 2), (-128, 1, 256, 4), (32767, 1, 65535, 4), (-32768, 1, 65535, 4), (-32768, 2, 65535, 8))
    for weight, inputs, maximum, word in cases:
        network = random_network(inputs=inputs, neurons=(20,), maximum=maximum, recurrent=False, weight_bits=16)
        layer = network.layers[0]
        edge = Synapses(np.full((20, inputs), weight), np.full(20, layer.state_fraction))
        assert sum_bytes(edge, maximum) == word
        network = replace(network, layers=(replace(layer, input=edge),))
        messages = np.full((3, 1, inputs), maximum)
        assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))


def test_threads_change_nothing():
    network = random_network(5, neurons=(50, 30), maximum=3)
    messages = messages_for(network, 40, 7)
    first = FastBackend(1).run(network, messages)
    for threads in (2, 3, 16):
        assert_equal(FastBackend(threads).run(network, messages), first)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed: it compiles the engine's plain code")
def test_the_code_for_other_processors_is_equal(monkeypatch, tmp_path):
    """Compiled without SSE, the engine takes the path that it takes on Arm."""
    source, library = Path(native.__file__).with_name("engine.cpp"), tmp_path / "engine.so"
    options = ["-std=c++17", "-O1", "-shared", "-fPIC", "-pthread"]
    machine = subprocess.run(["g++", "-dumpmachine"], capture_output=True, text=True, check=True).stdout
    options += ["-march=x86-64", "-U__SSE2__"] if machine.startswith("x86_64") else []
    subprocess.run(["g++", *options, "-o", str(library), str(source)], check=True, timeout=120)
    plain = ctypes.CDLL(str(library))
    monkeypatch.setattr(native, "engine", lambda: plain)
    for seed in range(6):
        network = random_network(seed, neurons=(150, 20), maximum=255, full_scale=255, weight_bits=[8, 16][seed % 2])
        messages = messages_for(network, 20, 2, seed)
        assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))
