"""Pruning: the schedule, what is kept, that it stays so through training, files and quantisation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import pruned_network, random_network

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.float_file import load_float_network, save_float_network
from brf_deploy.layers import Synapses
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_training import (
    BRF,
    LeakyReadout,
    Loss,
    Objective,
    RecurrentLayer,
    RecurrentNetwork,
    from_float_network,
    to_float_network,
)
from brf_training.pruning import Pruning, prune, strongest
from brf_training.quantized import QuantizedNetwork

BINARY = Encoding(1, 1)


def network(neurons=(9, 7), inputs=3, outputs=4, recurrent=True, seed=0):
    generator, layers, width = torch.Generator().manual_seed(seed), [], inputs
    for index, count in enumerate(neurons):
        name = f"hidden{index}"
        layers.append(RecurrentLayer.create(BRF(), width, count, recurrent=recurrent, name=name, generator=generator))
        width = count
    with torch.no_grad():
        for layer in layers:
            layer.input_weight *= 100  # so that it fires
    return RecurrentNetwork(layers, LeakyReadout.create(width, outputs, generator=generator))


def weights(model):
    layers = [(layer.input_weight, layer.recurrent_weight) for layer in model.chain]
    return [weight for pair in layers for weight in pair if weight is not None] + [model.readout.weight]


def masks(model):
    return {name: value for name, value in model.state_dict().items() if name.endswith("mask")}


def train(model, steps=5):
    inputs = (torch.rand(20, 4, 3, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    optimizer = torch.optim.Adam(model.parameters(), 0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        Objective(Loss.LAST_STEP)(model.forward(inputs).readout.float(), torch.arange(4) % 4).backward()
        optimizer.step()
        model.project()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0,), r"keep = 0 found, a share above 0 and up to 1 needed"),
        ((1.5,), r"keep = 1.5 found"),
        ((float("nan"),), r"keep = nan found"),
        ((0.5, 0.6, 0.5), r"start = 0.6, end = 0.5 found; 0 <= start <= end <= 1 needed"),
        ((0.5, 0.1, 1.1), r"start = 0.1, end = 1.1 found"),
        ((0.5, -0.1, 1), r"start = -0.1, end = 1 found"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(values, message):
    with pytest.raises(InvalidInput, match=message):
        Pruning(*values)


def test_the_share_falls_cubically_from_start_to_end():
    pruning = Pruning(0.25, 0.2, 0.6)
    assert [pruning.share(progress) for progress in (0, 0.2, 0.6, 1)] == [1, 1, 0.25, 0.25]
    assert pruning.share(0.4) == pytest.approx(0.25 + 0.75 / 8)
    assert Pruning(0.5, 0, 0).share(0) == 0.5
    assert [Pruning(0.5, 1, 1).share(progress) for progress in (0.9, 1)] == [1, 0.5]


@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize(("keep", "expected"), [(1.0, (9, 7, 4)), (0.5, (5, 4, 2)), (0.01, (1, 1, 1))])
def test_every_source_keeps_the_same_number_of_its_strongest_targets(keep, expected, recurrent):
    model = network(recurrent=recurrent)
    before = [weight.detach().abs().clone() for weight in weights(model)]
    prune(model, Pruning(keep), 1.0)
    counts = dict(zip((9, 7, 4), expected, strict=True))
    for weight, magnitude in zip(weights(model), before, strict=True):
        kept = weight != 0
        assert kept.sum(dim=0).tolist() == [counts[len(weight)]] * weight.shape[1]
        weakest = magnitude.masked_fill(~kept, torch.inf).min(dim=0).values
        assert bool((magnitude.masked_fill(kept, 0).max(dim=0).values <= weakest).all())


def test_equal_magnitudes_are_chosen_from_the_first():
    assert strongest(torch.ones(4, 2), 0.5, None).tolist() == [[True, True], [True, True], [False] * 2, [False] * 2]


def test_what_is_pruned_stays_pruned_while_it_goes_on():
    """Also where a share would have room for what is 0, and where weights move in between."""
    model, gone = network(), None
    for progress in (0.0, 0.1, 0.2, 0.3, 0.6, 1.0):
        prune(model, Pruning(0.3), progress)
        zeros = [weight == 0 for weight in weights(model)]
        if gone is not None:
            assert all(bool((now | ~then).all()) for now, then in zip(zeros, gone, strict=True))
        gone = zeros
        train(model, 2)
        assert all(torch.equal(weight == 0, then) for weight, then in zip(weights(model), gone, strict=True))
    prune(model, Pruning(0.9), 1.0)
    assert all(torch.equal(weight == 0, then) for weight, then in zip(weights(model), gone, strict=True))


def test_weights_that_are_kept_are_trained():
    model = network()
    prune(model, Pruning(0.5), 1.0)
    before = [weight.detach().clone() for weight in weights(model)]
    train(model)
    for weight, then in zip(weights(model), before, strict=True):
        assert bool((weight != then)[then != 0].any())


def test_a_checkpoint_holds_the_masks():
    model, fresh = network(), network(seed=1)
    assert masks(model) == {}
    prune(model, Pruning(0.5), 0.0)  # not begun yet, and all keys are there
    assert len(masks(model)) == 5
    assert all(bool(mask.all()) for mask in masks(model).values())
    prune(model, Pruning(0.5), 1.0)
    prune(fresh, Pruning(0.5), 0.0)
    fresh.load_state_dict(model.state_dict())
    train(fresh)
    assert all(torch.equal(a == 0, b == 0) for a, b in zip(weights(fresh), weights(model), strict=True))


def test_a_saved_model_goes_on_pruned(tmp_path):
    model = network()
    prune(model, Pruning(0.5), 1.0)
    save_float_network(to_float_network(model, "random", BINARY), tmp_path / "model.safetensors")
    read = from_float_network(load_float_network(tmp_path / "model.safetensors"))
    assert masks(read).keys() == masks(model).keys()
    assert all(torch.equal(mask, masks(model)[name]) for name, mask in masks(read).items())
    train(read)
    assert all(torch.equal(a == 0, b == 0) for a, b in zip(weights(read), weights(model), strict=True))


def test_a_model_without_zeros_has_no_masks():
    assert masks(from_float_network(to_float_network(network(), "random", BINARY))) == {}


def test_fresh_zeros_are_not_taken_for_pruned_ones():
    """A model of one's own may begin at zero; only what comes from a file was pruned."""
    model = network()
    with torch.no_grad():
        model.readout.weight.zero_()
    train(model)
    assert bool((model.readout.weight != 0).any())


def quantized(model, bits):
    source = to_float_network(model, "random", BINARY)
    messages = np.random.default_rng(0).integers(0, 2, (20, 3, 3))
    config = QuantizationConfig(weight_bits=bits)
    return source, config, measure_ranges(source, messages)


@given(bits=st.integers(2, 16), keep=st.floats(0.05, 1), seed=st.integers(0, 100))
@settings(max_examples=15)
def test_zeros_stay_zeros_in_integers(bits, keep, seed):
    model = network(seed=seed)
    prune(model, Pruning(keep), 1.0)
    integer = quantize(*quantized(model, bits))
    found = [block.mantissa for layer in integer.layers for block in (layer.input, layer.recurrent)]
    for mantissa, weight in zip([*found, integer.readout.weight.mantissa], weights(model), strict=True):
        assert not mantissa[(weight == 0).numpy()].any()


def test_quantisation_aware_training_keeps_them():
    model = network()
    _, config, ranges = quantized(model, 4)
    trained = QuantizedNetwork.prepare(model, config, ranges, task="random", encoding=BINARY, skip_steps=0)
    prune(trained.network, Pruning(0.5), 1.0)
    optimizer = torch.optim.Adam(trained.parameters(), 0.1)
    inputs = (torch.rand(20, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) < 0.4).double()
    for _ in range(3):
        optimizer.zero_grad()
        Objective(Loss.LAST_STEP)(trained.forward(inputs).readout, torch.arange(4)).backward()
        optimizer.step()
        trained.project()
    integer = trained.integer_network()
    for weight in weights(trained.network):
        assert (weight != 0).sum(dim=0).tolist() == [-(-len(weight) // 2)] * weight.shape[1]
    assert int(np.count_nonzero(integer.layers[0].recurrent.mantissa, axis=0).max()) <= 5


def test_pruned_test_networks_have_the_fan_out_asked_for():
    net = pruned_network(random_network(weight_bits=16, neurons=(20,)), 3)
    blocks: list[Synapses] = [net.layers[0].input, net.layers[0].recurrent]
    assert all(np.count_nonzero(block.mantissa, axis=0).max() == 3 for block in blocks)
