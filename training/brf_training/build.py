"""The model that a recipe describes, ready to be trained."""

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from brf_deploy.encoding import Encoding
from brf_deploy.evaluation import check_task
from brf_deploy.float_file import load_float_network
from brf_deploy.quantization import measure_ranges
from brf_deploy.task import Samples, Task
from brf_training.cell_loop import Carry, SequenceRun
from brf_training.extract import from_float_network, to_float_network
from brf_training.kernels.events import Events
from brf_training.model import LeakyReadout, RecurrentLayer, RecurrentNetwork
from brf_training.quantized import QuantizedNetwork
from brf_training.recipe import FreshNetwork, Recipe, TrainedNetwork

DTYPES = {"float32": torch.float32, "float64": torch.float64}
# Training samples that show the state ranges, as `brf-deploy quantize` takes by default.
CALIBRATION_SAMPLES = 128


class Trainable(Protocol):
    """What a trainer asks of a model beyond `nn.Module`; RecurrentNetwork and QuantizedNetwork are ones."""

    @property
    def network(self) -> RecurrentNetwork:
        """The float network that is saved; itself for a `RecurrentNetwork`."""
        ...

    def forward(self, inputs: Tensor | Events, keep_spikes: bool = False, *, carry: Carry | None = None) -> SequenceRun:
        """Run a sequence, from silence or from where another one stopped."""
        ...

    def project(self) -> None:
        """Move parameters back to where the dynamics are defined; called after each optimiser step."""
        ...


class Start(NamedTuple):
    """A model before its training, and how it sees the task's messages."""

    model: RecurrentNetwork | QuantizedNetwork
    encoding: Encoding


def build_model(recipe: Recipe, task: Task, samples: Samples) -> Start:
    """The model at the start of training; the same recipe gives the same values.

    A model that was trained before keeps its own order of steps. samples: of the training split, for calibration.
    Raises `InvalidFile` or `InvalidInput` for a model to go on from that is another or does not fit the task,
    `Unsupported` for a neuron that has no integer form.
    """
    start = recipe.network
    network, encoding = _fresh(recipe, start, task) if isinstance(start, FreshNetwork) else _trained(start, task)
    network.to(DTYPES[recipe.precision])
    if recipe.quantization is None:
        return Start(network, encoding)
    skip_steps = recipe.objective.skip_steps
    source = to_float_network(network, task.name, encoding, skip_steps)
    ranges = measure_ranges(source, samples.take(slice(CALIBRATION_SAMPLES)).messages)
    quantized = QuantizedNetwork.prepare(
        network, recipe.quantization, ranges, task=task.name, encoding=encoding, skip_steps=skip_steps
    )
    return Start(quantized, encoding)


def parameter_groups(model: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """The hidden layers' weights, and all else at its share of the learning rate."""
    named = list(model.named_parameters())
    hidden = [parameter for name, parameter in named if name.endswith("_weight")]
    others = [parameter for name, parameter in named if not name.endswith("_weight")]
    return [{"params": hidden, "share": 1.0}, {"params": others, "share": recipe.slow_share}]


def _fresh(recipe: Recipe, network: FreshNetwork, task: Task) -> tuple[RecurrentNetwork, Encoding]:
    generator = torch.Generator().manual_seed(recipe.seed)
    widths = (task.inputs, *network.layers)
    names = ["hidden"] if len(network.layers) == 1 else [f"hidden{index}" for index in range(len(network.layers))]
    layers = [
        RecurrentLayer.create(network.neuron, inputs, count, initial=network.initial, name=name, generator=generator)
        for name, inputs, count in zip(names, widths[:-1], widths[1:], strict=True)
    ]
    readout = LeakyReadout.create(widths[-1], task.classes, tau=network.tau, generator=generator)
    return RecurrentNetwork(layers, readout), task.encoding


def _trained(start: TrainedNetwork, task: Task) -> tuple[RecurrentNetwork, Encoding]:
    """The model in the file, which must be the one meant and fit the task; what was pruned stays so."""
    start.check()
    source = load_float_network(start.path)
    check_task(source, task)
    return from_float_network(source), source.encoding
