"""A run of a chain of layers over a sequence: what goes in, what comes out, and the gradients of both."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from brf_training.kernels.events import Events
from brf_training.neurons.leaky_integrator import Integrator
from brf_training.neurons.neuron import AnyDynamics


class LayerTensors(NamedTuple):
    """A layer: effective parameters (P, neurons), weights (neurons, ...), and what it starts from, None for silence.

    first_states (S, batch, neurons), first_spikes (batch, neurons). The same shapes hold their gradients.
    """

    parameters: Tensor
    input_weight: Tensor
    recurrent_weight: Tensor | None
    first_states: Tensor | None
    first_spikes: Tensor | None


class ReadoutTensors(NamedTuple):
    """The readout: decay alpha (outputs), weight (outputs, neurons), and what it starts from (batch, outputs)."""

    alpha: Tensor
    weight: Tensor
    first: Tensor | None


Tensors = TypeVar("Tensors", LayerTensors, ReadoutTensors)


def each(tensors: Tensors, change: Callable[[Tensor], Tensor]) -> Tensors:
    """The same tuple with every tensor changed."""
    changed: list[Any] = [None if tensor is None else change(tensor) for tensor in tensors]
    return type(tensors)(*changed)


class LayerOutcome(NamedTuple):
    """Spikes counted over time (batch, neurons), last states and spikes, and all spikes (time, batch, neurons)."""

    counts: Tensor | None
    last_states: Tensor | None
    last_spikes: Tensor | None
    spikes: Tensor | None


class Outcome(NamedTuple):
    """What a run gives, or the gradients of it that came back, None where there are none."""

    readout: Tensor | None
    layers: tuple[LayerOutcome, ...]


@dataclass(frozen=True, eq=False)
class Kind:
    """A layer's neuron and its constants, as they follow the tensors in the neuron's parameters."""

    neuron: AnyDynamics
    parameters: Any  # the named tuple's class
    constants: tuple[float, ...]

    def unstack(self, stacked: Tensor) -> Any:
        """The neuron's parameters from their stack (P, neurons)."""
        return self.parameters(*stacked.unbind(), *self.constants)


@dataclass(frozen=True, eq=False)
class Chain:
    """Layers, which start from silence, and their readout, as engines take them.

    finite: whether they are known to hold no NaN and no infinity, so that nobody need look again.
    """

    kinds: tuple[Kind, ...]
    layers: tuple[LayerTensors, ...]
    readout: ReadoutTensors | None
    integrators: Integrator
    finite: bool = False

    def frozen(self) -> "Chain":
        """A copy of its tensors, without their past."""
        layers = tuple(each(layer, _frozen) for layer in self.layers)
        readout = None if self.readout is None else each(self.readout, _frozen)
        tensors = [tensor for part in (*layers, *([readout] if readout else [])) for tensor in part]
        finite = all(bool(tensor.isfinite().all()) for tensor in tensors if tensor is not None)
        return Chain(self.kinds, layers, readout, self.integrators, finite)


def _frozen(tensor: Tensor) -> Tensor:
    return tensor.detach().clone(memory_format=torch.contiguous_format)


@dataclass(frozen=True, eq=False)
class Problem:
    """A run. `keep_spikes`: whether all spikes are wanted; else only their counts. integrators: of the readout.

    finite: whether all but the inputs is known to hold no NaN and no infinity.
    """

    inputs: Tensor | Events
    kinds: tuple[Kind, ...]
    layers: tuple[LayerTensors, ...]
    readout: ReadoutTensors | None
    keep_spikes: bool
    integrators: Integrator
    finite: bool = False

    @property
    def exact(self) -> bool:
        """Whether any of it stands for integer arithmetic, which only float64 holds."""
        return self.integrators.exact or any(kind.neuron.exact for kind in self.kinds)

    @property
    def steps(self) -> int:
        """Length of the sequence."""
        return self.inputs.shape[0]

    @property
    def batch(self) -> int:
        """Number of samples."""
        return self.inputs.shape[1]

    @property
    def values(self) -> Tensor:
        """The numbers of the input."""
        return self.inputs.values if isinstance(self.inputs, Events) else self.inputs

    def tensors(self) -> Iterator[Tensor | None]:
        """Every tensor but the input's, in the order in which `unflatten` takes them."""
        for layer in self.layers:
            yield from layer
        if self.readout is not None:
            yield from self.readout


def unflatten(tensors: tuple[Any, ...], layers: int) -> tuple[tuple[LayerTensors, ...], ReadoutTensors | None]:
    """Layers and readout of tensors in the order of `Problem.tensors`."""
    width = len(LayerTensors._fields)
    rest = tensors[layers * width :]
    each = tuple(LayerTensors(*tensors[k * width : (k + 1) * width]) for k in range(layers))
    return each, ReadoutTensors(*rest) if rest else None


class Gradients(NamedTuple):
    """Of the inputs where wanted, and of the problem's tensors in their order, None where there are none."""

    inputs: Tensor | None
    layers: tuple[LayerTensors, ...]
    readout: ReadoutTensors | None

    def tensors(self) -> tuple[Tensor | None, ...]:
        """In the order of `Problem.tensors`."""
        layers = [tensor for layer in self.layers for tensor in layer]
        return (*layers, *(self.readout or ()))


class Engine(Protocol):
    """A way to run a problem forward and backward."""

    name: str

    def obstacle(self, problem: Problem) -> str | None:
        """Why it cannot run this problem, or None."""
        ...

    def forward(self, problem: Problem, keep: bool) -> tuple[Outcome, tuple[Tensor, ...]]:
        """Run it; with `keep`, also return the tape, which `backward` needs."""
        ...

    def backward(
        self, problem: Problem, readout: Tensor | None, tape: tuple[Tensor, ...], upstream: Outcome, inputs: bool
    ) -> Gradients:
        """Gradients from those of the outcome; of the inputs on request. readout: that of the outcome."""
        ...


def zeros(problem: Problem, *shape: int) -> Tensor:
    """Zeros in the problem's dtype on its device."""
    return torch.zeros(shape, dtype=problem.values.dtype, device=problem.values.device)
