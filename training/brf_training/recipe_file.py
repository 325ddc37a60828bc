"""Recipes on disk: one TOML file each; some are shipped."""

import tomllib
from dataclasses import fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from brf_deploy.errors import BrfError, InvalidFile, InvalidInput
from brf_deploy.quantization import QuantizationConfig
from brf_deploy.task import Task
from brf_deploy.toml_table import Table, read_toml
from brf_training.budget import KINDS, Budget
from brf_training.initial import Distribution, Normal, Uniform
from brf_training.neurons import NEURONS
from brf_training.neurons.neuron import AnyNeuron
from brf_training.objective import Loss, Objective
from brf_training.pruning import Pruning
from brf_training.recipe import PRECISIONS, SCHEDULES, FreshNetwork, Recipe, TrainedNetwork

SHIPPED = files("brf_training") / "recipes"
GENERAL = "own"  # the shipped recipe for tasks that have none
DISTRIBUTIONS: dict[str, type[Distribution]] = {"uniform": Uniform, "normal": Normal}
SHORTEST = 1e-18  # steps; below, 1 / tau^2 overflows float32 and the gradient of exp(-1 / tau) is NaN
WORDS = ("weight_bits", "coefficient_bits", "state_bits")


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with this package."""
    return sorted(entry.name.removesuffix(".toml") for entry in SHIPPED.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a file by path (anything ending in ``.toml``).

    Raises `InvalidInput` for an unknown name, `InvalidFile` naming file and key for anything wrong in it.
    """
    if name.endswith(".toml"):
        return _recipe(read_toml(Path(name), "recipe"))
    if name not in shipped_recipes():
        raise InvalidInput(
            f"recipe '{name}': none of that name is shipped, there are {', '.join(shipped_recipes())}; name a TOML "
            "file of your own with --recipe FILE.toml"
        )
    return parse_recipe((SHIPPED / f"{name}.toml").read_text(encoding="utf-8"), name)


def recipe_of_task(task: str) -> Recipe:
    """The shipped recipe of a task's name; for one that has none, the general recipe."""
    return load_recipe(task) if task in shipped_recipes() else replace(load_recipe(GENERAL), task=task)


def for_task(recipe: Recipe, task: Task) -> Recipe:
    """The recipe under the task's name, where it is general or names the same file another way."""
    same_file = Path(recipe.task).suffix and Path(recipe.task).resolve() == Path(task.name)
    return replace(recipe, task=task.name) if recipe.task == GENERAL or same_file else recipe


def parse_recipe(text: str, name: str) -> Recipe:
    """The recipe in a TOML text that is known to be TOML; `name` is for messages."""
    return _recipe(Table(f"recipe '{name}'", "", tomllib.loads(text)))


def recipe_text(recipe: Recipe) -> str:
    """The recipe as TOML; `parse_recipe` gives back an equal one."""
    training = {
        "loss": recipe.objective.loss.value,
        "skip_steps": recipe.objective.skip_steps,
        **{name: getattr(recipe, name) for name in TRAINING_KEYS},
    }
    tables: dict[str, Any] = {
        "task": recipe.task,
        "description": recipe.description,
        "seed": recipe.seed,
        **_network_tables(recipe.network),
        "training": {name: value for name, value in training.items() if value is not None},
    }
    if recipe.patience is not None:
        tables["early_stop"] = {"patience": recipe.patience}
    if recipe.quantization is not None:
        tables["quantization"] = {name: getattr(recipe.quantization, name) for name in WORDS}
    if recipe.budget is not None:
        tables["budget"] = {recipe.budget.kind: recipe.budget.limit}
    if recipe.pruning is not None:
        tables["pruning"] = {name: getattr(recipe.pruning, name) for name in ("keep", "start", "end")}
    return tomli_w.dumps(tables)


TRAINING_KEYS = (
    "epochs", "batch_size", "learning_rate", "schedule", "slow_share", "clip_norm", "validation_fraction", "samples",
    "truncate_steps", "precision",
)  # fmt: skip


def _network_tables(network: FreshNetwork | TrainedNetwork) -> dict[str, Any]:
    if isinstance(network, TrainedNetwork):
        return {"network": {"from": str(network.path), "sha256": network.sha256}}
    constants = {field.name: getattr(network.neuron, field.name) for field in fields(network.neuron)}
    initial = {name: _distribution_table(start) for name, start in network.initial.items()}
    return {
        "neuron": {"kind": network.neuron.kind, **constants, **initial},
        "network": {"layers": list(network.layers), "tau": _distribution_table(network.tau)},
    }


def _distribution_table(distribution: Distribution) -> dict[str, list[float]]:
    name = next(name for name, kind in DISTRIBUTIONS.items() if isinstance(distribution, kind))
    return {name: [getattr(distribution, field.name) for field in fields(distribution)]}


def _recipe(file: Table) -> Recipe:
    """Every key that has no default must be there, and no other."""
    training = file.table("training")
    loss = Loss(training.choice("loss", [loss.value for loss in Loss]))
    values = {
        "network": _network(file),
        "task": file.text("task"),
        "description": file.text("description", ""),
        "seed": file.integer("seed", 0, 2**63 - 1, default=0),
        "epochs": training.integer("epochs", 1, 10**6),
        "batch_size": training.integer("batch_size", 1, 10**6),
        "learning_rate": training.number("learning_rate", 1e-9, 10),
        "schedule": training.choice("schedule", SCHEDULES, default="linear"),
        "slow_share": training.number("slow_share", 0, 1e3, default=1.0),
        "objective": Objective(loss, training.integer("skip_steps", 0, 2**31, default=0)),
        "clip_norm": training.number("clip_norm", 1e-9, 1e9) if "clip_norm" in training else None,
        "validation_fraction": training.number("validation_fraction", 0.001, 0.9, default=0.1),
        "samples": training.integer("samples", 2, 2**31) if "samples" in training else None,
        "truncate_steps": training.integer("truncate_steps", 1, 2**31) if "truncate_steps" in training else None,
        "precision": _precision(training),
        "patience": _patience(file),
        "quantization": _quantization(file),
        "budget": _budget(file),
        "pruning": _pruning(file),
    }
    for table in (training, file):
        table.close()
    try:
        return Recipe(**values)  # type: ignore[arg-type]
    except InvalidInput as error:
        raise InvalidFile(f"{file.file}: {error}") from error


def _network(file: Table) -> FreshNetwork | TrainedNetwork:
    table = file.table("network")
    if "from" in table:
        trained = TrainedNetwork(Path(table.text("from")), table.text("sha256"))
        table.close()
        return trained
    neuron, initial = _neuron(file.table("neuron"))
    fresh = FreshNetwork(neuron, initial, table.integers("layers", 1, 2**16), _distribution(table, "tau"))
    table.close()
    return fresh


def _precision(training: Table) -> str:
    """The reason why there is no mixed precision goes with its refusal (docs/decisions/0018)."""
    found = training.text("precision", "float32")
    if found not in PRECISIONS:
        training.fail(
            "precision", found, f"one of {', '.join(PRECISIONS)}: with weights or states of fewer bits a neuron near "
            "threshold fires at other steps, so that the network trained is not the one that is stored and deployed",
        )  # fmt: skip
    return found


def _patience(file: Table) -> int | None:
    if "early_stop" not in file:
        return None
    table = file.table("early_stop")
    patience = table.integer("patience", 1, 10**6)
    table.close()
    return patience


def _quantization(file: Table) -> QuantizationConfig | None:
    if "quantization" not in file:
        return None
    table, usual = file.table("quantization"), QuantizationConfig()
    weight, coefficient, state = (table.integer(name, 1, 64, default=getattr(usual, name)) for name in WORDS)
    table.close()
    try:
        return QuantizationConfig(weight, coefficient, state)
    except InvalidInput as error:
        raise InvalidFile(f"{file.file}: quantization: {error}") from error


def _budget(file: Table) -> Budget | None:
    if "budget" not in file:
        return None
    table = file.table("budget")
    limits = {kind: table.number(kind, 0, 1e15) for kind in KINDS if kind in table}
    if len(limits) != 1:
        table.fail("spikes", limits, "either spikes = N or synops = N")
    table.close()
    ((kind, limit),) = limits.items()
    try:
        return Budget(kind, limit)
    except InvalidInput as error:
        raise InvalidFile(f"{file.file}: budget: {error}") from error


def _pruning(file: Table) -> Pruning | None:
    if "pruning" not in file:
        return None
    table = file.table("pruning")
    keep = table.number("keep", 0, 1)
    schedule = {name: table.number(name, 0, 1) for name in ("start", "end") if name in table}
    table.close()
    try:
        return Pruning(keep, **schedule)
    except InvalidInput as error:
        raise InvalidFile(f"{file.file}: pruning: {error}") from error


def _neuron(table: Table) -> tuple[AnyNeuron, dict[str, Distribution]]:
    """The table ``neuron``: its kind, its constants as numbers, its raw values as distributions."""
    kind = NEURONS[table.choice("kind", list(NEURONS))]
    constants = {field.name: table.number(field.name, 0, 1e9, default=field.default) for field in fields(kind)}
    initial = {name: _distribution(table, name) if name in table else start for name, start in kind.initial.items()}
    table.close()
    try:
        neuron = kind(**constants)
        neuron.to_ground({name: np.array(start.extremes) for name, start in initial.items()})
    except BrfError as error:
        raise InvalidFile(f"{table.file}: neuron: constants or initial values out of range: {error}") from error
    return neuron, initial


def _distribution(table: Table, key: str) -> Distribution:
    """``{ uniform = [low, high] }`` or ``{ normal = [mean, std] }``."""
    entry = table.table(key)
    chosen = [name for name in DISTRIBUTIONS if name in entry]
    if len(chosen) != 1:
        table.fail(key, entry.left, "{ uniform = [low, high] } or { normal = [mean, std] }")
    numbers = entry.pair(chosen[0])
    entry.close()
    try:
        start = DISTRIBUTIONS[chosen[0]](*numbers)
    except BrfError as error:
        raise InvalidFile(f"{table.file}: {table.name}{key}: {error}") from error
    if key.startswith("tau") and max(map(abs, start.extremes)) < SHORTEST:
        table.fail(
            key, {chosen[0]: list(numbers)}, "time constants other than 0, in steps: at 0 the decay exp(-1 / tau) has "
            "no gradient, and training would stop at its first batch",
        )  # fmt: skip
    return start
