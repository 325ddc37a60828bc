"""Quantisation-aware training: the forward pass is the exported integer network, and gradients reach the master."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from float_networks import random_float_network, random_messages

from brf_deploy.certificate import certificate
from brf_deploy.encoding import Encoding
from brf_deploy.errors import CertificateViolation, InvalidInput, InvalidNetwork, Unsupported
from brf_deploy.float_network import FloatReadout
from brf_deploy.quantization import QuantizationConfig, Scheme, choose_grid, measure_ranges, quantize, quantize_on_grid
from brf_deploy.reference import REFERENCE
from brf_training import Loss, Objective, from_float_network, read_published
from brf_training.extract import array_of, tensor_of
from brf_training.quantized import LONGEST_TAU, QuantizedNetwork
from brf_training.tasks.ecg import ECG

OBJECTIVE = Objective(Loss.EVERY_STEP_SUM)


def source_network(seed=0, neurons=(9, 7), full_scale=1, permutation=None, recurrent=True, gain=100.0):
    encoding = Encoding(full_scale, full_scale, permutation)
    network = random_float_network(seed=seed, neurons=neurons, encoding=encoding, gain=gain)
    layers = tuple(layer if recurrent else replace(layer, recurrent_weight=None) for layer in network.layers)
    return replace(network, layers=layers, skip_steps=2)


def prepared(network, messages, config=None, model=None):
    return QuantizedNetwork.prepare(
        from_float_network(network) if model is None else model,
        config or QuantizationConfig(weight_bits=4),
        measure_ranges(network, messages),
        task=network.task,
        encoding=network.encoding,
        skip_steps=network.skip_steps,
    )


def presented(network, messages, dtype=np.float32):
    return tensor_of(network.encoding.as_real(network.encoding.present(messages), dtype))


def labels(messages):
    return torch.arange(messages.shape[1]) % 4


def assert_forward_is_the_export(quantized, messages):
    integer = quantized.integer_network()
    trace = REFERENCE.run(integer, messages)
    run = quantized(presented(integer, messages), keep_spikes=True)
    assert np.array_equal(array_of(run.readout) * 2.0**integer.readout.fraction, trace.readout)
    for spikes, states, layer, found in zip(run.spikes, run.carry.states, integer.layers, trace.layers, strict=True):
        assert np.array_equal(array_of(spikes) != 0, found.spikes)
        for state, name in zip(states, "uvq", strict=True):
            assert np.array_equal(array_of(state) * 2.0**layer.state_fraction, found.states[name][-1])
    return trace


def train(quantized, messages, steps, rate):
    optimizer = torch.optim.Adam(quantized.parameters(), rate)
    for _ in range(steps):
        loss = OBJECTIVE(quantized(presented(quantized, messages)).readout, labels(messages))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        quantized.project()
    return loss.item()


@pytest.mark.parametrize("weight_bits", [2, 3, 8])
@pytest.mark.parametrize("full_scale", [1, 16, 255])
@pytest.mark.parametrize("recurrent", [True, False])
def test_the_forward_pass_is_the_exported_network_before_and_after_training(weight_bits, full_scale, recurrent):
    order = np.random.default_rng(0).permutation(30)
    network = source_network(full_scale=full_scale, permutation=order, recurrent=recurrent)
    messages = random_messages(network, 30, 5)
    quantized = prepared(network, messages, QuantizationConfig(weight_bits=weight_bits))
    before = assert_forward_is_the_export(quantized, messages)
    train(quantized, messages, 5, 2.0)
    after = assert_forward_is_the_export(quantized, messages)
    assert (before.readout != after.readout).any()


def test_with_saturated_states():
    network = source_network(gain=500.0)
    messages = random_messages(network, 60, 5, density=0.9)
    quantized = prepared(network, messages, QuantizationConfig(weight_bits=4, state_bits=16, state_fraction=11))
    trace, limit = assert_forward_is_the_export(quantized, messages), quantized.integer_network().arithmetic.limit
    assert any((np.abs(layer.states[name]) == limit).any() for layer in trace.layers for name in "uv")
    train(quantized, messages, 5, 1.0)
    assert_forward_is_the_export(quantized, messages)


def test_the_network_is_the_quantisers_own():
    """What `brf-deploy quantize` makes of the same model, field by field."""
    network = source_network()
    messages = random_messages(network, 30, 5)
    config = QuantizationConfig(weight_bits=3)
    expected = quantize(network, config, measure_ranges(network, messages))
    found = prepared(network, messages, config).integer_network()
    assert found.arithmetic == expected.arithmetic
    for a, b in zip(found.layers, expected.layers, strict=True):
        for name in ("damping", "damping_exponent", "rotation", "rotation_exponent", "energy_bound"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        for x, y in ((a.input, b.input), (a.recurrent, b.recurrent)):
            assert np.array_equal(x.mantissa, y.mantissa)
            assert np.array_equal(x.exponent, y.exponent)
    assert np.array_equal(found.readout.leak, expected.readout.leak)
    assert np.array_equal(found.readout.weight.mantissa, expected.readout.weight.mantissa)


def test_training_lowers_the_loss_under_a_certificate_that_always_holds():
    network = source_network(neurons=(12,))
    messages = random_messages(network, 40, 8)
    quantized = prepared(network, messages, QuantizationConfig(weight_bits=2))
    grid, first = quantized.grid, train(quantized, messages, 1, 0.05)
    for _ in range(10):
        last = train(quantized, messages, 4, 1.0)
        integer = quantized.integer_network()
        assert not certificate(integer.layers[0], integer.arithmetic).violations.any()
        assert np.abs(integer.layers[0].recurrent.mantissa).max() <= 1  # ternary
        assert np.abs(integer.readout.weight.mantissa).max() <= 7  # 4 bits
    assert last < 0.9 * first
    assert np.array_equal(quantized.grid.layers[0].input, grid.layers[0].input)
    assert integer.layers[0].state_fraction == grid.layers[0].state_fraction


@pytest.mark.parametrize("full_scale", [1, 255])
@pytest.mark.parametrize("seed", [0, 1])
def test_with_many_bits_gradients_are_the_float_networks(full_scale, seed):
    """Constants are off by 2^-12 (dt of the refractory damping) to 2^-16 of themselves, over 40 steps; a fault in the
    scale of a gradient (dt, 1 - alpha, 256/255) would be off by at least 2^-8.
    """
    network = source_network(seed, full_scale=full_scale, gain=60.0)
    messages = random_messages(network, 40, 4, seed)
    model = from_float_network(network).double()
    config = QuantizationConfig(weight_bits=16, coefficient_bits=16, state_bits=32)
    quantized, inputs = prepared(network, messages, config, model), presented(network, messages, np.float64)
    expected, found = (module(inputs, keep_spikes=True) for module in (model, quantized))
    assert all(map(torch.equal, found.spikes, expected.spikes))
    assert all(spikes.any() for spikes in found.spikes)
    gradients = [
        torch.autograd.grad(OBJECTIVE(run.readout, labels(messages)), list(model.parameters()))
        for run in (found, expected)
    ]
    for a, b in zip(*gradients, strict=True):
        assert (a - b).norm() < 1e-3 * b.norm()


def test_zeros_stay_zero():
    """A pruned synapse: the master's projection keeps it at 0, and 0 is 0 on every grid."""
    network = source_network(neurons=(12,))
    messages = random_messages(network, 20, 4)
    quantized = prepared(network, messages)
    kept = torch.rand(12, 12, generator=torch.Generator().manual_seed(0)) < 0.5
    weight = quantized.network.chain[0].recurrent_weight
    with torch.no_grad():
        weight *= kept
    mantissa = quantized.integer_network().layers[0].recurrent.mantissa
    assert not mantissa[~array_of(kept)].any()
    assert mantissa[array_of(kept)].any()


def test_it_is_made_again_only_after_a_change():
    network = source_network()
    messages = random_messages(network, 20, 4)
    quantized = prepared(network, messages)
    first = quantized.integer_network()
    quantized(presented(network, messages))
    assert quantized.integer_network() is first
    quantized.network.readout.weight.data[0, 0] += 10  # past autograd's counter of changes
    changed = quantized.integer_network()
    assert changed.readout.weight.mantissa[0, 0] != first.readout.weight.mantissa[0, 0]


def test_a_state_dictionary_restores_it_whole():
    network = source_network()
    messages = random_messages(network, 30, 5)
    quantized = prepared(network, messages)
    train(quantized, messages, 3, 1.0)
    other = prepared(source_network(seed=3), random_messages(source_network(seed=3), 9, 2), QuantizationConfig(4))
    other.load_state_dict(quantized.state_dict())
    inputs = presented(network, messages)
    assert torch.equal(other(inputs).readout, quantized(inputs).readout)
    assert other.grid.readout_fraction == quantized.grid.readout_fraction


def test_a_sequence_in_two_parts_equals_the_whole():
    network = source_network()
    messages = random_messages(network, 30, 5)
    quantized, inputs = prepared(network, messages), presented(network, messages)
    first = quantized(inputs[:13])
    second = quantized(inputs[13:], carry=first.carry)
    assert torch.equal(torch.cat([first.readout, second.readout]), quantized(inputs).readout)


def test_projection_keeps_a_readout_that_forgets():
    network = source_network(neurons=(4,))
    messages = random_messages(network, 10, 2)
    quantized = prepared(network, messages)
    with torch.no_grad():
        quantized.network.readout.tau[:2] = torch.tensor([1e9, -1e9])
        quantized.network.chain[0].omega[0] = 1e9
    quantized.project()
    assert quantized.network.readout.tau[:2].tolist() == [LONGEST_TAU, -LONGEST_TAU]
    assert quantized.integer_network().readout.leak[:2].tolist() == [1, 1]


def test_what_has_no_integer_form_is_refused():
    network = random_float_network("rf")
    messages = random_messages(network, 20, 4)
    with pytest.raises(Unsupported, match="layer 'hidden': RF neurons have no integer form"):
        prepared(network, messages)
    brf = random_float_network(neurons=(40,))
    with pytest.raises(CertificateViolation, match="break the stability certificate"):
        prepared(brf, messages, QuantizationConfig(scheme=Scheme.NAIVE, coefficient_bits=6))
    with pytest.raises(InvalidInput, match=r"which is no message 0\.\.1 divided by 1"):
        prepared(brf, messages)(torch.full((5, 1, 3), 0.3))


def test_a_grid_of_another_network_is_refused():
    network, config = source_network(), QuantizationConfig()
    grid = choose_grid(network, config, measure_ranges(network, random_messages(network, 10, 2)))
    fewer = FloatReadout(network.readout.tau[:2], network.readout.weight[:2])
    for other, message in (
        (source_network(neurons=(9,)), "grid: 2 layers found, the network has 1"),
        (source_network(recurrent=False), "grid of layer 'hidden0': one of grid and layer is recurrent, one is not"),
        (source_network(neurons=(9, 8)), "grid of layer 'hidden1': 7 entries on axis 0, expected 8"),
        (replace(network, readout=fewer), "grid of the readout: 4 entries on axis 0, expected 2"),
    ):
        with pytest.raises(InvalidNetwork, match=message):
            quantize_on_grid(other, config, grid)


@pytest.mark.parametrize("weight_bits", [2, 4])
def test_on_electrocardiograms_the_forward_pass_is_the_exported_network(weight_bits, data_dir):
    """The published network on whole records, before and after two steps of training."""
    network = read_published(data_dir / "checkpoints" / "ecg_brf.pt", "brf", ECG)
    messages = ECG.load("train", data_dir).messages[:, :6]
    quantized = prepared(network, messages, QuantizationConfig(weight_bits=weight_bits))
    assert assert_forward_is_the_export(quantized, messages).layers[0].spikes.sum() > 10_000
    train(quantized, messages, 2, 0.1)
    assert_forward_is_the_export(quantized, messages)
