"""Data parallel training: several processes take the steps that one takes."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from training_tasks import TONES, gradients_in_ranks, gradients_of_a_batch, tones_recipe, train_in_ranks

from brf_deploy.errors import InvalidInput
from brf_deploy.float_file import load_float_network
from brf_training import Loss, Objective, train_network
from brf_training.budget import Budget
from brf_training.distributed import CPU, Ranks, find_device, joined_ranks

EXACT = 1e-12  # float64: sums over samples in another order
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["training_tasks", "torch._dynamo"])


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_ranks(size, target, *arguments):
    port = free_port()
    processes = [CONTEXT.Process(target=target, args=(rank, size, port, *arguments)) for rank in range(size)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * size


def relative(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


RECIPES = [
    {},
    {"layers": (7, 5), "objective": Objective(Loss.EVERY_STEP_SUM, 3)},
    {"truncate_steps": 13, "objective": Objective(Loss.EVERY_STEP_SUM, 15)},
    {"budget": Budget("spikes", 0.5)},
]


@pytest.mark.parametrize("size", [2, 3])
def test_gradients_of_several_processes_are_those_of_one(tmp_path, size):
    cases = [
        (tones_recipe(precision="float64", **changes), np.arange(50, 50 + batch))
        for changes in RECIPES
        for batch in (20, 11, 1)  # even, uneven, and too few for all
    ]
    run_ranks(size, gradients_in_ranks, cases, tmp_path)
    found = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(size)]
    for index, case in enumerate(cases):
        for name, expected in gradients_of_a_batch(*case).items():
            assert expected.abs().max() > 0, name
            for rank in range(size):
                assert relative(found[rank][index][name], expected) < EXACT, (case, name)


@pytest.mark.parametrize("changes", [{}, {"budget": Budget("synops", 30.0)}], ids=["plain", "budget"])
def test_a_run_of_two_processes_is_that_of_one(tmp_path, changes):
    # 108 samples in batches of 35: the last one has 3, and its parts 2 and 1
    recipe = tones_recipe(precision="float64", epochs=2, batch_size=35, learning_rate=0.5, **changes)
    run_ranks(2, train_in_ranks, recipe, tmp_path / "two")
    train_network(recipe, TONES, None, tmp_path / "one")
    one, two = (load_float_network(tmp_path / run / "model.safetensors") for run in ("one", "two"))
    for array in ("input_weight", "recurrent_weight"):
        first, second = getattr(one.layers[0], array), getattr(two.layers[0], array)
        np.testing.assert_allclose(second, first, rtol=0, atol=1e-9 * np.abs(first).max())
    lines = [(tmp_path / run / "metrics.jsonl").read_text().splitlines() for run in ("one", "two")]
    assert len(lines[0]) == len(lines[1]) == 2
    for first, second in zip(*lines, strict=True):
        first, second = json.loads(first), json.loads(second)
        for name in ("loss", "validation_loss", "validation_accuracy", "spikes_per_sample", "gradient_norm"):
            assert second[name] == pytest.approx(first[name], rel=1e-9)
    said = [json.loads((tmp_path / f"two-{rank}.json").read_text()) for rank in range(2)]
    assert [{**one, "seconds": 0} for one in said[:1]] == [{**two, "seconds": 0} for two in said[1:]]


def test_shares_of_a_batch_are_all_of_it():
    order = np.arange(11)
    shares = [Ranks(rank, 3).share(order) for rank in range(3)]
    assert sorted(np.concatenate(shares)) == order.tolist()
    assert [len(share) for share in shares] == [4, 4, 3]
    assert sum(Ranks(rank, 3).weight(len(share), 11) for rank, share in enumerate(shares)) == pytest.approx(3)


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "meta-physics"])
def test_a_device_that_is_not_there_is_refused(name):
    with pytest.raises(InvalidInput, match=rf"device '{name}': torch .* cannot use it .*name cpu or cuda"):
        find_device(name)


@pytest.mark.parametrize("name", ["meta", "mps", "vulkan"])
def test_a_device_that_nothing_is_trained_on_is_refused(name):
    with pytest.raises(InvalidInput, match=rf"device '{name}': networks are trained on cpu or cuda"):
        find_device(name)


def test_variables_of_torchrun_that_are_missing_are_named(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with (
        pytest.raises(InvalidInput, match="WORLD_SIZE=2 is set and RANK is not; start with torchrun"),
        joined_ranks(CPU),
    ):
        pass
    for name, value in {"RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "no"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match="process 0 of 2: it cannot join the others"), joined_ranks(CPU):
        pass


@pytest.mark.slow
def test_torchrun_trains_with_the_command(tmp_path):
    bin_directory = Path(sys.executable).parent
    command = [
        bin_directory / "torchrun", "--nproc-per-node", "2", "--master-port", free_port(), "--no-python",
        bin_directory / "brf-deploy", "train", "digits", "--epochs", 2, "--out", tmp_path / "run",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 1
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
