"""A small task and recipes for tests of training."""

import os
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from brf_deploy.encoding import Encoding
from brf_deploy.output import write_json
from brf_deploy.task import Decision, Samples
from brf_training import load_recipe, train_network
from brf_training.distributed import CPU, joined_ranks
from brf_training.initial import Uniform
from brf_training.train import Conduct
from brf_training.trainer import Trainer


@dataclass(frozen=True)
class Tones:
    """Which of two rhythms is it? Forty steps of one binary input."""

    name: str = "tones"
    description: str = "two rhythms"
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = 1
    classes: int = 2
    decision: Decision = Decision.LAST_STEP

    def load(self, split, data=None):
        rng = np.random.default_rng(split == "test")
        labels = rng.integers(0, 2, 120)
        phase = rng.integers(0, 12, 120)
        time = np.arange(40)[:, None]
        messages = (time + phase) % np.where(labels == 1, 4, 11) < 2
        return Samples(messages[:, :, None].astype(np.int64), labels)


TONES = Tones()


def tones_recipe(layers=(12,), **changes):
    digits = load_recipe("digits")
    initial = {"omega": Uniform(20, 90), "b_offset": Uniform(0.1, 1)}
    base = replace(
        digits,
        task="tones",
        network=replace(digits.network, layers=layers, initial=initial),
        epochs=12,
        batch_size=20,
        learning_rate=2.0,
    )
    return replace(base, **changes)


def train_with_checkpoints(folder):
    """A run of some hundred milliseconds with a checkpoint after every batch; in a process that may be killed."""
    resume = (folder / "checkpoint.safetensors").exists()
    train_network(tones_recipe(), TONES, None, folder, conduct=Conduct(resume, checkpoint_every=0))


def join(rank, size, port):
    """Play torchrun for this process."""
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))


def gradients_of_a_batch(recipe, part, ranks=None):
    """What one batch leaves in the parameters of a network that fires, and its loss."""
    trainer = Trainer(recipe, TONES, TONES.load("train"), ranks)
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            parameter *= 300 if name.endswith("weight") else 1
    loss, _ = trainer._backward(part)
    return {"loss": torch.tensor(loss)} | {name: value.grad for name, value in trainer.model.named_parameters()}


def gradients_in_ranks(rank, size, port, cases, path):
    """`gradients_of_a_batch` of several recipes and batches, in a process of its own."""
    join(rank, size, port)
    with joined_ranks(CPU) as ranks:
        torch.save([gradients_of_a_batch(recipe, part, ranks) for recipe, part in cases], path / f"{rank}.pt")


def train_in_ranks(rank, size, port, recipe, folder):
    """A whole run, in a process of its own."""
    join(rank, size, port)
    with joined_ranks(CPU) as ranks:
        summary = train_network(recipe, TONES, None, folder, conduct=Conduct(ranks=ranks))
        write_json(folder.parent / f"{folder.name}-{rank}.json", vars(summary))
