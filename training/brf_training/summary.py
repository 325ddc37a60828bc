"""What a run came to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brf_deploy.backend import load_backend
from brf_deploy.evaluation import evaluate_integer
from brf_deploy.float_file import load_float_network
from brf_deploy.network_file import load_network
from brf_deploy.task import Samples
from brf_training.evaluation import ModelEvaluation, evaluate
from brf_training.extract import from_float_network
from brf_training.model import RecurrentNetwork
from brf_training.monitor import EpochMetrics
from brf_training.trainer import Trainer


@dataclass(frozen=True)
class IntegerResult:
    """The integer network that was trained, on the test samples."""

    weight_bits: int
    coefficient_bits: int
    state_bits: int
    backend: str
    test_accuracy: float
    test_spikes_per_sample: float


@dataclass(frozen=True)
class BudgetResult:
    """kind: of what, and how much a sample was allowed and is spent on the test samples."""

    kind: str
    limit: float
    test_spending: float


@dataclass(frozen=True)
class Summary:
    """What a run came to, as ``summary.json`` holds it; accuracies in 0..1, the test split seen once at the end.

    epochs: planned. stopped: "finished", "early stop" or "time limit". Test figures are those of the float model of
    the best epoch; those of the integer network, where one was trained, stand under `integer`. synapses_kept: share of
    weights that are not 0, where they were pruned.
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
    trainer: Trainer, best: EpochMetrics, test: Samples, model: Path, network: Path, **run: Any
) -> Summary:
    """Measure the best epoch's files on the test samples. run: `stopped` and `seconds`."""
    recipe, task = trainer.recipe, trainer.task
    saved = from_float_network(load_float_network(model)).to(trainer.ranks.device)
    result = evaluate(
        saved, test, task.encoding, task.decision, recipe.objective, dtype=trainer.dtype, ranks=trainer.ranks
    )
    layers = trainer.model.network.chain
    return Summary(
        task=task.name,
        neuron=layers[0].neuron.kind,
        parameters=sum(parameter.numel() for parameter in trainer.model.parameters()),
        seed=recipe.seed,
        epochs=recipe.epochs,
        epochs_run=trainer.epoch,
        best_epoch=best.epoch,
        validation_accuracy=best.validation_accuracy,
        test_accuracy=result.accuracy,
        test_spikes_per_sample=result.spikes_per_sample,
        test_layer_spikes={layer.name: count for layer, count in zip(layers, result.layer_spikes, strict=True)},
        integer=None if recipe.quantization is None else _integer(trainer, test, network),
        budget=_budget(trainer, saved, result),
        synapses_kept=None if recipe.pruning is None else _share_kept(saved),
        **run,
    )


def _budget(trainer: Trainer, network: RecurrentNetwork, result: ModelEvaluation) -> BudgetResult | None:
    budget = trainer.recipe.budget
    if budget is None:
        return None
    return BudgetResult(budget.kind, budget.limit, result.spending(budget.kind, network))


def _share_kept(network: RecurrentNetwork) -> float:
    """Share of weights that are not 0."""
    weights = [value for name, value in network.named_parameters() if name.endswith("weight")]
    return sum(int(weight.count_nonzero()) for weight in weights) / sum(weight.numel() for weight in weights)


def _integer(trainer: Trainer, test: Samples, path: Path) -> IntegerResult:
    config, backend = trainer.recipe.quantization, load_backend(None)
    assert config is not None
    result = evaluate_integer(load_network(path), trainer.task, test, backend)
    return IntegerResult(
        weight_bits=config.weight_bits,
        coefficient_bits=config.coefficient_bits,
        state_bits=config.state_bits,
        backend=backend.name,
        test_accuracy=result.accuracy,
        test_spikes_per_sample=result.total_spikes / result.samples,
    )
