"""What a report says is what a run, counted by hand, did."""

import math
from dataclasses import replace

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from hypothesis import given, settings
from networks import integer_networks, random_network
from reports import PROVENANCE, bare_report, samples_for, task_for, whole_report

from brf_deploy import evaluation
from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.quantization import QuantizationConfig, Scheme, measure_ranges, quantization_loss, quantize_unsafe
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Decision
from brf_hardware.footprint import footprint, in_bytes
from brf_hardware.report import build_report, installed_versions
from brf_hardware.report.boundary import CONTRAST_BITS, outside
from brf_hardware.report.hardware_cost import hardware_cost
from brf_hardware.report.state_range import measure

NETWORK = random_network(seed=4, neurons=(7, 5))
SAMPLES = samples_for(NETWORK)
TRACE = REFERENCE.run(NETWORK, SAMPLES.messages)


def operations_by_hand(active, weights):
    """One for each active source and each non-zero weight in its column, one at a time."""
    return sum(
        1
        for step in active
        for sample in step
        for source, fires in enumerate(sample)
        if fires
        for row in weights
        if row[source]
    )


def test_spikes_and_accuracy_are_those_of_the_run():
    content = bare_report(NETWORK, samples=SAMPLES)
    for index, layer in enumerate(TRACE.layers):
        np.testing.assert_array_equal(content.evaluation.spikes[index], layer.spikes.sum(axis=0))
        np.testing.assert_array_equal(content.spikes_of(index), layer.spikes.sum(axis=(0, 1)))
    assert content.spikes_per_sample == sum(int(layer.spikes.sum()) for layer in TRACE.layers) / SAMPLES.count
    right = TRACE.readout[-1].argmax(axis=1) == SAMPLES.labels
    assert content.evaluation.accuracy == right.mean()


def test_operations_equal_a_count_by_hand():
    content = bare_report(NETWORK, samples=SAMPLES)
    below = SAMPLES.messages
    for layer, trace, counted in zip(NETWORK.layers, TRACE.layers, content.operations, strict=False):
        assert counted.events == np.count_nonzero(below)
        assert counted.input_operations == operations_by_hand(below, layer.input.mantissa)
        assert counted.recurrent_operations == operations_by_hand(trace.spikes[:-1], layer.recurrent.mantissa)
        assert counted.updates == trace.spikes.size
        below = trace.spikes
    readout = content.operations[-1]
    assert readout.input_operations == operations_by_hand(below, NETWORK.readout.weight.mantissa)
    assert readout.updates == TRACE.readout.size
    assert content.synaptic_operations == sum(part.synaptic_operations for part in content.operations)


def test_state_ranges_equal_the_traces():
    content = bare_report(NETWORK, samples=SAMPLES)
    fields = [layer.states | {} for layer in TRACE.layers] + [{"y": TRACE.readout}]
    for states, found in zip(fields, content.ranges, strict=True):
        assert [state.name for state in found] == list(states)
        for state in found:
            values = states[state.name].astype(np.int64)
            assert (state.lowest, state.highest) == (values.min(), values.max())
            assert state.peak == np.abs(values).max()
            assert state.zeros == (values == 0).sum()
            assert state.magnitudes.sum() == (values != 0).sum()
            np.testing.assert_array_equal(state.peaks, np.abs(values).max(axis=(0, 1)))
    for operations, (u, v, q) in zip(content.operations, content.ranges[:-1], strict=False):
        assert operations.saturated == u.saturated + v.saturated
        assert q.proven
        assert q.saturated == 0
    assert sum(part.saturated for part in content.operations) > 0


def test_chunks_do_not_change_the_content(monkeypatch):
    whole = bare_report(NETWORK, samples=SAMPLES)
    monkeypatch.setattr(evaluation.chunks, "__defaults__", (1,))
    heard = []
    parts = bare_report(NETWORK, samples=SAMPLES, done=heard.append)
    assert heard == [1] * SAMPLES.count
    assert parts.operations == whole.operations
    for one, other in zip(sum(whole.ranges, ()), sum(parts.ranges, ()), strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(getattr(other, name), value)


@given(network=integer_networks(max_neurons=6))
@settings(max_examples=20)
def test_states_stay_within_their_limits(network):
    content = bare_report(network)
    for state in sum(content.ranges, ()):
        assert 0 <= state.peak <= state.limit
        assert state.headroom >= 0


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_quantiles_are_good_to_half_a_bin(share):
    values = np.random.default_rng(0).lognormal(8, 2, (50, 20, 10)).astype(np.int64) + 1
    exact = np.quantile(values, share, method="inverted_cdf")
    found = measure("u", values, 1, 1 << 40).quantile(share)
    assert abs(math.log2(found / exact)) <= 1 / 32 + 1e-9


def test_a_state_that_never_leaves_zero():
    state = measure("u", np.zeros((3, 2, 2), np.int64), 1, 7)
    assert (state.peak, state.quantile(0.5), state.zeros, state.headroom) == (0, 0.0, 12, math.log2(7))


def test_sample_is_the_one_asked_for():
    content = bare_report(NETWORK, samples=SAMPLES, shown=3)
    np.testing.assert_array_equal(content.sample.messages, SAMPLES.messages[:, 3])
    for index, layer in enumerate(TRACE.layers):
        np.testing.assert_array_equal(content.sample.spikes[index], layer.spikes[:, 3])
    np.testing.assert_array_equal(content.sample.readout, TRACE.readout[:, 3])
    assert content.sample.labels.tolist() == [SAMPLES.labels[3]]
    assert content.sample.right == int(TRACE.readout[-1, 3].argmax() == SAMPLES.labels[3])


def test_sample_labelled_at_every_step_and_reordered():
    network = random_network(permutation=np.random.default_rng(0).permutation(30), skip_steps=4)
    samples = samples_for(network, every_step=True)
    content = bare_report(network, task_for(network, decision=Decision.EVERY_STEP), samples)
    np.testing.assert_array_equal(content.sample.messages, samples.messages[network.encoding.permutation, 0])
    np.testing.assert_array_equal(content.sample.labels, samples.labels[4:, 0])
    assert len(content.sample.answers) == 26


def test_poles_and_losses_of_a_model():
    content = whole_report()
    assert len(content.losses) == 2
    assert content.violations == 0
    for layer, poles, source in zip(content.network.layers, content.poles, (16, 10), strict=True):
        assert poles.integer.value.shape == poles.trained.value.shape == (source,)
        assert not outside(poles.integer).any()
        np.testing.assert_allclose(poles.largest_reset, layer.dt / (1 - 0.9), rtol=1e-3)
        bits = poles.coefficient_bits
        np.testing.assert_array_equal(poles.naive.value.real, np.rint(poles.trained.value.real * 2**bits) / 2**bits)
        assert tuple(poles.naive_outside) == CONTRAST_BITS
    assert content.worst_radius == max(loss.integer_radius for loss in content.losses)


def test_without_a_model_only_integer_poles():
    content = bare_report()
    assert content.losses == ()
    assert content.poles[0].trained is content.poles[0].naive is content.poles[0].naive_outside is None


def test_a_baseline_outside_the_boundary_is_counted():
    model = random_float_network(neurons=(40,))
    messages = random_messages(model, 30, 5)
    config = QuantizationConfig(scheme=Scheme.LAVA, coefficient_bits=6)
    network = quantize_unsafe(model, config, measure_ranges(model, messages))
    content = bare_report(network, samples=samples_for(network), model=model)
    assert content.violations == quantization_loss(model, network)[0].violations > 0
    assert content.worst_radius > 1


def test_bytes_by_hand():
    network = random_network(inputs=3, neurons=(8,), outputs=2, weight_bits=4, readout_weight_bits=6)
    hidden, readout = footprint(network)
    assert hidden.weights == (8 * 3 + 8 * 8) * 4 + 2 * 8 * 5
    assert hidden.coefficients == 8 * 2 * (12 + 5)
    q_bits = max(24, network.layers[0].refractory.largest(network.layers[0].state_fraction).bit_length())
    assert hidden.states == 8 * (24 + 24 + q_bits)
    assert (readout.weights, readout.coefficients, readout.states) == (2 * 8 * 6 + 2 * 5, 2 * 16, 2 * 24)
    assert [in_bytes(bits) for bits in (0, 1, 8, 9)] == [0, 1, 1, 2]


def test_sample_beyond_the_last_is_refused():
    with pytest.raises(InvalidInput, match=r"report: sample 5 is to be drawn, there are 5; choose 0\.\.4"):
        bare_report(NETWORK, samples=SAMPLES, shown=5)


def test_model_of_another_shape_is_refused():
    model = random_float_network(neurons=(9,), outputs=2)
    with pytest.raises(InvalidInput) as caught:
        bare_report(random_network(neurons=(8,)), model=model)
    assert str(caught.value) == (
        "model: layers 'hidden' 3 -> 9 found, the network has 'hidden' 3 -> 8; "
        "give the model that the network was quantised from"
    )


def test_model_without_integer_form_is_refused():
    model = random_float_network(kind="alif", neurons=(8,), outputs=2)
    with pytest.raises(Unsupported, match="ALIF neurons have no integer form"):
        bare_report(random_network(neurons=(8,)), model=model)


def test_task_that_does_not_fit_is_refused():
    with pytest.raises(InvalidInput, match="has 9 classes, the network"):
        bare_report(task=replace(task_for(random_network()), classes=9))


def test_no_sample_is_refused():
    network = random_network()
    samples = samples_for(network).take(slice(0, 0))
    with pytest.raises(InvalidInput, match="no sample to evaluate"):
        build_report(network, task_for(network), samples, PROVENANCE)


def test_versions_name_what_computed():
    found = installed_versions()
    assert list(found) == ["Python", "brf-deploy", "numpy", "matplotlib", "jinja2"]
    assert found["numpy"] == np.__version__


def test_hardware_names_what_the_exports_need():
    cost = hardware_cost(random_network(neurons=(5,)), synthesis=False)
    assert cost.c["RAM (bytes of a state)"] > 0
    assert cost.verilog["multipliers"] == 1
    assert cost.synthesis is None


@pytest.mark.needs("yosys")
def test_hardware_counts_cells_on_request():
    cost = hardware_cost(random_network(neurons=(3,)), synthesis=True)
    assert min(cost.synthesis.luts, cost.synthesis.flip_flops, cost.synthesis.memory_bits) > 0


def test_hardware_says_why_there_is_none(monkeypatch):
    network = random_network(neurons=(5,))
    parts = (network.task, network.encoding, network.arithmetic, network.layers, network.readout)
    assert "is a baseline" in hardware_cost(UncertifiedNetwork(*parts), synthesis=False).c
    monkeypatch.setattr("shutil.which", lambda program: None)
    assert "apt install yosys" in hardware_cost(network, synthesis=True).synthesis
