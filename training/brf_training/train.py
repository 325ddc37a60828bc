"""Training: a recipe and a task become a float network on disk."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from time import monotonic

import numpy as np
import torch

from brf_deploy.errors import InvalidInput, InvalidNetwork
from brf_deploy.float_file import load_float_network, save_float_network
from brf_deploy.output import write_json
from brf_deploy.task import Samples, Task
from brf_training.evaluation import ModelEvaluation, batches, evaluate
from brf_training.extract import from_float_network, to_float_network
from brf_training.kernels.native import one_torch_thread
from brf_training.model import LeakyReadout, RecurrentLayer, RecurrentNetwork
from brf_training.monitor import EpochMetrics, Monitor, metrics_file, tensorboard_events
from brf_training.recipe import Recipe

MODEL, METRICS, SUMMARY, EVENTS = "model.safetensors", "metrics.jsonl", "summary.json", "tensorboard"


@dataclass(frozen=True)
class Summary:
    """What a run came to, as ``summary.json`` holds it; accuracies in 0..1, the test split seen once at the end."""

    task: str
    neuron: str
    parameters: int
    seed: int
    epochs: int
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    test_spikes_per_sample: float
    seconds: float


def build_model(recipe: Recipe, task: Task) -> RecurrentNetwork:
    """A fresh model; the same seed gives the same values."""
    generator = torch.Generator().manual_seed(recipe.seed)
    widths = (task.inputs, *recipe.layers)
    names = ["hidden"] if len(recipe.layers) == 1 else [f"hidden{index}" for index in range(len(recipe.layers))]
    layers = [
        RecurrentLayer.create(recipe.neuron, inputs, count, initial=recipe.initial, name=name, generator=generator)
        for name, inputs, count in zip(names, widths[:-1], widths[1:], strict=True)
    ]
    return RecurrentNetwork(layers, LeakyReadout.create(widths[-1], task.classes, tau=recipe.tau, generator=generator))


def split_validation(samples: Samples, fraction: float, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Samples to fit and samples to validate on, at random; at least one of each."""
    if samples.count < 2:
        raise InvalidInput(f"training split: {samples.count} samples, at least 2 needed: one to fit, one to validate")
    order = rng.permutation(samples.count)
    held = max(1, int(fraction * samples.count))
    return samples.take(np.sort(order[held:])), samples.take(np.sort(order[:held]))


class Trainer:
    """A model with its optimiser, advanced epoch by epoch; on a CPU the same recipe gives the same bits."""

    def __init__(self, recipe: Recipe, task: Task, samples: Samples) -> None:
        self.recipe, self.task = recipe, task
        self.rng = np.random.default_rng(recipe.seed)
        self.fitted, self.held_out = split_validation(samples, recipe.validation_fraction, self.rng)
        self.model = build_model(recipe, task)
        self.optimizer = torch.optim.Adam(self.model.parameters(), recipe.learning_rate)
        self.epoch = 0

    def run_epoch(self) -> EpochMetrics:
        """One pass over the training samples, then validation."""
        start = monotonic()
        rate = self._set_learning_rate()
        self.epoch += 1
        loss = self._fit()
        validation = self.measure(self.model, self.held_out)
        if not isfinite(validation.loss):
            self._fail(validation.loss, "validation")
        return EpochMetrics(
            epoch=self.epoch,
            loss=loss,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            spikes_per_sample=validation.spikes_per_sample,
            learning_rate=rate,
            seconds=monotonic() - start,
        )

    def measure(self, model: RecurrentNetwork, samples: Samples) -> ModelEvaluation:
        """Loss, accuracy and spikes under this recipe."""
        return evaluate(model, samples, self.task.encoding, self.task.decision, self.recipe.objective)

    def save(self, path: Path) -> None:
        """Write the model as it is now; the file appears whole or not at all."""
        notes = {"seed": str(self.recipe.seed), "epoch": f"{self.epoch} of {self.recipe.epochs}"}
        skip_steps = self.recipe.objective.skip_steps
        save_float_network(to_float_network(self.model, self.task.name, self.task.encoding, skip_steps, notes), path)

    def _fit(self) -> float:
        """One pass over the training samples in a new order; the mean loss."""
        total, order = 0.0, self.rng.permutation(self.fitted.count)
        for inputs, labels in batches(self.fitted, self.task.encoding, self.recipe.batch_size, order):
            loss = self.recipe.objective(self.model.forward(inputs).readout, labels)
            if not isfinite(loss.item()):
                self._fail(loss.item(), "training")
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if self.recipe.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
            self.optimizer.step()
            self.model.project()
            total += loss.item() * inputs.shape[1]
        return total / self.fitted.count

    def _set_learning_rate(self) -> float:
        linear = self.recipe.schedule == "linear"
        rate = self.recipe.learning_rate * (1 - self.epoch / self.recipe.epochs if linear else 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _fail(self, loss: float, noun: str) -> None:
        clip = "set clip_norm" if self.recipe.clip_norm is None else f"lower clip_norm ({self.recipe.clip_norm:g})"
        raise InvalidNetwork(
            f"training on '{self.task.name}': the {noun} loss is {loss} in epoch {self.epoch}, so a weight or a state "
            f"overflowed; lower learning_rate ({self.recipe.learning_rate:g}) or {clip}. The best "
            "checkpoint of the earlier epochs is kept"
        )


def train_network(recipe: Recipe, task: Task, data: Path | None, out: Path, watch: Sequence[Monitor] = ()) -> Summary:
    """Train, and keep in `out` the model with the lowest validation loss, the metrics and the summary.

    Raises `MissingData` or `InvalidFile` for the task's data, `InvalidNetwork` where the loss is no longer finite.
    """
    if recipe.task != task.name:
        raise InvalidInput(
            f"recipe: written for task '{recipe.task}', not for '{task.name}'; name another with --recipe"
        )
    start = monotonic()
    trainer, test = Trainer(recipe, task, task.load("train", data)), task.load("test", data)
    out.mkdir(parents=True, exist_ok=True)
    with one_torch_thread(), metrics_file(out / METRICS) as lines, tensorboard_events(out / EVENTS) as events:
        best = _run_epochs(trainer, out / MODEL, (lines, events, *watch))
    result = trainer.measure(from_float_network(load_float_network(out / MODEL)), test)
    summary = Summary(
        task=task.name,
        neuron=recipe.neuron.kind,
        parameters=sum(parameter.numel() for parameter in trainer.model.parameters()),
        seed=recipe.seed,
        epochs=recipe.epochs,
        best_epoch=best.epoch,
        validation_accuracy=best.validation_accuracy,
        test_accuracy=result.accuracy,
        test_spikes_per_sample=result.spikes_per_sample,
        seconds=monotonic() - start,
    )
    write_json(out / SUMMARY, asdict(summary))
    return summary


def _run_epochs(trainer: Trainer, model: Path, monitors: Sequence[Monitor]) -> EpochMetrics:
    """Run every epoch of the recipe, keep the model of the best one, return its metrics."""
    best: EpochMetrics | None = None
    while best is None or trainer.epoch < trainer.recipe.epochs:
        metrics = trainer.run_epoch()
        if best is None or metrics.validation_loss < best.validation_loss:
            trainer.save(model)
            best = metrics
        for monitor in monitors:
            monitor(metrics)
    return best
