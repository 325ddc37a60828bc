"""The loop that trains: a model with its optimiser, advanced batch by batch and epoch by epoch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import inf, isfinite, log
from time import monotonic
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput, InvalidNetwork
from brf_deploy.task import Samples, Task, check_steps
from brf_training.budget import BudgetController
from brf_training.build import DTYPES, Trainable, build_model, parameter_groups
from brf_training.cell_loop import SequenceRun
from brf_training.distributed import Ranks
from brf_training.divergence import HOPELESS, first_cause
from brf_training.evaluation import ModelEvaluation, batch_of, evaluate
from brf_training.kernels.events import Events
from brf_training.monitor import EpochMetrics
from brf_training.poles import pole_radii
from brf_training.pruning import prune
from brf_training.recipe import Recipe
from brf_training.selection import pruning_progress

Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class EpochSums:
    """What the batches of an epoch have come to so far."""

    batches: int = 0
    loss: float = 0.0
    gradient_norm: float = 0.0
    largest_norm: float = 0.0
    seconds: float = 0.0

    def add(self, loss: float, norm: float, seconds: float) -> "EpochSums":
        """With one more batch; loss: sum over its samples."""
        return EpochSums(
            self.batches + 1,
            self.loss + loss,
            self.gradient_norm + norm,
            max(self.largest_norm, norm),
            self.seconds + seconds,
        )


def some_samples(samples: Samples, count: int | None, rng: np.random.Generator) -> Samples:
    """So many samples, drawn at random, or all of them."""
    if count is None:
        return samples
    if count > samples.count:
        raise InvalidInput(f"training split: {samples.count} samples, {count} asked for; lower training.samples")
    return samples.take(np.sort(rng.permutation(samples.count)[:count]))


def split_validation(samples: Samples, fraction: float, rng: np.random.Generator) -> tuple[Samples, Samples]:
    """Samples to fit and samples to validate on: as the data set has them, else at random; at least one of each."""
    if samples.count < 2:
        raise InvalidInput(f"training split: {samples.count} samples, at least 2 needed: one to fit, one to validate")
    if samples.validation is not None and 0 < samples.validation.sum() < samples.count:
        return samples.take(np.flatnonzero(~samples.validation)), samples.take(np.flatnonzero(samples.validation))
    order = rng.permutation(samples.count)
    held = max(1, int(fraction * samples.count))
    return samples.take(np.sort(order[held:])), samples.take(np.sort(order[:held]))


class Trainer:
    """A model with its optimiser; on a CPU the same recipe gives the same bits.

    Between two batches `state` is all that the rest of the run depends on, and `restore` puts it back.
    """

    def __init__(self, recipe: Recipe, task: Task, samples: Samples, ranks: Ranks | None = None) -> None:
        self.recipe, self.task, self.ranks = recipe, task, ranks or Ranks()
        rng = np.random.default_rng(recipe.seed)
        samples = some_samples(samples, recipe.samples, rng)
        self.fitted, self.held_out = split_validation(samples, recipe.validation_fraction, rng)
        self.order_state: Mapping[str, Any] = rng.bit_generator.state  # from which this epoch's order is drawn
        torch.manual_seed(recipe.seed)
        check_steps(samples.steps, recipe.objective.skip_steps)
        start = build_model(recipe, task, samples)
        self.model, self.encoding = start.model.to(self.ranks.device), start.encoding
        self.replica = self.ranks.replica(self.model)
        self.optimizer = torch.optim.Adam(parameter_groups(self.model, recipe), recipe.learning_rate)
        decisions = recipe.objective.steps(samples.steps)
        self.controller = None if recipe.budget is None else BudgetController(recipe.budget, decisions)
        self.epoch, self.sums = 0, EpochSums()

    def run_epoch(self, watch: Watch = lambda done, total: None) -> EpochMetrics:
        """One pass over the training samples, or what is left of it, then validation.

        `watch` hears, after each batch, how many of how many are done.
        """
        self._set_learning_rate()
        pruning = self.recipe.pruning
        if pruning is not None and self.sums.batches == 0:
            prune(self.model.network, pruning, pruning_progress(self.epoch, self.recipe.epochs))
        next_order = self._fit(watch)
        start = monotonic()
        validation = self.measure(self.held_out)
        metrics = self._metrics(validation, self.sums.seconds + monotonic() - start)
        self._check_epoch(metrics)
        self.epoch, self.sums, self.order_state = self.epoch + 1, EpochSums(), next_order
        return metrics

    def measure(self, samples: Samples) -> ModelEvaluation:
        """Loss, accuracy and spikes of the model as it is, under this recipe."""
        return self.measure_model(self.model, samples)

    def measure_model(self, model: Trainable, samples: Samples) -> ModelEvaluation:
        """Loss, accuracy and spikes of any model, under this recipe."""
        decision, objective = self.task.decision, self.recipe.objective
        return evaluate(model, samples, self.encoding, decision, objective, dtype=self.dtype, ranks=self.ranks)

    @property
    def dtype(self) -> torch.dtype:
        """Of parameters and inputs."""
        return DTYPES[self.recipe.precision]

    def state(self) -> dict[str, Any]:
        """All that the rest of the run depends on, as a tree that `save_checkpoint` takes."""
        return {
            "epoch": self.epoch,
            "sums": asdict(self.sums),
            "order": self.order_state,
            "torch": torch.get_rng_state(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "budget": None if self.controller is None else self.controller.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a trainer made of the same recipe and samples."""
        self.epoch, self.sums = state["epoch"], EpochSums(**state["sums"])
        self.order_state = state["order"]
        torch.set_rng_state(state["torch"])
        _adopt_buffers(self.model, state["model"])
        self.model.load_state_dict(state["model"])
        optimizer = state["optimizer"]
        steps = {int(index): values for index, values in optimizer["state"].items()}  # JSON made texts of the numbers
        self.optimizer.load_state_dict({**optimizer, "state": steps})
        if self.controller is not None:
            self.controller.load_state_dict(state["budget"])

    def _fit(self, watch: Watch) -> Mapping[str, Any]:
        """The batches of this epoch that are left; the random state from which the next epoch's order is drawn."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self.order_state
        order = rng.permutation(self.fitted.count)
        size = self.recipe.batch_size
        total = -(-self.fitted.count // size)
        for index in range(self.sums.batches, total):
            start = monotonic()
            part = order[index * size : (index + 1) * size]
            loss, norm = self._step(part)
            self.sums = self.sums.add(loss * len(part), norm, monotonic() - start)
            watch(index + 1, total)
        return rng.bit_generator.state

    def _step(self, part: Ints) -> tuple[float, float]:
        """Fit one batch; its mean loss and gradient norm."""
        self.optimizer.zero_grad()
        loss, run = self._backward(part)
        if not isfinite(loss):
            self._fail("training loss", loss, run)
        parameters = list(self.model.parameters())
        norm = float(torch.nn.utils.clip_grad_norm_(parameters, self.recipe.clip_norm or inf))
        if not isfinite(norm):
            self._fail("gradient norm", norm, run)
        self.optimizer.step()
        self.model.project()
        if self.controller is not None:
            self.controller.update()
        return loss, norm

    def _backward(self, part: Ints) -> tuple[float, SequenceRun]:
        """Gradients of the batch's mean loss, over all processes, into the parameters; that loss, and the last run.

        Where backpropagation is truncated, each window goes on from the last one's states, without their past, and
        the windows' gradients add up to one step of the optimiser.
        """
        own = self.ranks.share(part)
        inputs, labels = batch_of(self.fitted.take(own), self.encoding, self.dtype, self.ranks.device)
        weight, loss, carry = self.ranks.weight(len(own), len(part)), 0.0, None
        for first, window in _windows(inputs, self.recipe.truncate_steps):
            steps, last = len(window), first + len(window) == len(inputs)
            objective = self.recipe.objective.within(first, steps, len(inputs))
            with torch.set_grad_enabled(objective is not None), self.ranks.summing(self.replica, last):
                run: SequenceRun = self.replica(window, carry=carry)
                if objective is not None:
                    wanted = labels[first : first + steps] if labels.ndim == 2 else labels
                    mean = objective(run.readout, wanted) if len(own) else run.readout.sum() * 0
                    loss += mean.item() * weight / self.ranks.size
                    (mean * weight + self._penalty(run, len(own), len(part))).backward()  # type: ignore[no-untyped-call]
            carry = run.carry.detach()
        return self.ranks.total([loss])[0], run

    def _penalty(self, run: SequenceRun, samples: int, total: int) -> Tensor | float:
        if self.controller is None:
            return 0.0
        whole = self.ranks.with_all_counts(run, samples, total)
        return self.controller.penalty(whole, self.model.network) * self.ranks.size

    def _set_learning_rate(self) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate * group["share"]

    @property
    def learning_rate(self) -> float:
        """Of this epoch, for weights."""
        left = 1 - self.epoch / self.recipe.epochs if self.recipe.schedule == "linear" else 1.0
        return self.recipe.learning_rate * left

    def _metrics(self, validation: ModelEvaluation, seconds: float) -> EpochMetrics:
        layers = self.model.network.chain
        radii = {layer.name: float(pole_radii(layer).max()) for layer in layers}
        return EpochMetrics(
            epoch=self.epoch + 1,
            loss=self.sums.loss / self.fitted.count,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            spikes_per_sample=validation.spikes_per_sample,
            layer_spikes=dict(zip(radii, validation.layer_spikes, strict=True)),
            pole_radius=radii,
            boundary_distance={name: 1 - radius for name, radius in radii.items()},
            gradient_norm=self.sums.gradient_norm / self.sums.batches,
            largest_gradient_norm=self.sums.largest_norm,
            learning_rate=self.learning_rate,
            spending=self._spending(validation),
            budget={} if self.controller is None else self.controller.figures(),
            seconds=seconds,
        )

    def _spending(self, validation: ModelEvaluation) -> float | None:
        budget = self.recipe.budget
        return None if budget is None else validation.spending(budget.kind, self.model.network)

    def _check_epoch(self, metrics: EpochMetrics) -> None:
        """Refuse to go on with a run that has diverged."""
        if not isfinite(metrics.validation_loss):
            self._fail("validation loss", metrics.validation_loss)
        guessing = log(self.task.classes) * self.recipe.objective.steps(self.fitted.steps)
        if self.task.classes > 1 and metrics.loss > HOPELESS * guessing:
            self._fail(f"mean training loss, {metrics.loss / guessing:.0f} times that of guessing,", metrics.loss)

    def _fail(self, what: str, value: float, run: SequenceRun | None = None) -> NoReturn:
        recipe = self.recipe
        clip = "set clip_norm" if recipe.clip_norm is None else f"lower clip_norm ({recipe.clip_norm:g})"
        raise InvalidNetwork(
            f"training on '{self.task.name}': the {what} is {value:.4g} in epoch {self.epoch + 1}, batch "
            f"{self.sums.batches + 1}: {first_cause(self.model.network, run)}. Lower learning_rate "
            f"({recipe.learning_rate:g}) or {clip}"
            + (". The best model of the earlier epochs is kept" if self.epoch else "")
        )


def _windows(inputs: Tensor | Events, steps: int | None) -> Iterator[tuple[int, Tensor | Events]]:
    """A sequence in windows of `steps`, each with its first step; in one where steps is None."""
    size = steps or len(inputs)
    for first in range(0, len(inputs), size):
        yield first, inputs[first : first + size]


def _adopt_buffers(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give the model the buffers that the state has and it has not yet: masks, which pruning makes."""
    for name in state.keys() - model.state_dict().keys():
        owner, _, buffer = name.rpartition(".")
        setattr(model.get_submodule(owner), buffer, state[name].clone())
