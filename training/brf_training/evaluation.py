"""Measuring a model on a task's samples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Floats, Ints
from brf_deploy.encoding import Encoding
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Decision, Samples, correct
from brf_training.budget import Kind, fan_out
from brf_training.build import Trainable
from brf_training.distributed import Ranks
from brf_training.extract import array_of, tensor_of
from brf_training.kernels.events import Events
from brf_training.model import RecurrentNetwork
from brf_training.objective import Objective

BATCH = 256
REALS: dict[torch.dtype, type[np.floating]] = {torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """Mean loss, share of right predictions, and spikes a sample of each neuron, (neurons,) a layer."""

    loss: float
    accuracy: float
    neuron_spikes: tuple[Floats, ...]

    @property
    def layer_spikes(self) -> tuple[float, ...]:
        """Spikes a sample of each layer."""
        return tuple(float(layer.sum()) for layer in self.neuron_spikes)

    @property
    def spikes_per_sample(self) -> float:
        """Spikes a sample of all layers."""
        return sum(self.layer_spikes)

    def spending(self, kind: Kind, network: RecurrentNetwork) -> float:
        """What a sample cost, as a `Budget` of that kind counts it."""
        if kind == "spikes":
            return self.spikes_per_sample
        pairs = zip(self.neuron_spikes, fan_out(network), strict=True)
        return sum(float(spikes @ array_of(fan)) for spikes, fan in pairs)


def batch_of(
    samples: Samples, encoding: Encoding, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor | Events, Tensor]:
    """Real inputs (time, batch, inputs) and labels; packed messages become events, which is faster on a CPU."""
    labels = tensor_of(samples.labels).to(device)
    if isinstance(samples.stored, PackedBits) and encoding.permutation is None and device.type == "cpu":
        return Events.of_bits(samples.stored, 1 / encoding.full_scale, dtype), labels
    return tensor_of(encoding.as_real(encoding.present(samples.messages), REALS[dtype])).to(device), labels


def shares(samples: Samples, ranks: Ranks, size: int) -> Iterator[Samples]:
    """This process's part of the samples, `size` at a time."""
    own: Ints = ranks.share(np.arange(samples.count))
    for start in range(0, len(own), size):
        yield samples.take(own[start : start + size])


@torch.no_grad()
def evaluate(
    model: Trainable,
    samples: Samples,
    encoding: Encoding,
    decision: Decision,
    objective: Objective,
    *,
    batch: int = BATCH,
    dtype: torch.dtype = torch.float32,
    ranks: Ranks | None = None,
) -> ModelEvaluation:
    """Loss, accuracy and spikes of a model; accuracy is over samples, or over steps where each step is labelled."""
    ranks = ranks or Ranks()
    widths = [len(layer.input_weight) for layer in model.network.chain]
    loss, right, predictions, spikes = 0.0, 0, 0, np.zeros(sum(widths))
    for part in shares(samples, ranks, batch):
        inputs, labels = batch_of(part, encoding, dtype, ranks.device)
        run = model.forward(inputs)
        loss += float(objective(run.readout, labels)) * part.count
        found = correct(array_of(run.readout), part.labels, decision, objective.skip_steps)
        right, predictions = right + int(found.sum()), predictions + found.size
        spikes += np.concatenate([array_of(counts).sum(axis=0, dtype=np.float64) for counts in run.spike_counts])
    loss, right_sum, total, *spike_sums = ranks.total([loss, right, predictions, *spikes.tolist()])
    per_neuron = np.split(np.array(spike_sums) / samples.count, np.cumsum(widths)[:-1])
    return ModelEvaluation(loss / samples.count, right_sum / total, tuple(per_neuron))
