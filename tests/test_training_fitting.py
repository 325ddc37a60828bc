"""Training that fits a network to something: few bits, a budget, fewer synapses, short memory, patience."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from training_tasks import TONES, tones_recipe

from brf_deploy.cli import main
from brf_deploy.errors import InvalidFile, InvalidInput, Unsupported
from brf_deploy.float_file import load_float_network, save_float_network
from brf_deploy.float_reference import run_float
from brf_deploy.network_file import load_network
from brf_deploy.quantization import QuantizationConfig
from brf_deploy.reference import REFERENCE
from brf_deploy.task import correct, load_task
from brf_training import RF, Loss, Objective, load_recipe, train_network
from brf_training.budget import Budget
from brf_training.build import build_model, parameter_groups
from brf_training.commands.train import _tell
from brf_training.extract import from_float_network
from brf_training.fine_tuning import fine_tuning_recipe, going_on
from brf_training.monitor import EpochMetrics
from brf_training.neurons import NEURONS
from brf_training.poles import pole_radii
from brf_training.pruning import Pruning
from brf_training.recipe import TrainedNetwork
from brf_training.selection import pruning_progress, standing
from brf_training.trainer import Trainer, split_validation


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model of the small task."""
    folder = tmp_path_factory.mktemp("trained")
    train_network(tones_recipe(), TONES, None, folder)
    return TrainedNetwork.at(folder / "model.safetensors")


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_the_integer_network_of_the_best_epoch_is_kept_and_measured(tmp_path, trained):
    recipe = tones_recipe(network=trained, quantization=QuantizationConfig(3), epochs=3, learning_rate=0.05)
    summary = train_network(recipe, TONES, None, tmp_path)
    network, test = load_network(tmp_path / "net.nir"), TONES.load("test")
    trace = REFERENCE.run(network, test.messages)
    assert summary.test_accuracy == correct(trace.readout, test.labels, TONES.decision).mean()
    assert summary.test_spikes_per_sample == pytest.approx(trace.layers[0].spikes.sum() / test.count)
    assert summary.test_layer_spikes == {"hidden": pytest.approx(summary.test_spikes_per_sample)}
    assert summary.integer.weight_bits == 3
    master = run_float(load_float_network(tmp_path / "model.safetensors"), test.messages)
    assert summary.integer.master_test_accuracy == correct(master.readout, test.labels, TONES.decision).mean()
    assert np.abs(network.layers[0].input.mantissa).max() <= 3
    best = lines(tmp_path)[summary.best_epoch - 1]
    assert best["validation_accuracy"] == summary.validation_accuracy > 0.8


def test_neurons_without_an_integer_form_are_refused_at_once(tmp_path):
    fresh = tones_recipe().network
    rf = tones_recipe(network=replace(fresh, neuron=RF()), epochs=1)
    train_network(rf, TONES, None, tmp_path / "rf")
    start = TrainedNetwork.at(tmp_path / "rf" / "model.safetensors")
    with pytest.raises(Unsupported, match="rf"):
        train_network(replace(rf, network=start, quantization=QuantizationConfig()), TONES, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_best_epoch_is_one_that_holds_the_budget(tmp_path, trained):
    free = train_network(tones_recipe(network=trained, epochs=1, learning_rate=1e-9), TONES, None, tmp_path / "free")
    limit = free.test_spikes_per_sample / 2
    recipe = tones_recipe(network=trained, budget=Budget("spikes", limit), epochs=40, learning_rate=0.3)
    summary = train_network(recipe, TONES, None, tmp_path / "held")
    found = lines(tmp_path / "held")
    best = found[summary.best_epoch - 1]
    assert best["spending"] == best["spikes_per_sample"] <= 1.02 * limit
    assert found[0]["spending"] > 1.02 * limit
    assert found[0]["budget"].keys() >= {"multiplier", "spending", "limit"}
    assert (summary.budget.kind, summary.budget.limit) == ("spikes", limit)
    assert summary.budget.test_spending == summary.test_spikes_per_sample
    assert summary.budget.validation_spending == best["spending"]
    assert summary.budget.held == (summary.budget.test_spending <= limit)


@pytest.mark.parametrize(("limit", "held", "message"), [
    (1e6, True, "budget of 1,000,000 synops a sample held: "),
    (1.0, False, "budget of 1 synops a sample NOT held: "),
])  # fmt: skip
def test_the_budget_of_an_integer_network_is_its_own(tmp_path, trained, limit, held, message, capsys):
    few = QuantizationConfig(2)
    recipe = tones_recipe(network=trained, quantization=few, budget=Budget("synops", limit), epochs=1,
                          learning_rate=1e-9)  # fmt: skip
    summary = train_network(recipe, TONES, None, tmp_path)
    network = load_network(tmp_path / "net.nir")
    met = sum(np.count_nonzero(weights.mantissa, axis=0)
              for weights in (network.layers[0].recurrent, network.readout.weight))  # fmt: skip
    spikes = REFERENCE.run(network, TONES.load("test").messages).layers[0].spikes.sum(axis=0)
    assert summary.budget.test_spending == pytest.approx((spikes @ met).mean())
    assert summary.budget.test_spending < summary.test_spikes_per_sample * (12 + 2)  # some weights rounded to 0
    assert summary.budget.held == held
    _tell(summary, tmp_path)
    said = capsys.readouterr().out
    assert message in said
    assert f"{summary.budget.test_spending:,.1f} on test samples" in said
    assert "that is the integer network with 2-bit weights" in said


def test_synaptic_operations_are_spikes_times_the_weights_they_meet(tmp_path, trained):
    recipe = tones_recipe(network=trained, budget=Budget("synops", 1e9), epochs=1)
    summary = train_network(recipe, TONES, None, tmp_path)
    assert summary.budget.test_spending == pytest.approx(summary.test_spikes_per_sample * (12 + 2))


def test_pruned_synapses_stay_so_in_the_run_and_in_the_next(tmp_path, trained):
    pruned = train_network(tones_recipe(network=trained, pruning=Pruning(0.25), epochs=4), TONES, None, tmp_path / "a")
    first = load_float_network(tmp_path / "a" / "model.safetensors").layers[0]
    assert ((first.recurrent_weight != 0).sum(axis=0) == 3).all()
    assert pruned.best_epoch >= 3  # before, more than a quarter is left
    assert pruned.synapses_kept == pytest.approx((12 * 3 + 3 + 12) / (12 * 12 + 12 + 24))
    start = TrainedNetwork.at(tmp_path / "a" / "model.safetensors")
    train_network(tones_recipe(network=start, epochs=2), TONES, None, tmp_path / "b")
    second = load_float_network(tmp_path / "b" / "model.safetensors").layers[0]
    assert ((first.recurrent_weight == 0) <= (second.recurrent_weight == 0)).all()
    assert (first.recurrent_weight != second.recurrent_weight).any()


def metrics(epoch, loss, spending=None):
    blank = dict.fromkeys(EpochMetrics.__dataclass_fields__, 0.0)
    return EpochMetrics(**{**blank, "epoch": epoch, "validation_loss": loss, "spending": spending})


def test_what_is_to_be_fitted_comes_before_the_loss():
    budget = tones_recipe(budget=Budget("spikes", 100.0))
    assert standing(metrics(1, 9.0, 101.0), budget) < standing(metrics(2, 1.0, 103.0), budget)
    assert standing(metrics(1, 9.0, 103.0), budget) < standing(metrics(2, 1.0, 110.0), budget)
    assert standing(metrics(1, 1.0, 50.0), budget) < standing(metrics(2, 2.0, 1.0), budget)
    pruned = tones_recipe(pruning=Pruning(0.5, end=0.5), epochs=11)
    assert standing(metrics(6, 9.0), pruned) < standing(metrics(5, 1.0), pruned)
    assert standing(metrics(11, 1.0), pruned) < standing(metrics(6, 2.0), pruned)
    assert [pruning_progress(epoch, 3) for epoch in range(3)] == [0, 0.5, 1]
    assert pruning_progress(0, 1) == 1


def test_patience_ends_a_run_that_gets_no_better(tmp_path):
    summary = train_network(tones_recipe(patience=2, epochs=100, learning_rate=10.0), TONES, None, tmp_path)
    assert summary.stopped == "early stop"
    assert summary.epochs_run == summary.best_epoch + 2 < 100


def gradients(**changes):
    trainer = Trainer(tones_recipe(precision="float64", **changes), TONES, TONES.load("train"))
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            parameter *= 300 if name.endswith("weight") else 1
    loss, _ = trainer._backward(np.arange(30))
    return loss, [parameter.grad for parameter in trainer.model.parameters()]


@pytest.mark.parametrize("loss", list(Loss))
@pytest.mark.parametrize("steps", [1, 7, 39, 40, 1000])
def test_truncation_cuts_the_gradient_and_not_the_loss(loss, steps):
    objective = Objective(loss, 3)
    (whole, full), (found, cut) = gradients(objective=objective), gradients(objective=objective, truncate_steps=steps)
    assert found == pytest.approx(whole, rel=1e-12)  # sums over windows
    same = all(torch.equal(a, b) for a, b in zip(full, cut, strict=True))
    assert same == (steps >= 40)


@pytest.mark.parametrize("quantized", [False, True])
def test_all_but_hidden_weights_take_their_share_of_the_learning_rate(trained, quantized):
    recipe = tones_recipe(slow_share=0.1)
    if quantized:
        recipe = replace(recipe, network=trained, quantization=QuantizationConfig())
    hidden, others = parameter_groups(build_model(recipe, TONES, TONES.load("train")).model, recipe)
    assert [group["share"] for group in (hidden, others)] == [1.0, 0.1]
    assert [tuple(value.shape) for value in hidden["params"]] == [(12, 1), (12, 12)]
    assert [tuple(value.shape) for value in others["params"]] == [(12,), (12,), (2,), (2, 12)]
    trainer = Trainer(recipe, TONES, TONES.load("train"))
    trainer._set_learning_rate()
    assert [group["lr"] for group in trainer.optimizer.param_groups] == pytest.approx([2.0, 0.2])


def test_only_so_many_samples_are_used():
    trainer = Trainer(tones_recipe(samples=50), TONES, TONES.load("train"))
    assert (trainer.fitted.count, trainer.held_out.count) == (45, 5)
    with pytest.raises(InvalidInput, match="120 samples, 121 asked for"):
        Trainer(tones_recipe(samples=121), TONES, TONES.load("train"))


def test_a_data_set_s_own_validation_samples_are_held_out():
    samples = TONES.load("train")
    chosen = np.zeros(120, bool)
    chosen[[3, 50]] = True
    fit, held = split_validation(replace(samples, validation=chosen), 0.5, np.random.default_rng(0))
    assert (fit.count, held.count) == (118, 2)
    assert np.array_equal(held.messages, samples.messages[:, [3, 50]])


@pytest.mark.parametrize("kind", list(NEURONS))
def test_pole_radii_are_those_of_the_equations(kind):
    fresh = tones_recipe().network
    neuron = NEURONS[kind]()
    recipe = tones_recipe(network=replace(fresh, neuron=neuron, initial=neuron.initial))
    (layer,) = build_model(recipe, TONES, TONES.load("train")).model.chain
    raw = {name: value.detach().double().abs().numpy() for name, value in layer.raw.items()}
    if kind in ("lif", "alif"):
        expected = np.max([np.exp(-1 / tau) for tau in raw.values()], axis=0)
    else:
        omega, offset, dt = raw["omega"], raw["b_offset"], neuron.dt
        damping = {"brf": (np.sqrt(1 - (dt * omega) ** 2) - 1) / dt - offset, "rf": -offset}
        if kind == "bhrf":  # v' = v + dt u; u' = u (1 - 2 b dt) - omega^2 dt v'
            b = dt * omega**2 / 2 + offset
            matrix = np.array([[1 - 2 * b * dt - (omega * dt) ** 2, -(omega**2) * dt], [0 * b + dt, 0 * b + 1]])
            expected = np.abs(np.linalg.eigvals(matrix.transpose(2, 0, 1))).max(axis=1)
        else:
            expected = np.abs(1 + dt * (damping[kind] + 1j * omega))
        if kind != "rf":
            expected = np.maximum(expected, neuron.gamma)
    np.testing.assert_allclose(pole_radii(layer), expected, rtol=1e-12)


def test_a_recipe_for_fine_tuning_is_made_of_the_model(tmp_path):
    model = tmp_path / "digits.safetensors"
    run = CliRunner().invoke(main, ["train", "digits", "--epochs", "1", "--out", str(tmp_path / "run")])
    assert run.exit_code == 0, run.output
    (tmp_path / "run" / "model.safetensors").replace(model)
    recipe = fine_tuning_recipe(model)
    assert (recipe.task, recipe.network) == ("digits", TrainedNetwork.at(model))
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.slow_share) == (12, 32, 0.05, 0.1)
    assert (recipe.objective, recipe.clip_norm) == (Objective(Loss.LAST_STEP), 1.0)
    for goal, expected in (("quantized", (40, 32, 0.1, 0.03)), ("lean", (60, 16, 0.1, 1.0))):
        recipe = fine_tuning_recipe(model, **{goal: True})
        assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.slow_share) == expected
    assert fine_tuning_recipe(model, quantized=True, lean=True).epochs == 60
    with pytest.raises(InvalidInput, match="task 'ecg' has 4 inputs, the network"):
        fine_tuning_recipe(model, load_task("ecg"))
    with pytest.raises(InvalidFile, match="no such file"):
        fine_tuning_recipe(tmp_path / "none.safetensors")
    options = ["--weight-bits", "4", "--keep", "0.5", "--spike-budget", "500", "--epochs", "1"]
    result = CliRunner().invoke(main, ["train", "--from", str(model), *options, "--out", str(tmp_path / "fitted")])
    assert result.exit_code == 0, result.output
    assert "that is the integer network with 4-bit weights" in result.output
    assert "budget of 500 spikes a sample held" in result.output
    assert load_network(tmp_path / "fitted" / "net.nir").layers[0].count == 128


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "--out DIR says where a new run goes"),
    (["--out", "run"], "TASK is missing; `brf-deploy train --list`"),
    (["digits", "--weight-bits", "4", "--out", "run"], "quantization of a network with random values"),
    (["digits", "--spike-budget", "3", "--synop-budget", "4", "--out", "run"], "give --spike-budget or --synop-budget"),
    (["digits", "--keep", "0", "--out", "run"], "0.0 is not in the range"),
    (["digits", "--keep", "2", "--out", "run"], "2.0 is not in the range"),
    (["--from", "none.safetensors", "--out", "run"], "model 'none.safetensors': no such file"),
    (["digits", "--device", "tpu", "--out", "run"], "device 'tpu': torch"),
])  # fmt: skip
def test_the_command_explains_what_cannot_be_fitted(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["train", *arguments])
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "run").exists()


def test_the_command_lists_the_recipes():
    result = CliRunner().invoke(main, ["train", "--list"])
    assert result.exit_code == 0
    for text in ("ecg-alif", "psmnist-quick", "QT Database ECG, 36 RF neurons"):
        assert text in result.output


def test_a_network_trained_in_float64_stays_so(tmp_path):
    train_network(tones_recipe(precision="float64", epochs=1), TONES, None, tmp_path)
    network = load_float_network(tmp_path / "model.safetensors")
    assert network.layers[0].input_weight.dtype == np.float64
    assert from_float_network(network).readout.tau.dtype == torch.float64


class Turned(type(TONES)):
    """The same task from its end to its beginning."""

    def load(self, split, data=None):
        samples = super().load(split)
        return replace(samples, stored=samples.stored[::-1].copy())


@pytest.mark.parametrize("quantization", [None, QuantizationConfig(4)], ids=["float", "integer"])
def test_a_model_is_trained_on_in_its_own_order_of_steps(tmp_path, trained, quantization):
    source, backwards = load_float_network(trained.path), np.arange(40)[::-1].copy()
    turned = replace(source, encoding=replace(source.encoding, permutation=backwards))
    save_float_network(turned, tmp_path / "turned.safetensors")
    task = replace(TONES, encoding=replace(TONES.encoding, permutation=np.roll(backwards, 1)))
    changes = {"quantization": quantization, "epochs": 3, "learning_rate": 0.05}
    start = TrainedNetwork.at(tmp_path / "turned.safetensors")
    found = train_network(tones_recipe(network=start, **changes), task, None, tmp_path / "own")
    expected = train_network(tones_recipe(network=trained, **changes), Turned(), None, tmp_path / "turned")
    assert replace(found, seconds=0) == replace(expected, seconds=0)
    saved = load_float_network(tmp_path / "own" / "model.safetensors")
    assert (saved.encoding.permutation == backwards).all()
    if quantization is not None:
        assert (load_network(tmp_path / "own" / "net.nir").encoding.permutation == backwards).all()


def test_a_recipe_for_other_neurons_does_not_go_on_from_a_model(trained):
    with pytest.raises(InvalidInput, match="brf neurons found, the recipe is for alif"):
        going_on(load_recipe("ecg-alif"), trained.path)
    recipe = going_on(tones_recipe(description="tones"), trained.path)
    assert (recipe.network, recipe.description) == (trained, "tones; from model.safetensors")


def test_a_sample_shorter_than_what_is_skipped_is_refused_at_once(tmp_path):
    with pytest.raises(InvalidInput, match="40 steps, of which the network skips 40"):
        train_network(tones_recipe(objective=Objective(Loss.LAST_STEP, 40)), TONES, None, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("option", ["--learning-rate", "--spike-budget", "--keep", "--time-limit"])
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_number_that_is_none_is_refused(tmp_path, option, value):
    result = CliRunner().invoke(main, ["train", "digits", option, value, "--out", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert option in result.output
    assert not (tmp_path / "run").exists()
