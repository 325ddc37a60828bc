"""Budgets of spikes and synaptic operations: what is counted, the controller, and that training holds them."""

import json
import math

import numpy as np
import pytest
import torch

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.operations import count_operations
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_training import BRF, LeakyReadout, Loss, Objective, RecurrentLayer, RecurrentNetwork, to_float_network
from brf_training.budget import MARGIN, Budget, BudgetController, fan_out, spending
from brf_training.initial import Uniform
from brf_training.kernels.native import one_torch_thread
from brf_training.pruning import Pruning, prune

STEPS = 250


def network(seed=0, neurons=(10, 6), inputs=3, outputs=2, scale=60.0):
    generator, layers, width = torch.Generator().manual_seed(seed), [], inputs
    for index, count in enumerate(neurons):
        layers.append(RecurrentLayer.create(BRF(), width, count, name=f"hidden{index}", generator=generator))
        width = count
    model = RecurrentNetwork(layers, LeakyReadout.create(width, outputs, tau=Uniform(5, 20), generator=generator))
    with torch.no_grad():
        for layer in model.chain:
            layer.input_weight *= scale
    return model


def events(steps=40, samples=8, inputs=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(steps, samples, inputs, generator=generator) < 0.3).float()


@pytest.mark.parametrize(
    ("kind", "limit", "message"),
    [
        ("joules", 5, "budget: kind 'joules' found; there are spikes and synops"),
        ("spikes", 0, "budget: 0 spikes a sample found, a positive number needed"),
        ("synops", -3, "budget: -3 synops a sample found"),
        ("spikes", math.nan, "budget: nan spikes a sample found"),
        ("spikes", math.inf, "budget: inf spikes a sample found"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(kind, limit, message):
    with pytest.raises(InvalidInput, match=message):
        Budget(kind, limit)


def test_spikes_are_those_of_all_layers_mean_over_samples():
    model = network()
    run = model(events(), keep_spikes=True)
    total = sum(int(layer.sum()) for layer in run.spikes)
    assert total > 0
    spent = float(spending("spikes", run.spike_counts, model).detach())
    assert spent == pytest.approx(total / 8, rel=1e-6)  # float32 sums


def test_synaptic_operations_are_those_that_the_ground_counts():
    """On the integer network, with every weight kept: a spike of the last step is the only difference."""
    model = network()
    prune(model, Pruning(0.4), 1.0)
    source = to_float_network(model, "random", Encoding(1, 1))
    messages = events().numpy().astype(np.int64)
    integer = quantize(source, QuantizationConfig(weight_bits=16), measure_ranges(source, messages))
    trace = REFERENCE.run(integer, messages)
    counts = [torch.from_numpy(layer.spikes.sum(axis=0).astype(np.float64)) for layer in trace.layers]
    last = [torch.from_numpy(layer.spikes[-1].astype(np.float64)) for layer in trace.layers]
    recurrent = sum(
        float((spikes @ torch.count_nonzero(layer.recurrent_weight, dim=0).double()).sum())
        for spikes, layer in zip(last, model.chain, strict=True)
    )
    first, *others = count_operations(integer, messages, trace)
    counted = first.recurrent_operations + sum(part.synaptic_operations for part in others)
    assert float(spending("synops", counts, model)) * 8 == counted + recurrent


def test_fan_out_is_of_the_own_layer_the_next_and_the_readout():
    model = network()
    assert [fan.tolist() for fan in fan_out(model)] == [[10 + 6] * 10, [6 + 2] * 6]
    forward = RecurrentNetwork([RecurrentLayer.create(BRF(), 3, 4, recurrent=False)], LeakyReadout.create(4, 5))
    assert fan_out(forward)[0].tolist() == [5] * 4


@pytest.mark.parametrize("kind", ["spikes", "synops"])
def test_the_penalty_lowers_spikes_and_is_silent_within_the_budget(kind):
    model = network()
    run = model(events())
    spent = float(spending(kind, run.spike_counts, model).detach())
    for limit, wanted in ((spent / 2, True), (2 * spent, False)):
        model.zero_grad()
        penalty = BudgetController(Budget(kind, limit)).penalty(model(events()), model)
        penalty.backward()
        gradient = max(float(parameter.grad.abs().max()) for parameter in model.parameters())
        assert (float(penalty.detach()) > 0) is wanted
        assert (gradient > 0) is wanted


def test_the_penalty_has_the_loss_s_scale():
    model = network()
    run = model(events())
    one, many = (BudgetController(Budget("spikes", 1.0), decisions).penalty(run, model) for decisions in (1, 40))
    assert float(many.detach()) == pytest.approx(40 * float(one.detach()))


def test_a_network_without_spikes_has_a_penalty_without_nan():
    model = network(scale=0.0)
    penalty = BudgetController(Budget("spikes", 5)).penalty(model(events()), model)
    penalty.backward()
    assert float(penalty.detach()) == 0
    assert all(bool(parameter.grad.isfinite().all()) for parameter in model.parameters())


def test_the_multiplier_rises_above_the_budget_and_falls_to_zero_below():
    model, run = network(), network()(events())
    spent = float(spending("spikes", run.spike_counts, model).detach())
    controller = BudgetController(Budget("spikes", spent / (1 - MARGIN) / math.e))
    for step in range(1, 4):
        controller.penalty(run, model)
        controller.update()
        assert controller.figures()["multiplier"] == pytest.approx(0.003 * step)  # the excess is ln e = 1
    controller = BudgetController(Budget("spikes", 2 * spent))
    controller.penalty(run, model)
    controller.update()
    assert controller.figures() == {"multiplier": 0.0, "limit": 2 * spent, "spending": spent}


def test_update_before_any_batch_changes_nothing():
    controller = BudgetController(Budget("spikes", 5))
    controller.update()
    assert controller.figures() == {"multiplier": 0.0, "limit": 5}


def test_a_restored_controller_goes_on_bit_for_bit():
    model = network()
    runs = [model(events(seed=seed)) for seed in range(6)]
    through = BudgetController(Budget("spikes", 20), 40)
    for run in runs[:3]:
        through.penalty(run, model)
        through.update()
    restored = BudgetController(Budget("spikes", 20), 40)
    restored.load_state_dict(json.loads(json.dumps(through.state_dict())))
    for run in runs[3:]:
        assert torch.equal(through.penalty(run, model), restored.penalty(run, model))
        through.update()
        restored.update()
    assert through.state_dict() == restored.state_dict()


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("share", [0.5, 0.25])
def test_training_ends_within_the_budget(loss, share):
    """Which of two channels is the busier one: spikes fall to the budget, not far below it, and answers stay right."""
    model, generator = network(neurons=(16,), inputs=2, scale=100), torch.Generator().manual_seed(3)
    labels = torch.arange(32) % 2
    rates = torch.tensor([[0.5, 0.1], [0.1, 0.5]])[labels]
    inputs = (torch.rand(40, 32, 2, generator=generator) < rates).float()
    limit = share * float(spending("spikes", model(inputs).spike_counts, model).detach())
    controller = BudgetController(Budget("spikes", limit), 40 if loss is Loss.EVERY_STEP_SUM else 1)
    optimizer = torch.optim.Adam(model.parameters())
    with one_torch_thread():
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = 0.5 * (1 - step / STEPS)
            run = model(inputs)
            optimizer.zero_grad()
            (Objective(loss)(run.readout, labels) + controller.penalty(run, model)).backward()
            optimizer.step()
            model.project()
            controller.update()
    run = model(inputs)
    spent = float(spending("spikes", run.spike_counts, model).detach())
    assert 0.5 * limit < spent <= 1.02 * limit
    assert (run.readout[-1].argmax(dim=1) == labels).float().mean() >= 0.95
