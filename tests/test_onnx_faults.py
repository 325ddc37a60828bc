"""Each fault planted in the exported graph is found by `verify` or by comparing traces, where it was planted."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from networks import random_network
from onnx import helper, numpy_helper
from onnx_runs import step_of

from brf_deploy.certificate import reset
from brf_deploy.encoding import Encoding
from brf_deploy.float_reference import run_float
from brf_deploy.layers import Synapses
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Decision, Samples
from brf_export.onnx import integer_model as integer_model_module
from brf_export.onnx import integer_step
from brf_export.onnx.backend import ONNX, OnnxBackend
from brf_export.onnx.integer_model import integer_model
from brf_export.onnx.integer_step import Resonators, Stepped
from brf_hardware.equivalence import Subject, first_difference, verify


@dataclass(frozen=True)
class MadeUpTask:
    """Random messages with the float network's own predictions as labels."""

    name: str = "random"
    description: str = ""
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = 3
    classes: int = 4
    decision: Decision = Decision.LAST_STEP


MODEL = random_float_network(seed=2, neurons=(16, 10))
MESSAGES = random_messages(MODEL, 60, 6, seed=1)
NETWORK = quantize(MODEL, QuantizationConfig(weight_bits=8, state_bits=28), measure_ranges(MODEL, MESSAGES))
SAMPLES = Samples(MESSAGES, run_float(MODEL, MESSAGES).readout[-1].argmax(axis=1))
SUBJECT = Subject(MODEL, NETWORK, MadeUpTask())
EXPECTED = REFERENCE.run(NETWORK, MESSAGES)


def edited(edit):
    """A backend whose graph of a step is edited."""

    def build(network, record):
        model = integer_model(network, "faulty", record=record)
        edit(step_of(model))
        return model

    return OnnxBackend(build=build)


def found_by_verify(backend):
    """The difference that `verify` names; every other backend stays equal."""
    result = verify(SUBJECT, SAMPLES, {"faulty": backend, "onnx": ONNX}, {}, jitter_runs=0)
    assert result.backends["onnx"].status == "equal"
    assert result.backends["faulty"].status == "different"
    assert not result.passed
    return result.backends["faulty"].difference


def replaced(graph, name, change):
    """Put another constant in the place of one."""
    (constant,) = (tensor for tensor in graph.initializer if tensor.name == name)
    constant.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(constant).copy()), name))


def first(mask):
    """Step, sample and neuron of the first true entry."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def round_down(graph):
    """The rotation's shift rounds down instead of toward zero, in layer 0."""
    (index,) = (i for i, node in enumerate(graph.node) if node.op_type == "Div" and node.input[1] == "step.layer0.unit")
    dividend, unit, quotient = *graph.node[index].input, graph.node[index].output[0]
    nodes = list(graph.node)
    nodes[index : index + 1] = [
        helper.make_node("Mod", [dividend, unit], ["rest"]),
        helper.make_node("Sub", [dividend, "rest"], ["floor"]),
        helper.make_node("Div", ["floor", unit], [quotient]),
    ]
    del graph.node[:]
    graph.node.extend(nodes)


def test_a_shift_that_rounds_down():
    """Found at the first negative sum that the shift does not divide."""
    layer, words, states = NETWORK.layers[0], NETWORK.arithmetic, EXPECTED.layers[0].states
    f = words.accumulator_fraction
    D, W = layer.coefficients(words)
    U, V, Q = (states[name].astype(np.int64) for name in "uvq")
    A = (1 << f) - D - reset(Q, layer.refractory, layer.state_fraction, words)
    inexact = [(y < 0) & (y % (1 << f) != 0) for y in (A * U - W * V, A * V + W * U)]
    difference = found_by_verify(edited(round_down))
    assert (difference.layer, difference.step) == (0, 1 + int(np.argwhere(inexact[0] | inexact[1])[0][0]))
    at = (difference.step - 1, difference.sample, difference.neuron)
    assert inexact["uv".index(difference.field)][at]
    assert difference.expected - difference.found == 1


def test_damping_that_is_not_rounded_to_nearest():
    """q times dt rounded down: seen one step after the first spikes, and only in neurons that fired."""
    difference = found_by_verify(edited(lambda graph: replaced(graph, "step.layer1.half", np.zeros_like)))
    assert difference.layer == 1
    assert difference.field in "uv"
    fired_before = EXPECTED.layers[1].states["q"][difference.step - 1, difference.sample, difference.neuron]
    assert fired_before > 0


@pytest.mark.parametrize(
    ("name", "layer", "row"), [("layer0.recurrent", 0, 5), ("layer1.input", 1, 7), ("readout", -1, 2)]
)
def test_a_weight_off_by_one(name, layer, row):
    """Found at the first spike that passes the synapse, in the neuron it leads to."""
    source = 4

    def more(weights):
        weights[source, row] += 1
        return weights

    difference = found_by_verify(edited(lambda graph: replaced(graph, f"step.{name}.weight", more)))
    spikes = EXPECTED.layers[0 if layer == 1 else layer].spikes
    step, sample, _ = first(spikes[:, :, source : source + 1])
    delay = int(name.endswith("recurrent"))
    where = (difference.layer, difference.step, difference.sample, difference.neuron, difference.field)
    assert where == (layer, step + delay, sample, row, "readout" if layer < 0 else "u")


def at_the_threshold():
    """One neuron whose input equals its threshold to the bit, so that it must not fire."""
    network = random_network(inputs=1, neurons=(1,), recurrent=False)
    layer = replace(network.layers[0], input=Synapses(np.array([[64]]), np.array([network.layers[0].state_fraction])))
    return replace(network, layers=(replace(layer, threshold=64),))


def not_strict(graph):
    """The comparison of `u` with the threshold also holds where both are equal."""
    (node,) = (node for node in graph.node if node.op_type == "Greater" and node.input[0] == "step.layer0.u")
    node.op_type = "GreaterOrEqual"


def test_a_comparison_that_is_not_strict():
    network, messages = at_the_threshold(), np.array([0, 0, 1, 0]).reshape(4, 1, 1)
    expected = REFERENCE.run(network, messages)
    assert expected.layers[0].states["u"].max() == 64
    difference = first_difference(expected, edited(not_strict).run(network, messages))
    assert (difference.layer, difference.step, difference.field) == (0, 2, "spikes")
    assert (difference.expected, difference.found) == (0, 1)


def with_new_u(step):
    """`resonator_step` with the new u, not the old one, in the equation of v."""

    def faulty(name, state, x, layer, arithmetic):
        right = step(name, state, x, layer, arithmetic)
        graph = state.s.graph
        (u, _), (_, v) = graph.split(right.state.s, (1, 1)), graph.split(state.s, (1, 1))
        mixed = graph.apply("Concat", u, v, axis=0)
        _, a = integer_step._refractory(name, state.q, layer, arithmetic)
        _, turned = graph.split(integer_step.rotate(name, a, mixed, layer, arithmetic), (1, 1))
        late, shown = integer_step.saturate(turned, arithmetic.limit)
        s = graph.apply("Concat", u, late, axis=0)
        seen = graph.apply("Concat", graph.split(right.shown, (1, 1))[0], shown, axis=0)
        return Stepped(Resonators(s, right.state.q, right.state.z), seen, right.fired)

    return faulty


def test_the_new_u_in_the_equation_of_v(monkeypatch):
    """Found where an input first changes a u that rotates: the old u was 0, so v must still be 0."""
    faulty = OnnxBackend()
    with monkeypatch.context() as patch:
        patch.setattr(integer_model_module, "resonator_step", with_new_u(integer_step.resonator_step))
        faulty.run(NETWORK, MESSAGES)  # makes its graph, once
    difference = found_by_verify(faulty)
    assert (difference.layer, difference.field, difference.expected) == (0, "v", 0)
    assert (difference.step, difference.sample) == first(EXPECTED.layers[0].states["u"] != 0)[:2]
