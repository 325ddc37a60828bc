"""Recipes: everything that decides a training run, in one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from brf_deploy.errors import BrfError, InvalidFile, InvalidInput
from brf_training.initial import Distribution, Normal, Uniform
from brf_training.neurons import NEURONS
from brf_training.neurons.neuron import AnyNeuron
from brf_training.objective import Loss, Objective
from brf_training.toml_table import Table, read_toml

SHIPPED = files("brf_training") / "recipes"
SCHEDULES = ("linear", "constant")
DISTRIBUTIONS: dict[str, type[Distribution]] = {"uniform": Uniform, "normal": Normal}


@dataclass(frozen=True)
class Recipe:
    """A validated recipe.

    task: its name. seed: of initial values, validation split and batch order. neuron: with its constants (dt, ...).
    initial: where its raw values start. layers: neurons a layer. tau: where the readout's time constants start,
    steps. learning_rate: of Adam; schedule "linear" lowers it to 0 over the epochs. clip_norm: largest gradient norm,
    or None. validation_fraction: of the training samples.
    """

    task: str
    seed: int
    neuron: AnyNeuron
    initial: Mapping[str, Distribution]
    layers: tuple[int, ...]
    tau: Distribution
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    objective: Objective
    clip_norm: float | None
    validation_fraction: float


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with this package."""
    return sorted(entry.name.removesuffix(".toml") for entry in SHIPPED.iterdir() if entry.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """A shipped recipe by name, or a file by path (anything ending in ``.toml``).

    Raises `InvalidInput` for an unknown name, `InvalidFile` naming file and key for anything wrong in it.
    """
    if name.endswith(".toml"):
        return read_recipe(Path(name))
    if name not in shipped_recipes():
        raise InvalidInput(
            f"recipe '{name}': none of that name is shipped, there are {', '.join(shipped_recipes())}; name a TOML "
            "file of your own with --recipe FILE.toml"
        )
    with as_file(SHIPPED / f"{name}.toml") as path:
        return read_recipe(path)


def read_recipe(path: Path) -> Recipe:
    """Read and validate a recipe file; every key that has no default must be there, and no other."""
    file = read_toml(path)
    network, training = file.table("network"), file.table("training")
    neuron, initial = _neuron(file.table("neuron"))
    loss = Loss(training.choice("loss", [loss.value for loss in Loss]))
    recipe = Recipe(
        task=file.text("task"),
        seed=file.integer("seed", 0, 2**63 - 1, default=0),
        neuron=neuron,
        initial=initial,
        layers=network.integers("layers", 1, 2**16),
        tau=_distribution(network, "tau"),
        epochs=training.integer("epochs", 1, 10**6),
        batch_size=training.integer("batch_size", 1, 10**6),
        learning_rate=training.number("learning_rate", 1e-9, 10),
        schedule=training.choice("schedule", SCHEDULES, default="linear"),
        objective=Objective(loss, training.integer("skip_steps", 0, 2**31, default=0)),
        clip_norm=training.number("clip_norm", 1e-9, 1e9) if "clip_norm" in training else None,
        validation_fraction=training.number("validation_fraction", 0.001, 0.9, default=0.1),
    )
    for table in (network, training, file):
        table.close()
    return recipe


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
        raise InvalidFile(
            f"recipe '{table.path}': neuron: constants or initial values out of range: {error}"
        ) from error
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
        return DISTRIBUTIONS[chosen[0]](*numbers)
    except BrfError as error:
        raise InvalidFile(f"recipe '{table.path}': {table.name}{key}: {error}") from error
