"""The three networks that training and inference are timed on: ECG, SHD and S-MNIST at their published shapes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from brf_deploy.task import load_task
from brf_training import (
    BRF,
    LeakyReadout,
    Loss,
    Objective,
    RecurrentLayer,
    RecurrentNetwork,
    from_float_network,
    read_published,
)
from brf_training.initial import Normal, Uniform
from brf_training.kernels.events import Events


@dataclass(frozen=True, eq=False)
class Workload:
    """A network with a batch of inputs (time, batch, inputs) and labels; `fast_inputs` as our kernels take them."""

    name: str
    source: str
    network: RecurrentNetwork
    inputs: Tensor
    fast_inputs: Tensor | Events
    labels: Tensor
    objective: Objective


def ecg(data: Path | None, batch: int = 16) -> Workload:
    """4-36-6, 1,300 steps, a label at every step; real records and trained weights where there is data."""
    objective = Objective(Loss.EVERY_STEP_SUM)
    if data is not None:
        return _published("ecg", "ecg_brf", "train", data, batch, objective)
    inputs, labels = _random_events(1300, batch, 4, 0.08), torch.randint(0, 6, (1300, batch))
    network = firing(4, 36, 6, (3, 5), (0.1, 1), inputs, rate=0.148)
    return Workload("ecg", "synthetic", network, inputs, inputs, labels, objective)


def shd(data: Path | None, batch: int = 32) -> Workload:
    """700-128-20, 250 steps, 7.3 % of the inputs active as in SHD; synthetic, weights scaled to 20 % spike rate."""
    inputs = _random_events(250, batch, 700, 0.073)
    network = firing(700, 128, 20, (5, 10), (2, 3), inputs, rate=0.198)
    objective = Objective(Loss.EVERY_STEP_SUM)
    return Workload("shd", "synthetic", network, inputs, Events.of(inputs), torch.randint(0, 20, (batch,)), objective)


def smnist(data: Path | None, batch: int = 256) -> Workload:
    """1-256-10, 784 steps, last-step loss; real digits and trained weights where there is data."""
    objective = Objective(Loss.LAST_STEP)
    if data is not None:
        return _published("smnist", "smnist_brf", "test", data, batch, objective)
    strokes = _random_events(784, batch, 1, 0.18)
    network = firing(1, 256, 10, (15, 50), (0.1, 1), strokes, rate=0.08)
    return Workload("smnist", "synthetic", network, strokes, strokes, torch.randint(0, 10, (batch,)), objective)


WORKLOADS: dict[str, Callable[[Path | None], Workload]] = {"ecg": ecg, "shd": shd, "smnist": smnist}


def firing(
    inputs: int,
    neurons: int,
    outputs: int,
    omega: tuple[float, float],
    b_offset: tuple[float, float],
    sequence: Tensor,
    rate: float,
) -> RecurrentNetwork:
    """An untrained network whose weights are scaled until it fires as often as a trained one."""
    generator = torch.Generator().manual_seed(0)
    initial = {"omega": Uniform(*omega), "b_offset": Uniform(*b_offset)}
    layer = RecurrentLayer.create(BRF(), inputs, neurons, initial=initial, generator=generator)
    network = RecurrentNetwork([layer], LeakyReadout.create(neurons, outputs, tau=Normal(20, 1), generator=generator))
    weights = [(weight, weight.detach().clone()) for weight in (layer.input_weight, layer.recurrent_weight)]
    low, high = 1.0, 10_000.0
    for _ in range(12):
        gain = (low * high) ** 0.5
        with torch.no_grad():
            for weight, unit in weights:
                weight.copy_(gain * unit)
            found = network(sequence).spike_counts[0].mean() / len(sequence)
        low, high = (gain, high) if found < rate else (low, gain)
    return network


def _random_events(steps: int, batch: int, inputs: int, density: float) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(steps, batch, inputs, generator=generator) < density).float()


def _published(task_name: str, checkpoint: str, split: str, data: Path, batch: int, objective: Objective) -> Workload:
    task = load_task(task_name)
    network = from_float_network(read_published(data / "checkpoints" / f"{checkpoint}.pt", "brf", task))
    samples = task.load(split, data).take(slice(0, batch))
    inputs = torch.from_numpy(task.encoding.as_real(task.encoding.present(samples.messages), np.float32))
    return Workload(task_name, "real", network, inputs, inputs, torch.from_numpy(samples.labels.copy()), objective)
