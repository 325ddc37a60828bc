"""Recipes: everything that decides a training run."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.quantization import QuantizationConfig
from brf_training.budget import Budget
from brf_training.initial import Distribution
from brf_training.neurons.neuron import AnyNeuron
from brf_training.objective import Objective
from brf_training.pruning import Pruning

SCHEDULES = ("linear", "constant")
PRECISIONS = ("float32", "float64")


@dataclass(frozen=True)
class FreshNetwork:
    """A network with values drawn at random.

    neuron: with its constants (dt, ...). initial: where its raw values start. layers: neurons a layer. tau: where the
    readout's time constants start, steps.
    """

    neuron: AnyNeuron
    initial: Mapping[str, Distribution]
    layers: tuple[int, ...]
    tau: Distribution


@dataclass(frozen=True)
class TrainedNetwork:
    """A model (.safetensors) to go on from, and the digest of its bytes, by which it is the same elsewhere."""

    path: Path = field(compare=False)
    sha256: str

    @classmethod
    def at(cls, path: Path) -> Self:
        """The model that lies there now; raises `InvalidFile` where none does."""
        if not path.is_file():
            raise InvalidFile(f"model '{path}': no such file; make one with `brf-deploy train` or `brf-deploy import`")
        return cls(path.resolve(), sha256(path.read_bytes()).hexdigest())

    def check(self) -> None:
        """Refuse a file that is no longer the one meant; raises `InvalidFile`."""
        found = self.at(self.path).sha256
        if found != self.sha256:
            raise InvalidFile(
                f"model '{self.path}': SHA-256 {found[:16]}... found, the recipe says {self.sha256[:16]}...; give the "
                "file that the run started from, or name this one with --from"
            )


@dataclass(frozen=True)
class Recipe:
    """A validated recipe.

    task: its name. description: a line for lists. seed: of initial values, validation split and batch order. network:
    what is trained. learning_rate: of Adam; schedule "linear" lowers it to 0 over the epochs. clip_norm: largest
    gradient norm, or None. validation_fraction: of the training samples, where the data set does not say which.
    samples: how many of those to use, drawn at random, or None for all. slow_share: share of the learning rate that all
    but the hidden layers' weights take. truncate_steps: steps after which backpropagation through time is cut, or None.
    precision: of parameters and states. patience: epochs without a better one after which to stop, or None.
    quantization, budget, pruning: what the network is to fit, or None.
    """

    task: str
    seed: int
    network: FreshNetwork | TrainedNetwork
    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    objective: Objective
    clip_norm: float | None
    validation_fraction: float
    description: str = ""
    samples: int | None = None
    slow_share: float = 1.0
    truncate_steps: int | None = None
    precision: str = "float32"
    patience: int | None = None
    quantization: QuantizationConfig | None = None
    budget: Budget | None = None
    pruning: Pruning | None = None

    def __post_init__(self) -> None:
        if self.quantization is not None and not isinstance(self.network, TrainedNetwork):
            raise InvalidInput(
                f"recipe for '{self.task}': quantization of a network with random values; its state ranges and "
                "exponents are taken from a trained one, name that with --from MODEL.safetensors"
            )
        if self.budget is not None and self.truncate_steps is not None:
            raise InvalidInput(
                f"recipe for '{self.task}': a budget together with truncate_steps = {self.truncate_steps}; a budget "
                "holds for whole samples, leave truncate_steps out"
            )


def differences(old: Any, new: Any, name: str = "") -> Iterator[str]:
    """Where two recipes differ, as ``name: old, new`` a value."""
    if is_dataclass(old) and type(old) is type(new):
        for entry in fields(old):
            inner = f"{name}.{entry.name}" if name else entry.name
            if entry.compare:
                yield from differences(getattr(old, entry.name), getattr(new, entry.name), inner)
    elif old != new:
        yield f"{name}: {old}, {new}"
