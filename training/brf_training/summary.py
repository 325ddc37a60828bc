"""What a run came to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Floats
from brf_deploy.backend import load_backend
from brf_deploy.evaluation import evaluate_integer
from brf_deploy.float_file import load_float_network
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.network_file import load_network
from brf_deploy.task import Samples
from brf_training.budget import Budget
from brf_training.extract import from_float_network
from brf_training.monitor import EpochMetrics
from brf_training.run_folder import RunFolder
from brf_training.trainer import Trainer

Weights = npt.NDArray[Any]


@dataclass(frozen=True)
class IntegerResult:
    """Words of the integer network that was trained, what ran it, and what its float master reaches by itself."""

    weight_bits: int
    coefficient_bits: int
    state_bits: int
    backend: str
    master_test_accuracy: float


@dataclass(frozen=True)
class BudgetResult:
    """kind: of what, how much a sample was allowed, and what it costs; held: on the test samples."""

    kind: str
    limit: float
    validation_spending: float | None
    test_spending: float
    held: bool


@dataclass(frozen=True)
class Summary:
    """What a run came to, as ``summary.json`` holds it; accuracies in 0..1, the test split decides nothing.

    epochs: planned. stopped: "finished", "early stop" or "time limit". Test figures are those of what was trained, at
    its best epoch: of the integer network where `integer` is there, else of the float model. synapses_kept: its share
    of weights that are not 0, where they were pruned.
    """

    task: str
    neuron: str
    parameters: int
    seed: int
    epochs: int
    epochs_run: int
    stopped: str
    best_epoch: int
    validation_accuracy: float
    test_accuracy: float
    test_spikes_per_sample: float
    test_layer_spikes: dict[str, float]
    seconds: float
    integer: IntegerResult | None = None
    budget: BudgetResult | None = None
    synapses_kept: float | None = None


def summarize_run(
    trainer: Trainer, best: EpochMetrics, test: Samples, folder: RunFolder, *, stopped: str, seconds: float
) -> Summary:
    """Measure the best epoch's files on the test samples."""
    recipe = trainer.recipe
    tested, integer = _measure_float(trainer, test, folder), None
    if recipe.quantization is not None:
        tested, integer = _measure_integer(trainer, test, folder, master=tested)
    layers = trainer.model.network.chain
    return Summary(
        task=trainer.task.name,
        neuron=layers[0].neuron.kind,
        parameters=sum(parameter.numel() for parameter in trainer.model.parameters()),
        seed=recipe.seed,
        epochs=recipe.epochs,
        epochs_run=trainer.epoch,
        stopped=stopped,
        best_epoch=best.epoch,
        validation_accuracy=best.validation_accuracy,
        test_accuracy=tested.accuracy,
        test_spikes_per_sample=tested.spending("spikes"),
        test_layer_spikes={
            layer.name: float(spikes.sum()) for layer, spikes in zip(layers, tested.spikes, strict=True)
        },
        seconds=seconds,
        integer=integer,
        budget=None if recipe.budget is None else _budget(recipe.budget, best, tested),
        synapses_kept=None if recipe.pruning is None else tested.share_kept,
    )


@dataclass(frozen=True, eq=False)
class Tested:
    """A network on the test samples: accuracy, and spikes a sample of each neuron, (neurons,) a layer.

    inputs, recurrent: weights (targets, sources) of each layer, those of the readout last among the inputs.
    """

    accuracy: float
    spikes: tuple[Floats, ...]
    inputs: tuple[Weights, ...]
    recurrent: tuple[Weights | None, ...]

    def spending(self, kind: str) -> float:
        """What a sample cost, as a `Budget` of that kind counts it."""
        if kind == "spikes":
            return sum(float(layer.sum()) for layer in self.spikes)
        total = 0.0
        for spikes, above, loop in zip(self.spikes, self.inputs[1:], self.recurrent, strict=True):
            met = sum(np.count_nonzero(weights, axis=0) for weights in (above, loop) if weights is not None)
            total += float(spikes @ met)
        return total

    @property
    def share_kept(self) -> float:
        """Share of weights that are not 0."""
        weights = [matrix for matrix in (*self.inputs, *self.recurrent) if matrix is not None]
        return sum(np.count_nonzero(matrix) for matrix in weights) / sum(matrix.size for matrix in weights)


def _measure_float(trainer: Trainer, test: Samples, folder: RunFolder) -> Tested:
    network = load_float_network(folder.model)
    found = trainer.measure_model(from_float_network(network).to(trainer.ranks.device), test)
    return Tested(found.accuracy, found.neuron_spikes, *_float_weights(network))


def _float_weights(network: FloatNetwork) -> tuple[tuple[Weights, ...], tuple[Weights | None, ...]]:
    inputs = (*(layer.input_weight for layer in network.layers), network.readout.weight)
    return inputs, tuple(layer.recurrent_weight for layer in network.layers)


def _measure_integer(
    trainer: Trainer, test: Samples, folder: RunFolder, *, master: Tested
) -> tuple[Tested, IntegerResult]:
    config, backend = trainer.recipe.quantization, load_backend(None)
    assert config is not None
    network = load_network(folder.network)
    found = evaluate_integer(network, trainer.task, test, backend)
    spikes = tuple(layer.sum(axis=0) / found.samples for layer in found.spikes)
    return Tested(found.accuracy, spikes, *_integer_weights(network)), IntegerResult(
        config.weight_bits, config.coefficient_bits, config.state_bits, backend.name, master.accuracy
    )


def _integer_weights(network: IntegerNetwork) -> tuple[tuple[Weights, ...], tuple[Weights | None, ...]]:
    inputs = (*(layer.input.mantissa for layer in network.layers), network.readout.weight.mantissa)
    return inputs, tuple(None if layer.recurrent is None else layer.recurrent.mantissa for layer in network.layers)


def _budget(budget: Budget, best: EpochMetrics, tested: Tested) -> BudgetResult:
    spent = tested.spending(budget.kind)
    return BudgetResult(budget.kind, budget.limit, best.spending, spent, spent <= budget.limit)
