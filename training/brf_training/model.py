"""Layers, readout and network as torch modules: they hold parameters, `brf_training.cell_loop` runs them."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from brf_deploy.errors import InvalidInput, InvalidNetwork
from brf_training.cell_loop import (
    Carry,
    Cell,
    Integrators,
    SequenceRun,
    chain_of,
    run_chain,
    run_layer,
    run_readout,
)
from brf_training.frozen import FrozenNetwork
from brf_training.initial import Distribution, xavier_uniform
from brf_training.kernels.events import Events
from brf_training.kernels.problem import Chain
from brf_training.neurons.leaky_integrator import INITIAL_TAU
from brf_training.neurons.neuron import AnyNeuron, Neuron


class RecurrentLayer(nn.Module):
    """Spiking neurons with input and recurrent weights, usable in any torch model.

    Parameters are the neuron's raw values (neurons,), e.g. ``omega`` and ``b_offset``, ``input_weight`` (neurons,
    inputs) and ``recurrent_weight`` (neurons, neurons) or None. Make one with `create`, or from a cell of tensors.
    ``input_mask`` and ``recurrent_mask`` tell which weights may be other than 0; None where all may.
    `RecurrentNetwork.project` holds them.
    """

    input_mask: Tensor | None
    recurrent_mask: Tensor | None

    def __init__(self, cell: Cell, name: str = "hidden") -> None:
        super().__init__()
        if not isinstance(cell.neuron, Neuron):
            raise InvalidInput(
                f"layer '{name}': {cell.neuron.kind} neurons are not trained themselves; give their float kind"
            )
        self.neuron: AnyNeuron = cell.neuron
        self.name = name
        count = cell.input_weight.shape[0]
        for parameter in cell.neuron.initial:
            _check_shape(f"layer '{name}' {parameter}", cell.raw[parameter], (count,))
            self.register_parameter(parameter, nn.Parameter(cell.raw[parameter].detach().clone()))
        self.input_weight = nn.Parameter(cell.input_weight.detach().clone())
        self.recurrent_weight: nn.Parameter | None = None
        if cell.recurrent_weight is not None:
            _check_shape(f"layer '{name}' recurrent_weight", cell.recurrent_weight, (count, count))
            self.recurrent_weight = nn.Parameter(cell.recurrent_weight.detach().clone())
        self.register_buffer("input_mask", None)
        self.register_buffer("recurrent_mask", None)

    @classmethod
    def create(
        cls,
        neuron: AnyNeuron,
        inputs: int,
        neurons: int,
        *,
        recurrent: bool = True,
        initial: Mapping[str, Distribution] | None = None,
        name: str = "hidden",
        generator: torch.Generator | None = None,
    ) -> Self:
        """A layer with fresh values: weights Xavier uniform over inputs and recurrence together, as published.

        `initial` replaces the neuron's own distributions by name; raises `InvalidInput` for a name it has not.
        """
        chosen = {**neuron.initial, **(initial or {})}
        if unknown := sorted(chosen.keys() - neuron.initial.keys()):
            raise InvalidInput(
                f"layer '{name}': {neuron.kind} neurons have no parameter '{unknown[0]}'; "
                f"they have {', '.join(neuron.initial)}"
            )
        raw = {parameter: chosen[parameter].sample(neurons, generator) for parameter in neuron.initial}
        weight = xavier_uniform(neurons, inputs + neurons if recurrent else inputs, generator)
        return cls(Cell(neuron, raw, weight[:, :inputs], weight[:, inputs:] if recurrent else None), name)

    @property
    def cell(self) -> Cell:
        """The layer's tensors, as the cell loop takes them."""
        return Cell(self.neuron, self.raw, self.input_weight, self.recurrent_weight)

    @property
    def raw(self) -> dict[str, Tensor]:
        """The neuron's trainable values by name; negative ones stand for their absolute value."""
        return {name: self.get_parameter(name) for name in self.neuron.initial}

    def forward(self, inputs: Tensor) -> Tensor:
        """Spikes (time, batch, neurons) for inputs (time, batch, inputs), from silence."""
        return run_layer(self.cell, inputs)

    def hold_zeros(self) -> None:
        """From now on, weights that are exactly 0 stay so."""
        self.input_mask = _where_not_zero(self.input_weight)
        if self.recurrent_weight is not None:
            self.recurrent_mask = _where_not_zero(self.recurrent_weight)

    @torch.no_grad()
    def project(self) -> None:
        """Move parameters back to where the dynamics are defined, and weights that a mask leaves out to 0."""
        self.neuron.project(self.raw)
        _hold(self.input_weight, self.input_mask)
        if self.recurrent_weight is not None:
            _hold(self.recurrent_weight, self.recurrent_mask)


class LeakyReadout(nn.Module):
    """Leaky integrators: raw ``tau`` (outputs), in steps, ``weight`` (outputs, neurons) and its ``mask``, or None."""

    mask: Tensor | None

    def __init__(self, integrators: Integrators) -> None:
        super().__init__()
        _check_shape("readout tau", integrators.tau, integrators.weight.shape[:1])
        self.tau = nn.Parameter(integrators.tau.detach().clone())
        self.weight = nn.Parameter(integrators.weight.detach().clone())
        self.register_buffer("mask", None)

    @classmethod
    def create(
        cls,
        neurons: int,
        outputs: int,
        *,
        tau: Distribution = INITIAL_TAU,
        generator: torch.Generator | None = None,
    ) -> Self:
        """A readout with fresh values: weights Xavier uniform."""
        return cls(Integrators(tau.sample(outputs, generator), xavier_uniform(outputs, neurons, generator)))

    @property
    def integrators(self) -> Integrators:
        """The readout's tensors, as the cell loop takes them."""
        return Integrators(self.tau, self.weight)

    def forward(self, spikes: Tensor) -> Tensor:
        """Readout (time, batch, outputs) of spikes (time, batch, neurons)."""
        return run_readout(self.integrators, spikes)

    def hold_zeros(self) -> None:
        """From now on, weights that are exactly 0 stay so."""
        self.mask = _where_not_zero(self.weight)

    @torch.no_grad()
    def project(self) -> None:
        """Move weights that the mask leaves out to 0."""
        _hold(self.weight, self.mask)


class RecurrentNetwork(nn.Module):
    """A chain of spiking layers and a readout; raises `InvalidNetwork` where widths do not fit or names repeat."""

    def __init__(self, layers: Iterable[RecurrentLayer], readout: LeakyReadout) -> None:
        super().__init__()
        chain = list(layers)
        if not chain:
            raise InvalidNetwork("network: no layer found, at least one needed")
        names = [layer.name for layer in chain]
        if len(set(names)) < len(names):
            raise InvalidNetwork(
                f"network: layers are named {', '.join(names)}; each needs a name of its own, as in "
                "RecurrentLayer.create(..., name='hidden1')"
            )
        for below, layer in pairwise(chain):
            _check_sources(f"layer '{layer.name}' input_weight", layer.input_weight, below)
        _check_sources("readout weight", readout.weight, chain[-1])
        self.layers = nn.ModuleList(chain)
        self.readout = readout

    @property
    def chain(self) -> list[RecurrentLayer]:
        """The layers, first to last, under their own type."""
        return [layer for layer in self.layers if isinstance(layer, RecurrentLayer)]

    @property
    def network(self) -> Self:
        """Itself: the float network that a trainer saves and looks into."""
        return self

    def forward(self, inputs: Tensor | Events, keep_spikes: bool = False, *, carry: Carry | None = None) -> SequenceRun:
        """Run real inputs (time, batch, inputs) from silence or from `carry`; spikes are returned on request."""
        return run_chain(self._effective(), inputs, keep_spikes, carry=carry)

    def freeze(self) -> FrozenNetwork:
        """A copy of it as it is now, for inference alone: faster where samples come one by one."""
        return FrozenNetwork(self._effective())

    def _effective(self) -> Chain:
        return chain_of([layer.cell for layer in self.chain], self.readout.integrators)

    def hold_zeros(self) -> None:
        """From now on, weights that are exactly 0 stay so: a network that was pruned stays pruned."""
        for part in self._parts:
            part.hold_zeros()

    def project(self) -> None:
        """Move parameters back to where the dynamics are defined and masks hold; call it after each optimiser step."""
        for part in self._parts:
            part.project()

    @property
    def _parts(self) -> list[RecurrentLayer | LeakyReadout]:
        return [*self.chain, self.readout]


def _where_not_zero(weight: Tensor) -> Tensor | None:
    """A mask of the weights that are not 0, None where all are such."""
    mask = weight.detach() != 0
    return None if bool(mask.all()) else mask


def _hold(weight: Tensor, mask: Tensor | None) -> None:
    if mask is not None:
        weight.masked_fill_(~mask, 0)


def _check_sources(name: str, weight: Tensor, below: RecurrentLayer) -> None:
    _check_shape(name, weight, (len(weight), len(below.input_weight)))


def _check_shape(name: str, tensor: Tensor, expected: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != tuple(expected):
        raise InvalidNetwork(f"{name}: shape {tuple(tensor.shape)} found, expected {tuple(expected)}")
