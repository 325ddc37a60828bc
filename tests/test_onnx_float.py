"""Float networks in ONNX Runtime against `run_float`: equal where sums are exact, step by step within rounding."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from float_networks import random_float_network, random_messages
from onnx_runs import assert_equal, fed_back, operators, run_model, step_of, trace_of

from brf_deploy.encoding import Encoding
from brf_deploy.errors import Unsupported
from brf_deploy.float_network import (
    ALIFNeurons,
    BHRFNeurons,
    BRFNeurons,
    FloatLayer,
    FloatNetwork,
    FloatReadout,
    LIFNeurons,
    RFNeurons,
)
from brf_deploy.float_reference import run_float
from brf_deploy.trace import Record, Trace
from brf_export.onnx import EXPORTER
from brf_export.onnx.float_model import float_model
from brf_export.onnx.float_step import float_step
from brf_export.onnx.runtime import in_onnxruntime, in_reference_evaluator
from brf_export.onnx.values import Graph, Value

KINDS = ("brf", "rf", "alif", "lif", "bhrf")
ROUNDING = 2.0**-24  # of float32, relative


def neurons_of(kind, rng, count):
    if kind == "alif":
        return ALIFNeurons(rng.uniform(5, 30, count), rng.uniform(20, 200, count), theta=0.5)
    if kind == "lif":
        return LIFNeurons(rng.uniform(5, 30, count), theta=0.25)
    classes = {"brf": BRFNeurons, "rf": RFNeurons, "bhrf": BHRFNeurons}
    return classes[kind](rng.uniform(5, 50, count), rng.uniform(0.1, 3, count), theta=0.75)


def network_of(kind, seed=0, inputs=3, neurons=(12, 7), exact=True, recurrent=True, encoding=None, dtype=np.float64):
    """Weights of few bits add up exactly in float32, in any order."""
    rng = np.random.default_rng(seed)
    gain = 4.0 if kind in ("alif", "lif") else 120.0

    def weights(*shape):
        values = rng.normal(0, gain, shape)
        return (np.rint(values * 4) / 4 if exact else values).astype(dtype)

    layers, width = [], inputs
    for count in neurons:
        recurrence = weights(count, count) if recurrent else None
        layers.append(FloatLayer(f"n{count}", neurons_of(kind, rng, count), weights(count, width), recurrence))
        width = count
    readout = FloatReadout(rng.uniform(5, 25, 4), weights(4, width))
    return FloatNetwork("random", encoding or Encoding(), tuple(layers), readout)


def trace(network, messages, runtime=in_onnxruntime):
    return trace_of(run_model(float_model(network, "n", record=True), network, messages, runtime=runtime))


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("runtime", [in_onnxruntime, in_reference_evaluator])
def test_equal_to_the_last_bit_where_sums_are_exact(runtime, kind, recurrent):
    steps = 200 if runtime is in_onnxruntime else 30
    network = network_of(kind, recurrent=recurrent, encoding=Encoding(16, 16))
    messages = random_messages(network, steps, 4)
    expected = run_float(network, messages, np.float32, Record.STATES)
    assert expected.layers[1].spikes.any()
    assert_equal(trace(network, messages, runtime), expected)


@pytest.mark.parametrize("inputs", [1, 3])
@pytest.mark.parametrize("recurrent", [True, False])
def test_full_scales_that_are_no_power_of_two(inputs, recurrent):
    """Messages are divided first and then weighted; one input a neuron, so that nothing is added up."""
    network = network_of("brf", inputs=inputs, recurrent=recurrent, encoding=Encoding(255, 255, np.arange(40)[::-1]))
    first = replace(network.layers[0], input_weight=np.eye(12, inputs) * 50)
    network = replace(network, layers=(first, network.layers[1]))
    messages = random_messages(network, 40, 4)
    assert_equal(trace(network, messages), run_float(network, messages, np.float32, Record.STATES))


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_is_within_the_rounding_of_its_sums(kind):
    """From the states of `run_float` at every step, one step on: no chaos, so the bound is that of the sums alone.

    Two float32 sums of n terms, in whatever order, differ by at most ``2 n 2**-24 sum |terms|``; a few roundings more
    are allowed for the sum of sums.
    """
    network = network_of(kind, neurons=(120,), exact=False, dtype=np.float32)
    messages = random_messages(network, 150, 3)
    expected = run_float(network, messages, np.float32, Record.STATES).layers[0]
    assert expected.spikes.any()
    states = [*expected.states.values(), expected.spikes]
    before = np.stack([np.concatenate([np.zeros_like(s[:1]), s[:-1]]) for s in states]).astype(np.float32)
    flat = before.reshape(len(states), -1, 120)
    first = {"layer0.first": flat, "readout.first": np.zeros((1, flat.shape[1], 4), np.float32)}
    found = run_model(float_model(network, "n", record=True), network, messages.reshape(1, -1, 3), first)
    layer = network.layers[0]
    terms = messages @ np.abs(layer.input_weight.T) + before[-1] @ np.abs(layer.recurrent_weight.T)
    scale = layer.neurons.dt if hasattr(layer.neurons, "dt") else 1.0
    bound = 2 * 126 * ROUNDING * terms * scale + 8 * ROUNDING * (np.abs(expected.states["u"]) + terms * scale + 10)
    same = (found["layer0.spikes"][0] == expected.spikes.reshape(-1, 120)).reshape(expected.spikes.shape)
    assert same.mean() > 0.999
    for name, state in expected.states.items():
        error = np.abs(found[f"layer0.{name}"][0].reshape(state.shape) - state)
        assert (error <= bound)[same].all(), name


def test_published_size_agrees_until_chaos():
    """Random weights at the size of the published S-MNIST network: hardly a spike differs in the first 50 steps."""
    network = random_float_network(neurons=(256,), inputs=1, gain=40.0)
    messages = random_messages(network, 50, 4)
    expected = run_float(network, messages)
    found = trace_of(run_model(float_model(network, "n"), network, messages))
    assert expected.layers[0].spikes.any()
    assert (found.layers[0].spikes != expected.layers[0].spikes).mean() < 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_in_pieces_is_the_whole(kind):
    network = network_of(kind)
    messages, state, found = random_messages(network, 30, 2), None, []
    model = float_model(network, "n", record=True)
    for piece in np.split(messages, [1, 12]):
        outputs = run_model(model, network, piece, state)
        state = fed_back(outputs)
        found.append(trace_of(outputs).fields())
    joined = {name: np.concatenate([piece[name] for piece in found]) for name in found[0]}
    assert_equal(Trace.from_fields(joined), run_float(network, messages, np.float32, Record.STATES))


def test_the_exported_file_has_no_states_of_every_step():
    (data,) = EXPORTER.render(network_of("alif"), "n").files.values()
    model = onnx.load_from_string(data)
    names = [output.name for output in model.graph.output]
    assert names == ["layer0.spikes", "layer1.spikes", "readout", "layer0.last", "layer1.last", "readout.last"]
    assert "Scan" in operators(model.graph)
    assert "Identity" in operators(step_of(model))


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (FloatLayer("a", BRFNeurons(np.array([5.0]), np.array([1e300])), np.ones((1, 3))), "layer0 at_rest"),
        (FloatLayer("a", RFNeurons(np.array([1e200]), np.array([1.0])), np.ones((1, 3))), "layer0 omega"),
        (FloatLayer("a", LIFNeurons(np.array([5.0])), np.full((1, 3), 1e39)), "input weight"),
    ],
)
def test_what_float32_cannot_hold_is_refused(layer, what):
    network = FloatNetwork("random", Encoding(), (layer,), FloatReadout(np.ones(1), np.ones((1, 1))))
    with pytest.raises(Unsupported, match=f"{what}: not finite in float32"):
        EXPORTER.render(network, "n")


def test_other_neurons_are_refused():
    graph = Graph()
    x = Value(graph, "x", np.dtype(np.float32))
    with pytest.raises(Unsupported, match="layer0: object neurons have no ONNX form; brf, rf, alif, lif and bhrf have"):
        float_step("layer0", object(), {}, x)
