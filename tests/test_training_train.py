"""Training runs: they learn, they repeat to the bit, and they explain what stops them."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from training_tasks import TONES, Tones, tones_recipe

from brf_deploy.cli import main
from brf_deploy.errors import InvalidInput, InvalidNetwork
from brf_deploy.float_file import load_float_network
from brf_deploy.float_reference import run_float
from brf_deploy.task import Decision, Samples, correct
from brf_training import RF, Loss, Objective, load_recipe, train_network
from brf_training.build import build_model
from brf_training.divergence import first_cause
from brf_training.initial import Uniform
from brf_training.monitor import Monitor
from brf_training.tasks.digits import DIGITS
from brf_training.trainer import split_validation


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Seen(Monitor):
    def __init__(self):
        self.epochs, self.batches = [], []

    def on_batch(self, done, total):
        self.batches.append((done, total))

    def on_epoch(self, metrics):
        self.epochs.append(metrics)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_learns_and_leaves_model_metrics_and_summary(tmp_path):
    seen = Seen()
    summary = train_network(tones_recipe(), TONES, None, tmp_path / "run", [seen])
    metrics = lines(tmp_path / "run" / "metrics.jsonl")
    assert [m["epoch"] for m in metrics] == [m.epoch for m in seen.epochs] == list(range(1, 13))
    assert seen.batches == [(done, 6) for done in range(1, 7)] * 12
    assert metrics[-1]["loss"] < 0.7 * metrics[0]["loss"]
    assert summary.test_accuracy > 0.9
    assert metrics[summary.best_epoch - 1]["validation_loss"] == min(m["validation_loss"] for m in metrics)
    for line in metrics:
        assert line["layer_spikes"] == {"hidden": line["spikes_per_sample"]}
        assert line["boundary_distance"]["hidden"] == 1 - line["pole_radius"]["hidden"] > 0
        assert 0 < line["gradient_norm"] <= line["largest_gradient_norm"]
        assert (line["spending"], line["budget"]) == (None, {})
    assert [m["learning_rate"] for m in metrics[:2]] == pytest.approx([2, 11 / 6])
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["test_accuracy"] == summary.test_accuracy
    assert list((tmp_path / "run" / "tensorboard").glob("events.out.tfevents.*"))


def test_the_saved_model_gives_the_figures_of_the_summary(tmp_path):
    summary = train_network(tones_recipe(epochs=4), TONES, None, tmp_path)
    network, test = load_float_network(tmp_path / "model.safetensors"), TONES.load("test")
    assert network.notes == {"seed": "0", "epoch": f"{summary.best_epoch} of 4"}
    trace = run_float(network, test.messages)
    assert correct(trace.readout, test.labels, TONES.decision).mean() == pytest.approx(summary.test_accuracy, abs=0.02)
    assert trace.layers[0].spikes.sum() / 120 == pytest.approx(summary.test_spikes_per_sample, rel=0.02)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path):
    models = []
    for run, seed in enumerate((0, 0, 1)):
        train_network(tones_recipe(epochs=3, seed=seed), TONES, None, tmp_path / str(run))
        models.append((tmp_path / str(run) / "model.safetensors").read_bytes())
    assert models[0] == models[1] != models[2]


@pytest.mark.parametrize("changes", [
    {"objective": Objective(Loss.EVERY_STEP_SUM, 3)},
    {"layers": (8, 6)},
    {"schedule": "constant", "clip_norm": None},
])  # fmt: skip
def test_other_recipes_run(tmp_path, changes):
    summary = train_network(tones_recipe(epochs=2, **changes), TONES, None, tmp_path)
    network = load_float_network(tmp_path / "model.safetensors")
    assert network.skip_steps == tones_recipe(**changes).objective.skip_steps
    assert len(network.layers) == len(tones_recipe(**changes).network.layers)
    assert summary.best_epoch in (1, 2)


def test_labels_at_every_step_can_be_learned(tmp_path):
    @dataclass(frozen=True)
    class Stepwise(Tones):
        decision: Decision = Decision.EVERY_STEP

        def load(self, split, data=None):
            samples = super().load(split)
            return Samples(samples.messages, np.broadcast_to(samples.labels, (40, 120)).copy())

    objective = Objective(Loss.EVERY_STEP_SUM, 5)
    assert train_network(tones_recipe(objective=objective), Stepwise(), None, tmp_path).test_accuracy > 0.7


def test_training_needs_a_sample_to_fit_and_one_to_validate(tmp_path):
    fit, held = split_validation(TONES.load("train").take(slice(0, 2)), 0.001, np.random.default_rng(0))
    assert (fit.count, held.count) == (1, 1)
    with pytest.raises(InvalidInput, match="1 samples, at least 2 needed"):
        split_validation(TONES.load("train").take(slice(0, 1)), 0.1, np.random.default_rng(0))


def test_validation_samples_are_held_out(tmp_path):
    samples = TONES.load("train")
    numbered = Samples(np.arange(120)[None, :, None], samples.labels)
    fit, held = split_validation(numbered, 0.1, np.random.default_rng(0))
    assert (fit.count, held.count) == (108, 12)
    assert sorted([*fit.messages.ravel(), *held.messages.ravel()]) == list(range(120))


def test_a_recipe_of_another_task_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="written for task 'tones', not for 'digits'"):
        train_network(tones_recipe(), DIGITS, None, tmp_path)


def with_rf(dt):
    """RF neurons whose poles lie outside the disc: without a divergence boundary they grow."""
    fresh = tones_recipe().network
    return replace(fresh, neuron=RF(dt=dt), initial={"omega": Uniform(2, 3), "b_offset": Uniform(0.1, 1)})


@pytest.mark.parametrize(("changes", "message"), [
    ({"learning_rate": 1e37}, r"the gradient norm is nan in epoch 1, batch 2: the states of layer 'hidden' overflow"
     r".*Lower learning_rate \(1e\+37\) or lower clip_norm \(1\)$"),
    ({"learning_rate": 1e37, "batch_size": 120}, r"is nan in epoch 2, batch 1: .*The best model of the earlier epochs"),
    ({"network": with_rf(dt=1.0), "objective": Objective(Loss.EVERY_STEP_SUM)},
     r"neuron \d+ of layer 'hidden' has pole radius [.0-9]+, outside the divergence boundary 1"),
    ({"clip_norm": None, "learning_rate": 1e37}, r"or set clip_norm$"),
])  # fmt: skip
def test_divergence_is_explained(tmp_path, changes, message):
    with pytest.raises(InvalidNetwork, match=f"training on 'tones': .*{message}"):
        train_network(tones_recipe(**changes), TONES, None, tmp_path)


def test_a_loss_far_above_guessing_is_divergence(tmp_path, monkeypatch):
    monkeypatch.setattr("brf_training.trainer.HOPELESS", 0.5)
    with pytest.raises(InvalidNetwork, match=r"mean training loss, 1 times that of guessing, is .* epoch 1, batch"):
        train_network(tones_recipe(), TONES, None, tmp_path)


@torch.no_grad()
def damaged(what, value):
    """A network with one number of a parameter, or of its gradient, replaced."""
    network = build_model(tones_recipe(layers=(5, 4)), TONES, TONES.load("train")).model
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    name, _, gradient = what.partition(" ")
    parameter = network.get_parameter(name)
    (parameter.grad if gradient else parameter).view(-1)[0] = value
    return network


@pytest.mark.parametrize(("what", "value", "message"), [
    ("layers.0.omega", torch.nan, "1 of 5 values of hidden0 omega are NaN or infinite"),
    ("readout.tau", -torch.inf, "1 of 2 values of readout tau are NaN or infinite"),
    ("layers.1.input_weight gradient", torch.nan, "the gradient of hidden1 input_weight is NaN or infinite in 1 of 20"),
    ("layers.1.b_offset", 500.0, "the readout is larger than the loss can take; neuron 0 of layer 'hidden1' has pole"),
    ("layers.1.b_offset", 0.0, "the readout is larger than the loss can take"),
])  # fmt: skip
def test_the_number_that_is_not_finite_is_named(what, value, message):
    assert message in first_cause(damaged(what, value), None)


def test_the_layer_whose_states_overflow_is_named():
    network = damaged("layers.0.input_weight", 3e38)
    assert "the states of layer 'hidden0' overflow" in first_cause(
        network, network.forward(torch.full((3, 2, 1), 10.0))
    )


def test_the_best_checkpoint_survives_a_later_failure(tmp_path):
    class Fail(Monitor):
        def on_epoch(self, metrics):
            raise InvalidNetwork("stop")

    with pytest.raises(InvalidNetwork, match="stop"):
        train_network(tones_recipe(), TONES, None, tmp_path, [Fail()])
    assert load_float_network(tmp_path / "model.safetensors").notes["epoch"] == "1 of 12"
    assert len(lines(tmp_path / "metrics.jsonl")) == 1


def test_training_goes_on_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    train_network(tones_recipe(epochs=1), TONES, None, tmp_path)
    assert not (tmp_path / "tensorboard").exists()


def test_omega_stays_inside_however_far_a_step_throws_it(tmp_path):
    train_network(tones_recipe(epochs=2, learning_rate=10), TONES, None, tmp_path)
    neurons = load_float_network(tmp_path / "model.safetensors").layers[0].neurons
    assert (neurons.dt * neurons.omega < 1).all()


def invoke(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


SMALL = """
task = "digits"
[neuron]
kind = "brf"
omega = { uniform = [10, 80] }
[network]
layers = [8]
tau = { normal = [20, 5] }
[training]
loss = "last_step"
epochs = 1
batch_size = 256
learning_rate = 0.1
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_the_command_trains_and_says_what_came_out(tmp_path, small):
    result = invoke("digits", "--recipe", small, "--epochs", 2, "--seed", 4, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "test accuracy" in result.output
    assert "model.safetensors" in result.output
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (summary["epochs"], summary["seed"], summary["task"]) == (2, 4, "digits")


def test_the_command_overwrites_only_when_told(tmp_path, small):
    out = tmp_path / "run"
    out.mkdir()
    (out / "precious").write_text("mine")
    result = invoke("digits", "--recipe", small, "--out", out)
    assert result.exit_code == 2
    assert (
        "is not empty; choose another --out, go on with an earlier run with --resume, or overwrite it with --force"
        in result.output
    )
    assert invoke("digits", "--recipe", small, "--out", out, "--force").exit_code == 0
    assert (out / "precious").read_text() == "mine"
    assert invoke("digits", "--recipe", small, "--out", out, "--force").exit_code == 0
    assert len(list((out / "tensorboard").glob("events.out.tfevents.*"))) == 1


@pytest.mark.parametrize(("arguments", "message"), [
    (["nothing"], "task 'nothing' is unknown; there are: digits, ecg"),
    (["digits", "--recipe", "none"], "recipe 'none': none of that name is shipped"),
    (["digits", "--recipe", "ecg"], "written for task 'ecg', not for 'digits'"),
    (["digits", "--recipe", "none.toml"], "recipe 'none.toml': no such file"),
    (["digits", "--epochs", "0"], "0 is not in the range"),
])  # fmt: skip
def test_the_command_explains_bad_input(tmp_path, arguments, message):
    result = invoke(*arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "run").exists()


def test_missing_data_is_explained(tmp_path):
    result = invoke("ecg", "--data", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == 2
    assert "brf-deploy data fetch ecg" in result.output


def test_help_has_examples():
    result = invoke("--help")
    assert result.exit_code == 0
    assert "brf-deploy train digits --out run" in result.output


@pytest.mark.slow
def test_the_digits_recipe_reaches_its_accuracy(tmp_path):
    summary = train_network(load_recipe("digits"), DIGITS, None, tmp_path)
    assert summary.test_accuracy >= 0.95
