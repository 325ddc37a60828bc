"""Verification: gates hold for an honest deployment and each planted fault is found and localised."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from networks import messages_for, random_network

from brf_deploy.encoding import Encoding
from brf_deploy.errors import BackendFailure, InvalidFile, InvalidInput
from brf_deploy.evaluation import Evaluation
from brf_deploy.float_reference import run_float
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Decision, Samples
from brf_deploy.trace import LayerTrace, Record, Trace, join_samples
from brf_hardware.equivalence import Subject, first_difference, verify
from brf_hardware.equivalence.case import Case, keep_case, load_case
from brf_hardware.equivalence.free_run import count_deviation, jittered
from brf_hardware.equivalence.gates import sign_test
from brf_hardware.equivalence.shadow import dequantized, original, shadow_run


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
MESSAGES = random_messages(MODEL, 120, 20, seed=1)
NETWORK = quantize(MODEL, QuantizationConfig(weight_bits=12, state_bits=28), measure_ranges(MODEL, MESSAGES))
SAMPLES = Samples(MESSAGES, run_float(MODEL, MESSAGES).readout[-1].argmax(axis=1))
SUBJECT = Subject(MODEL, NETWORK, MadeUpTask())


class Altered:
    """The reference, except for what `change` does to its trace."""

    def __init__(self, change):
        self.change = change

    def run(self, network, inputs, record=Record.STATES):
        return self.change(REFERENCE.run(network, inputs, record))


def test_an_honest_deployment_passes():
    result = verify(SUBJECT, SAMPLES, {"same": REFERENCE}, {"elsewhere": "not installed"}, jitter_runs=2)
    assert result.passed, [gate for gate in result.gates if not gate.holds]
    assert result.backends["same"].status == "equal"
    assert result.backends["elsewhere"].status == "unavailable"
    report = result.as_dict()
    assert report["accuracy"]["float"] == 1.0
    assert report["spikes"]["float"] > 1000
    assert report["certificate"]["violations"] == report["silence"]["firing"] == 0
    assert 0 <= report["shadow"]["fraction"] <= 0.0015
    assert report["shadow"]["max_margin"] <= 2**-8
    assert report["passed"] is True


def changed(trace, layer, name, index, delta):
    fields = {key: array.copy() for key, array in trace.fields().items()}
    key = name if layer < 0 else f"layer{layer}.{name}"
    fields[key][index] = ~fields[key][index] if name == "spikes" else fields[key][index] + delta
    return Trace.from_fields(fields)


@pytest.mark.parametrize(
    ("layer", "name"), [(0, "u"), (0, "v"), (0, "q"), (0, "spikes"), (1, "u"), (1, "spikes"), (-1, "readout")]
)
def test_one_wrong_value_is_found_and_located(layer, name, tmp_path):
    index = (60, 7, 3)
    result = verify(
        SUBJECT, SAMPLES, {"wrong": Altered(lambda trace: changed(trace, layer, name, index, 1))}, {}, jitter_runs=0
    )
    assert not result.passed
    found = result.backends["wrong"]
    assert found.status == "different"
    assert (found.difference.layer, found.difference.field) == (layer, name)
    assert (found.difference.step, found.difference.sample, found.difference.neuron) == index
    assert found.difference.found != found.difference.expected
    assert "step 60, sample 7, neuron 3" in found.detail


def test_the_earliest_cause_is_reported_first():
    trace = REFERENCE.run(NETWORK, MESSAGES)
    worse = changed(
        changed(changed(trace, -1, "readout", (5, 0, 0), 1), 0, "spikes", (5, 0, 1), 1), 0, "u", (5, 0, 2), 1
    )
    assert first_difference(trace, worse).field == "u"
    assert first_difference(trace, changed(worse, 1, "v", (4, 1, 1), 1)).step == 4


def test_a_trace_of_another_shape_is_a_failure():
    trace = REFERENCE.run(NETWORK, MESSAGES)
    short = REFERENCE.run(NETWORK, MESSAGES[:-1])
    with pytest.raises(BackendFailure, match="returned, expected shape"):
        first_difference(trace, short)
    without = Trace((LayerTrace(trace.layers[0].spikes), *trace.layers[1:]), trace.readout)
    with pytest.raises(BackendFailure, match=r"trace field 'layer0.u': nothing returned"):
        first_difference(trace, without)


def test_a_backend_that_fails_is_told_not_hidden():
    def crash(trace):
        raise BackendFailure("model 'brf' died with exit code -9")

    result = verify(SUBJECT, SAMPLES, {"dead": Altered(crash)}, {}, jitter_runs=0)
    assert result.backends["dead"].status == "failed"
    assert "died with exit code -9" in result.backends["dead"].detail
    assert not result.passed


def test_a_difference_is_kept_and_can_be_run_again(tmp_path):
    network = random_network(seed=4)
    messages = messages_for(network, 20, 5)
    expected = REFERENCE.run(network, messages)
    found = changed(expected, 0, "v", (11, 3, 2), 1)
    difference = first_difference(expected, found)
    folder = keep_case(tmp_path / "case", Case("reference", network, messages), expected, found, difference)
    case = load_case(folder)
    again = REFERENCE.run(case.network, case.messages)
    kept = first_difference(again, Trace.load(folder / "found.npz"))
    assert (kept.step, kept.sample, kept.neuron, kept.field) == (11, 0, 2, "v")
    assert first_difference(again, Trace.load(folder / "expected.npz")) is None
    with pytest.raises(InvalidFile, match="not a folder kept by"):
        load_case(tmp_path)


def test_shadow_of_the_wrong_network_is_noticed():
    """A deployment with other weights still equals itself on every backend; the shadow gate sees it."""
    other = random_float_network(seed=3, neurons=(16, 10))
    network = quantize(other, QuantizationConfig(), measure_ranges(other, MESSAGES))
    trace = REFERENCE.run(network, MESSAGES)
    assert shadow_run(dequantized(network), MESSAGES, trace).fraction < 0.003
    assert shadow_run(original(MODEL), MESSAGES, trace).fraction > 0.1


def test_shadow_disagreements_vanish_with_a_wide_state_word():
    counts = {}
    for bits in (14, 28):
        network = quantize(MODEL, QuantizationConfig(state_bits=bits), measure_ranges(MODEL, MESSAGES))
        counts[bits] = shadow_run(dequantized(network), MESSAGES, REFERENCE.run(network, MESSAGES))
    assert counts[14].disagreements > 10 * counts[28].disagreements
    assert counts[14].margin > 10 * counts[28].margin


def test_counts_of_equal_and_of_jittered_runs():
    spikes = (np.arange(12).reshape(3, 4),)
    run = Evaluation(np.ones(3, bool), spikes)
    same = count_deviation(run, run)
    assert (same.total, same.sample, same.neuron, same.correlation) == (0, 0, 0, 1)
    twice = count_deviation(run, Evaluation(run.correct, (2 * spikes[0],)))
    assert (twice.total, twice.neuron) == (1, 1)
    weights = jittered(MODEL, 0).layers[0].input_weight / MODEL.layers[0].input_weight
    assert 0 < np.abs(weights - 1).max() < 0.01


@pytest.mark.parametrize(
    ("lost", "won", "chance"), [(0, 0, 1.0), (5, 5, 1.0), (0, 5, 2 / 32), (44, 54, 0.36), (146, 174, 0.13)]
)
def test_sign_test(lost, won, chance):
    assert sign_test(lost, won) == pytest.approx(chance, abs=0.006)
    assert sign_test(lost, won) == sign_test(won, lost)


def test_a_task_that_does_not_fit_is_refused():
    subject = replace(SUBJECT, task=MadeUpTask(inputs=5))
    with pytest.raises(InvalidInput, match=r"task 'random' has 5 inputs, the network .* has 3"):
        verify(subject, SAMPLES, {}, {})


def test_traces_survive_files_and_joining(tmp_path):
    trace = REFERENCE.run(NETWORK, MESSAGES)
    parts = [REFERENCE.run(NETWORK, MESSAGES[:, s]) for s in (slice(0, 9), slice(9, 20))]
    assert first_difference(trace, join_samples(parts)) is None
    trace.save(tmp_path / "t.npz")
    assert first_difference(trace, Trace.load(tmp_path / "t.npz")) is None
    (tmp_path / "t.npz").write_bytes(b"nothing")
    with pytest.raises(InvalidFile, match="not a trace"):
        Trace.load(tmp_path / "t.npz")
