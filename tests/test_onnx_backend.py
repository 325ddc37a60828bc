"""The onnx backend against the reference, on every spike and state, in ONNX Runtime and in onnx's own evaluator."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network
from onnx_runs import assert_equal, fed_back, operators, run_model, step_of, trace_of

from brf_deploy.backend import load_backend
from brf_deploy.errors import BackendFailure, InvalidInput, Unavailable, Unsupported
from brf_deploy.layers import Synapses
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record, Trace
from brf_export.onnx import backend as onnx_backend
from brf_export.onnx.backend import ONNX, OnnxBackend
from brf_export.onnx.integer_model import integer_model
from brf_export.onnx.runtime import in_reference_evaluator

EVALUATOR = OnnxBackend(runtime=in_reference_evaluator)


def check(network, messages, backend=ONNX):
    expected = REFERENCE.run(network, messages)
    assert_equal(backend.run(network, messages), expected)
    return expected


def layers_with(network, **changes):
    return replace(network, layers=tuple(replace(layer, **changes) for layer in network.layers))


@given(network=integer_networks(), steps=st.integers(0, 40), batch=st.integers(0, 4), seed=st.integers(0, 1000))
@settings(max_examples=100)
def test_equal_on_random_networks(network, steps, batch, seed):
    check(network, messages_for(network, steps, batch, seed))


@given(network=integer_networks(max_neurons=6), steps=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(max_examples=10)
def test_equal_in_the_reference_evaluator(network, steps, seed):
    check(network, messages_for(network, steps, 2, seed), EVALUATOR)


@pytest.mark.parametrize("backend", [ONNX, EVALUATOR], ids=["onnxruntime", "evaluator"])
@pytest.mark.parametrize("state_bits", [16, 24, 32])
def test_equal_in_saturation(backend, state_bits):
    network = random_network(seed=3, neurons=(20, 30), maximum=255, full_scale=255, state_bits=state_bits)
    expected = check(network, messages_for(network, 60, 3), backend)
    assert (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()


@pytest.mark.parametrize(("state_bits", "clips"), [(16, 3), (32, 0)])
def test_clipping_is_in_32_bits_only_where_bounds_fit(state_bits, clips):
    """S = 32 and drives of random weights need 64 bits: then comparison and Where, never Clip of int64."""
    network = random_network(seed=3, neurons=(5, 6), maximum=3, state_bits=state_bits)
    found = operators(step_of(integer_model(network, "n")))
    assert (found.count("Clip"), found.count("Where")) == (clips, 2 * (3 - clips))
    assert not {"Min", "Max", "Sign", "ReduceSum", "BitShift"} & set(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"neurons": (1, 2), "inputs": 1, "outputs": 1, "recurrent": False},
        {"outputs": 0},
        {"maximum": 65535, "full_scale": 65536, "weight_bits": 16, "state_bits": 32},
        {"inputs": 300, "neurons": (200,), "maximum": 255, "full_scale": 255},
        {"weight_bits": 1, "readout_weight_bits": 1},
    ],
    ids=str,
)
def test_equal_at_the_extremes(changes):
    network = random_network(seed=1, **changes)
    check(network, messages_for(network, 20, 3))
    check(network, messages_for(network, 1, 1, density=1.0))


@pytest.mark.parametrize(
    ("changes", "what"), [({"inputs": 0}, "no input"), ({"neurons": (3, 0)}, "no neuron in layer 1")]
)
def test_sums_over_nothing_are_refused(changes, what):
    """ONNX Runtime returns whatever was in memory."""
    network = random_network(seed=1, **changes)
    with pytest.raises(Unsupported, match=f"{what}, and ONNX runtimes do not define sums over nothing"):
        ONNX.run(network, messages_for(network, 2, 1))


@pytest.mark.parametrize("largest", [127, 128, 255])
def test_bytes_are_multiplied_as_bytes_only_where_every_processor_is_exact(largest):
    """Neighbouring products of 128 * 128 leave 16 bits, where x86 without VNNI saturates: seen to be wrong."""
    network = random_network(seed=5, inputs=64, neurons=(16,), maximum=largest, full_scale=256)
    layer = network.layers[0]
    mantissa = np.where(np.arange(16)[:, np.newaxis] % 2, 127, -128).repeat(64, axis=1)
    network = layers_with(network, input=Synapses(mantissa, layer.input.exponent))
    used = operators(integer_model(network, "n").graph)
    assert ("MatMulInteger" in used) == (largest == 127)
    assert ("MatMul" in used) == (largest > 127)
    check(network, np.full((10, 2, 64), largest))


@pytest.mark.parametrize(("weight_bits", "operator"), [(8, "MatMulInteger"), (9, "MatMul"), (16, "MatMul")])
def test_weights_choose_the_operator_of_the_step(weight_bits, operator):
    network = random_network(seed=2, neurons=(40,), weight_bits=weight_bits)
    used = operators(step_of(integer_model(network, "n")))
    assert [name for name in used if name.startswith("MatMul")] == [operator] * 2
    check(network, messages_for(network, 40, 2))


def test_sums_beyond_32_bits():
    network = random_network(seed=2, inputs=8, neurons=(4,), maximum=65535, full_scale=65536, weight_bits=16)
    network = layers_with(
        network, input=Synapses(np.full((4, 8), -(1 << 15)), np.full(4, network.layers[0].state_fraction - 16))
    )
    check(network, np.full((5, 1, 8), 65535))


def test_neurons_that_do_not_rotate():
    network = random_network(seed=4, neurons=(6, 7))
    still = tuple(replace(layer, rotation=np.zeros_like(layer.rotation)) for layer in network.layers)
    expected = check(replace(network, layers=still), messages_for(network, 60, 2))
    assert not expected.layers[0].states["v"].any()


def test_silence_stays_silent():
    network = random_network(seed=4, neurons=(6, 7))
    expected = check(network, np.zeros((50, 2, 3), np.int64))
    assert not any(array.any() for array in expected.fields().values())


def test_neurons_that_always_fire():
    network = random_network(seed=4, neurons=(6, 7), recurrent=False)
    excited = tuple(
        replace(layer, threshold=1, input=Synapses(np.full_like(layer.input.mantissa, 127), layer.input.exponent * 0))
        for layer in network.layers
    )
    network = replace(network, layers=excited)
    expected = check(network, np.ones((60, 2, 3), np.int64))
    assert all(layer.spikes.mean() > 0.9 for layer in expected.layers)


def test_equal_with_permuted_time_and_spikes_only():
    network = random_network(permutation=np.random.default_rng(0).permutation(20), maximum=3)
    messages = messages_for(network, 20, 2)
    assert_equal(ONNX.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


def test_uncertified_networks_run_too():
    network = random_network(seed=6, neurons=(12,))
    fields = {name: getattr(network, name) for name in ("task", "encoding", "arithmetic", "layers", "readout")}
    fields["layers"] = (replace(network.layers[0], damping=np.zeros(12, np.int64)),)
    check(UncertifiedNetwork(**fields), messages_for(network, 40, 2))


def test_network_of_the_size_of_ecg():
    network = random_network(seed=8, inputs=4, neurons=(36,), outputs=6)
    expected = check(network, messages_for(network, 1301, 2, density=0.05))
    assert expected.layers[0].spikes.any()


@pytest.mark.parametrize("pieces", [(1, 29), (10, 10, 10), (1,) * 30])
def test_a_stream_in_pieces_is_the_whole(pieces):
    network = random_network(seed=9, neurons=(8, 5), maximum=16, full_scale=16)
    messages = messages_for(network, sum(pieces), 3)
    model, state, found = integer_model(network, "n", record=True), None, []
    for piece in np.split(messages, np.cumsum(pieces)[:-1]):
        outputs = run_model(model, network, piece, state)
        state = fed_back(outputs)
        found.append(trace_of(outputs).fields())
    joined = {name: np.concatenate([piece[name] for piece in found]) for name in found[0]}
    expected = REFERENCE.run(network, messages)
    assert_equal(Trace.from_fields(joined), expected)
    last = [*(expected.layers[0].states[name][-1] for name in "uvq"), expected.layers[0].spikes[-1]]
    np.testing.assert_array_equal(state["layer0.first"], last)
    np.testing.assert_array_equal(state["readout.first"][0], expected.readout[-1])


def test_one_session_takes_any_time_and_batch(monkeypatch):
    made, make = [], onnx_backend._onnxruntime
    backend = OnnxBackend(threads=2, runtime=lambda model, threads: made.append(threads) or make(model, threads))
    network = random_network(seed=10)
    for steps, batch in ((5, 1), (40, 7), (1, 3)):
        check(network, messages_for(network, steps, batch), backend)
    assert made == [2]
    backend.run(network, messages_for(network, 3, 1), Record.SPIKES)
    assert made == [2, 2]


@pytest.mark.parametrize(("chunk_bytes", "sizes"), [(1, [1] * 5), (1 << 30, [5])])
def test_large_batches_run_in_chunks(monkeypatch, chunk_bytes, sizes):
    network, found, run = random_network(neurons=(4,)), [], onnx_backend._Session.run

    def counting(session, chunk):
        found.append(chunk.shape[1])
        return run(session, chunk)

    monkeypatch.setattr(onnx_backend._Session, "run", counting)
    check(network, messages_for(network, 10, 5), OnnxBackend(chunk_bytes=chunk_bytes))
    assert found == sizes


def test_bad_messages_and_threads_are_refused():
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        ONNX.run(random_network(), np.zeros((4, 2, 5), np.int64))
    with pytest.raises(InvalidInput, match="0 threads found, at least 1 needed"):
        OnnxBackend(threads=0)


def test_what_onnxruntime_raises_is_a_failure_of_the_backend():
    def broken(network, record):
        model = integer_model(network, "n", record=record)
        step_of(model).node[0].op_type = "NoSuchOperator"
        return model

    with pytest.raises(BackendFailure, match=r"backend 'onnx': .*NoSuchOperator"):
        OnnxBackend(build=broken).run(random_network(), np.ones((3, 1, 3), np.int64))


def test_errors_of_the_project_stay_what_they_are():
    def refusing(network, record):
        raise Unsupported("too large")

    with pytest.raises(Unsupported, match="too large"):
        OnnxBackend(build=refusing).run(random_network(), np.ones((3, 1, 3), np.int64))


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_an_absent_package_says_how_to_get_it(monkeypatch, missing):
    monkeypatch.setattr(onnx_backend, "find_spec", lambda name: None if name == missing else object())
    message = f"backend 'onnx' is not available: {missing} is not installed: pip install 'brf-deploy\\[onnx\\]'"
    with pytest.raises(Unavailable, match=message):
        load_backend("onnx")
    with pytest.raises(Unavailable, match=message):
        ONNX.run(random_network(), np.ones((3, 1, 3), np.int64))


def test_the_backend_is_found_without_importing_anything_heavy():
    program = """
import sys
from brf_deploy.backend import load_backend
print(load_backend("onnx").availability().detail.split()[0], {"onnx", "onnxruntime"} & set(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.split() == ["onnxruntime", "set()"]
