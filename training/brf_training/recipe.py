"""Recipes: everything that decides a training run, in one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from brf_deploy.errors import BrfError, InvalidFile, InvalidInput
from brf_training.initial import Distribution, Normal, Uniform
from brf_training.neurons import NEURONS
from brf_training.neurons.neuron import AnyNeuron
from brf_training.objective import Loss, Objective
from brf_training.toml_table import Table, read_toml

SHIPPED = files("brf_training") / "recipes"
SCHEDULES = ("linear", "constant")


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
    """Read and validate a recipe file."""
    file = read_toml(path)
    network, training = file.table("network"), file.table("training")
    neuron, initial = _neuron(file.table("neuron"))
    objective = Objective(
        Loss(training.choice("loss", [loss.value for loss in Loss])), training.integer("skip_steps", 0, 2**31, 0)
    )
    recipe = Recipe(
        task=file.text("task"),
        seed=file.integer("seed", 0, 2**63 - 1, 0),
        neuron=neuron,
        initial=initial,
        layers=network.integers("layers", 1, 65536),
        tau=_distribution(network, "tau"),
        epochs=training.integer("epochs", 1, 10**6),
        batch_size=training.integer("batch_size", 1, 10**6),
        learning_rate=training.number("learning_rate", 1e-9, 10),
        schedule=training.choice("schedule", SCHEDULES, "linear"),
        objective=objective,
        clip_norm=training.number("clip_norm", 1e-9, 1e9, None) if "clip_norm" in training.keys() else None,
        validation_fraction=training.number("validation_fraction", 0, 0.9, 0.1),
    )
    for table in (network, training, file):
        table.close()
    return recipe


def _neuron(table: Table) -> tuple[AnyNeuron, dict[str, Distribution]]:
    """The ``[neuron]`` table: kind, its constants as numbers, its raw values as distributions."""
    kind = NEURONS[table.choice("kind", list(NEURONS))]
    constants: dict[str, Any] = {
        field.name: table.number(field.name, 1e-9, 1e9, field.default) for field in fields(kind)
    }
    initial = {name: _distribution(table, name) if name in table.keys() else start for name, start in kind.initial.items()}
    table.close()
    try:
        return kind(**constants), initial
    except BrfError as error:
        raise InvalidFile(f"recipe '{table.path}': neuron: {error}") from error


def _distribution(table: Table, key: str) -> Distribution:
    """``{ uniform = [low, high] }`` or ``{ normal = [mean, std] }``."""
    inner = table.table(key)
    kinds = {"uniform": Uniform, "normal": Normal}
    ...
