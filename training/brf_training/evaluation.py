"""Measuring a model on a task's samples."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.evaluation import Evaluation
from brf_deploy.task import Decision, Samples, correct
from brf_training.extract import array_of, tensor_of
from brf_training.model import RecurrentNetwork
from brf_training.objective import Objective

BATCH = 256


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelEvaluation(Evaluation):
    """The ground's evaluation with the mean loss."""

    loss: float

    @property
    def spikes_per_sample(self) -> float:
        """Spikes of all layers, mean over samples."""
        return self.total_spikes / self.samples


def batches(
    samples: Samples, encoding: Encoding, size: int, order: Ints | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Real float32 inputs (time, batch, inputs) and labels, `size` samples at a time, in the given order."""
    order = np.arange(samples.count) if order is None else order
    for start in range(0, len(order), size):
        part = samples.take(order[start : start + size])
        yield tensor_of(encoding.as_real(encoding.present(part.messages), np.float32)), tensor_of(part.labels)


@torch.no_grad()
def evaluate(
    model: RecurrentNetwork,
    samples: Samples,
    encoding: Encoding,
    decision: Decision,
    objective: Objective,
    batch: int = BATCH,
) -> ModelEvaluation:
    """Loss, accuracy and spikes of a model; accuracy is over samples, or over steps where each step is labelled."""
    loss, right, counts = 0.0, [], []
    for inputs, labels in batches(samples, encoding, batch):
        run = model.forward(inputs)
        loss += float(objective(run.readout, labels)) * inputs.shape[1]
        right.append(correct(array_of(run.readout), array_of(labels), decision, objective.skip_steps))
        counts.append([array_of(layer).astype(np.int64) for layer in run.spike_counts])
    spikes = tuple(np.concatenate(layer) for layer in zip(*counts, strict=True))
    return ModelEvaluation(np.concatenate(right, axis=-1), spikes, loss=loss / samples.count)
