"""Exact resume: a run that was stopped or killed, wherever it was, ends with the bits of one that was not."""

import json
import multiprocessing
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from training_tasks import TONES, tones_recipe, train_with_checkpoints

from brf_deploy.cli import main
from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.quantization import QuantizationConfig
from brf_training import train_network
from brf_training.budget import Budget
from brf_training.checkpoint import load_checkpoint, save_checkpoint
from brf_training.monitor import Monitor
from brf_training.pruning import Pruning
from brf_training.recipe import TrainedNetwork
from brf_training.run_folder import RunFolder
from brf_training.train import Conduct

RECIPE = """
task = "digits"
[neuron]
kind = "brf"
omega = { uniform = [10, 80] }
[network]
layers = [24]
tau = { normal = [20, 5] }
[training]
loss = "last_step"
epochs = 4
batch_size = 64
learning_rate = 0.4
"""


class Stop(Monitor):
    """Interrupts a run after so many batches, as Ctrl-C does."""

    def __init__(self, batches):
        self.left = batches

    def on_batch(self, done, total):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def lines(folder):
    return [{**json.loads(line), "seconds": None} for line in (folder / "metrics.jsonl").read_text().splitlines()]


def summary(folder):
    return {**json.loads((folder / "summary.json").read_text()), "seconds": None}


def state(folder):
    """The checkpoint without what tells the time."""
    found = load_checkpoint(folder / "checkpoint.safetensors")
    return {"best": {**found["best"], "seconds": None}, "trainer": found["trainer"]}


def assert_equal_trees(found, expected):
    if isinstance(expected, torch.Tensor):
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)
    elif isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal_trees(found[key], expected[key])
    else:
        assert found == expected


def assert_same_run(found, expected):
    assert_equal_trees(state(found), state(expected))
    assert lines(found) == lines(expected)
    assert summary(found) == summary(expected)
    assert (found / "model.safetensors").read_bytes() == (expected / "model.safetensors").read_bytes()
    for file in expected.glob("net.nir"):
        assert (found / "net.nir").read_bytes() == file.read_bytes()
    assert not list(found.glob("*.part"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model of the small task."""
    folder = tmp_path_factory.mktemp("trained")
    train_network(tones_recipe(epochs=3), TONES, None, folder)
    return TrainedNetwork.at(folder / "model.safetensors")


def fitted_to(trained, kind):
    """Recipes that put each part of the state to use."""
    changes = {
        "plain": {},
        "schedule": {"schedule": "constant", "clip_norm": None, "layers": (6, 5)},
        "double": {"precision": "float64"},
        "truncated": {"truncate_steps": 15},
        "budget": {"budget": Budget("synops", 40.0)},
        "pruned": {"pruning": Pruning(0.3)},
        "patience": {"patience": 1, "learning_rate": 10.0},
        "quantized": {"network": trained, "quantization": QuantizationConfig(4), "learning_rate": 0.05},
        "all": {"network": trained, "quantization": QuantizationConfig(4), "learning_rate": 0.05,
                "budget": Budget("spikes", 20.0), "pruning": Pruning(0.5)},
    }  # fmt: skip
    return tones_recipe(epochs=3, **changes[kind])


@pytest.mark.parametrize(
    "kind", ["plain", "schedule", "double", "truncated", "budget", "pruned", "patience", "quantized", "all"]
)
def test_a_run_interrupted_again_and_again_ends_as_one_that_was_not(tmp_path, trained, kind):
    recipe = fitted_to(trained, kind)
    train_network(recipe, TONES, None, tmp_path / "whole")
    conduct, batches = Conduct(checkpoint_every=0), [0, 3, 1, 6, 2]
    for attempt, count in enumerate(batches):
        with pytest.raises(KeyboardInterrupt):
            train_network(recipe, TONES, None, tmp_path / "parts", [Stop(count)], replace(conduct, resume=attempt > 0))
    train_network(recipe, TONES, None, tmp_path / "parts", conduct=replace(conduct, resume=True))
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


def test_a_finished_run_resumed_is_the_same_run(tmp_path):
    recipe = tones_recipe(epochs=2)
    train_network(recipe, TONES, None, tmp_path / "a")
    train_network(recipe, TONES, None, tmp_path / "b")
    train_network(recipe, TONES, None, tmp_path / "b", conduct=Conduct(resume=True))
    assert_same_run(tmp_path / "b", tmp_path / "a")


def test_a_time_limit_stops_after_an_epoch_and_leaves_the_schedule(tmp_path):
    recipe = tones_recipe(epochs=4)
    train_network(recipe, TONES, None, tmp_path / "whole")
    first = train_network(recipe, TONES, None, tmp_path / "parts", conduct=Conduct(time_limit=1e-6))
    assert (first.stopped, first.epochs_run, first.epochs) == ("time limit", 1, 4)
    done = train_network(recipe, TONES, None, tmp_path / "parts", conduct=Conduct(resume=True))
    assert (done.stopped, done.epochs_run) == ("finished", 4)
    assert_same_run(tmp_path / "parts", tmp_path / "whole")


def wait_for_change(file, process):
    """Until the run has written the file, or is over."""
    before = file.stat().st_mtime_ns if file.exists() else None
    while process.is_alive() and (not file.exists() or file.stat().st_mtime_ns == before):
        time.sleep(0.001)


def test_a_process_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    # Processes are forked from one that has imported torch, which takes longer than the run.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training_tasks", "torch._dynamo"])
    rng, folder, killed = np.random.default_rng(), tmp_path / "parts", 0
    for _ in range(8):
        process = context.Process(target=train_with_checkpoints, args=(folder,))
        process.start()
        wait_for_change(folder / "checkpoint.safetensors", process)
        time.sleep(rng.uniform(0, 0.1))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    train_with_checkpoints(folder)
    train_with_checkpoints(tmp_path / "whole")
    assert killed >= 1
    assert_same_run(folder, tmp_path / "whole")


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(Monitor, "on_batch", lambda *batches: (_ for _ in ()).throw(KeyboardInterrupt))
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE)
    result = invoke("digits", "--recipe", recipe, "--out", tmp_path / "a run")
    assert result.exit_code == 130
    assert f"brf-deploy train --resume '{tmp_path / 'a run'}'" in result.output
    assert "Traceback" not in result.output


@pytest.fixture
def interrupted(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_network(tones_recipe(), TONES, None, folder, [Stop(8)])
    return folder


@pytest.mark.parametrize(("changes", "message"), [
    ({"seed": 1}, "recipe seed: 0, 1 now"),
    ({"layers": (13,)}, r"recipe network.layers: \(12,\), \(13,\) now"),
    ({"learning_rate": 0.5, "batch_size": 10}, "batch_size: 20, 10 now; recipe learning_rate: 2.0, 0.5 now"),
    ({"budget": Budget("spikes", 3.0)}, "recipe budget: None, Budget"),
])  # fmt: skip
def test_another_recipe_is_refused_by_the_values_that_differ(interrupted, changes, message):
    with pytest.raises(InvalidInput, match=f"it is of another run.*{message}"):
        train_network(tones_recipe(**changes), TONES, None, interrupted, conduct=Conduct(resume=True))


def test_other_data_are_refused(interrupted):
    class Longer(type(TONES)):
        def load(self, split, data=None):
            samples = super().load(split)
            return replace(samples, labels=1 - samples.labels)

    with pytest.raises(InvalidInput, match=r"training data: [0-9a-f]+, [0-9a-f]+ now"):
        train_network(tones_recipe(), Longer(), None, interrupted, conduct=Conduct(resume=True))


def test_another_version_is_refused(interrupted, monkeypatch):
    monkeypatch.setattr("brf_training.identity.version", lambda name: "9.9")
    with pytest.raises(InvalidInput, match=r"brf-deploy: .*, 9\.9 now"):
        train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))


def test_another_version_or_kernel_is_gone_on_with_when_told(interrupted, monkeypatch):
    monkeypatch.setattr("brf_training.identity.finding", lambda: (True, "training-x86-64-v9.so"))
    with pytest.raises(InvalidInput, match=r"written elsewhere.*kernels: .*, training-x86-64-v9\.so now.*--elsewhere"):
        train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))
    done = train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True, elsewhere=True))
    assert done.stopped == "finished"
    with pytest.raises(InvalidInput, match="it is of another run"):
        train_network(tones_recipe(seed=1), TONES, None, interrupted, conduct=Conduct(resume=True, elsewhere=True))


def test_two_processes_do_not_train_in_one_folder(interrupted):
    with RunFolder(interrupted).held(), pytest.raises(InvalidInput, match="another process is training there"):
        train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))
    assert train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True)).stopped == "finished"


def test_a_model_may_lie_elsewhere_when_a_run_goes_on(tmp_path, trained):
    recipe = tones_recipe(network=trained, epochs=2)
    train_network(recipe, TONES, None, tmp_path / "run", conduct=Conduct(time_limit=1e-6))
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(trained.path.read_bytes())
    again = replace(recipe, network=TrainedNetwork.at(moved))
    assert train_network(again, TONES, None, tmp_path / "run", conduct=Conduct(resume=True)).epochs_run == 2


def test_parts_of_other_files_stay(interrupted):
    (interrupted / "thesis.part").write_text("mine")
    train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))
    assert (interrupted / "thesis.part").read_text() == "mine"


def test_another_starting_model_is_refused(tmp_path, trained):
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(trained.path.read_bytes())
    recipe = tones_recipe(network=TrainedNetwork.at(copy), epochs=1)
    train_network(tones_recipe(epochs=1), TONES, None, tmp_path / "other")
    copy.write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(InvalidFile, match=r"SHA-256 .* found, the recipe says"):
        train_network(recipe, TONES, None, tmp_path / "run")
    copy.unlink()
    with pytest.raises(InvalidFile, match="no such file"):
        train_network(recipe, TONES, None, tmp_path / "run")


@pytest.mark.parametrize(("damage", "message"), [
    (lambda data: data[:-7], "not a readable safetensors file"),
    (lambda data: b"", "not a readable safetensors file"),
    (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "does not have the SHA-256 that it states"),
])  # fmt: skip
def test_a_damaged_checkpoint_is_refused(interrupted, damage, message):
    path = interrupted / "checkpoint.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InvalidFile, match=f"checkpoint .*{message}"):
        train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))


def test_a_model_is_no_checkpoint(interrupted):
    (interrupted / "model.safetensors").replace(interrupted / "checkpoint.safetensors")
    with pytest.raises(InvalidFile, match="it is no checkpoint of a run"):
        train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))


@pytest.mark.parametrize(("file", "message"), [
    ("checkpoint.safetensors", "no such file; --resume goes on with a run"),
    ("model.safetensors", "the checkpoint does not hold the best epoch"),
    ("metrics.jsonl", "0 bytes found, the checkpoint has written"),
])  # fmt: skip
def test_a_file_that_is_gone_is_named(interrupted, file, message):
    (interrupted / file).unlink()
    with pytest.raises(InvalidFile, match=message):
        train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))


def test_lines_and_parts_of_files_after_the_checkpoint_are_dropped(interrupted):
    expected = (interrupted / "metrics.jsonl").read_text()
    with (interrupted / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "los')
    (interrupted / "model.safetensors.123.part").write_text("half")
    train_network(tones_recipe(), TONES, None, interrupted, conduct=Conduct(resume=True))
    assert (interrupted / "metrics.jsonl").read_text().startswith(expected)
    assert [line["epoch"] for line in lines(interrupted)] == list(range(1, 13))
    assert not list(interrupted.glob("*.part"))


def test_a_new_run_in_a_folder_forgets_the_earlier_one(interrupted):
    train_network(tones_recipe(epochs=1), TONES, None, interrupted)
    assert len(lines(interrupted)) == 1
    assert load_checkpoint(interrupted / "checkpoint.safetensors")["trainer"]["epoch"] == 1


def test_a_tree_of_values_comes_back_bit_for_bit(tmp_path):
    tree = {
        "numbers": [1, -0.0, 0.1, float("inf"), 2**130, True, None, "text"],
        "tensors": {
            "empty": torch.zeros(0, 3),
            "scalar": torch.tensor(1.5),
            "bytes": torch.arange(7, dtype=torch.uint8),
            "double": torch.rand(3, 2, dtype=torch.float64).T,
            "mask": torch.tensor([True, False]),
        },
    }
    save_checkpoint(tree, tmp_path / "file")
    assert_equal_trees(load_checkpoint(tmp_path / "file"), tree)
    first = (tmp_path / "file").read_bytes()
    save_checkpoint(tree, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == first


def test_the_command_resumes_with_the_run_s_own_recipe(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(RECIPE)
    first = invoke("digits", "--recipe", recipe, "--out", tmp_path / "run", "--time-limit", 1e-9)
    assert "stopped after epoch 1 of 4: time limit; to go on: brf-deploy train --resume" in first.output
    refused = invoke("--resume", tmp_path / "run", "--epochs", 5)
    assert refused.exit_code == 2
    assert "recipe epochs: 4, 5 now" in refused.output
    elsewhere = invoke("--resume", tmp_path / "run", "--out", tmp_path / "other")
    assert "leave --out away" in elsewhere.output
    done = invoke("--resume", tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [1, 2, 3, 4]
    nothing = invoke("--resume", tmp_path / "nothing")
    assert nothing.exit_code == 2
    assert "no such file; --resume goes on with a run that was interrupted" in nothing.output


def invoke(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)])
