"""The one interface to the loop over time: cells and a sequence go in, readout and spikes come out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from brf_deploy.errors import InvalidInput
from brf_training.kernels.choice import run_problem
from brf_training.kernels.events import Events
from brf_training.kernels.problem import Chain, Engine, Kind, LayerTensors, Outcome, Problem, ReadoutTensors
from brf_training.neurons.leaky_integrator import FixedLeaky, Integrator, Leaky, decay, leaky_step
from brf_training.neurons.neuron import AnyDynamics


class Cell(NamedTuple):
    """One layer: its neuron, raw values by name (neurons,), weights (neurons, inputs) and (neurons, neurons)."""

    neuron: AnyDynamics
    raw: Mapping[str, Tensor]
    input_weight: Tensor
    recurrent_weight: Tensor | None


class Integrators(NamedTuple):
    """The readout: raw time constants (outputs), in steps, and weight (outputs, neurons)."""

    tau: Tensor
    weight: Tensor

    @property
    def alpha(self) -> Tensor:
        """What they keep in one step (outputs)."""
        return decay(self.tau)

    @property
    def kind(self) -> Integrator:
        """Of real numbers."""
        return Leaky()


class FixedIntegrators(NamedTuple):
    """The readout of an integer network: decays (outputs), weight (outputs, neurons), both as real numbers."""

    alpha: Tensor
    weight: Tensor
    kind: FixedLeaky


@dataclass(frozen=True, eq=False)
class Carry:
    """Where a sequence stopped, to go on from: per layer states (S, batch, neurons) and last spikes (batch, neurons),
    and the last readout (batch, outputs).
    """

    states: tuple[Tensor, ...]
    spikes: tuple[Tensor, ...]
    readout: Tensor

    def detach(self) -> "Carry":
        """The same, without its past: truncated backpropagation through time stops here."""
        states, spikes = (tuple(tensor.detach() for tensor in part) for part in (self.states, self.spikes))
        return Carry(states, spikes, self.readout.detach())


@dataclass(frozen=True, eq=False)
class SequenceRun:
    """Readout (time, batch, outputs), spike counts (batch, neurons) a layer; spikes (time, batch, neurons) if kept.

    All of it is differentiable, so that a loss may weigh readout, counts or spikes, and a further sequence go on.
    """

    readout: Tensor
    spike_counts: tuple[Tensor, ...]
    carry: Carry
    spikes: tuple[Tensor, ...] = ()


def run_layer(cell: Cell, inputs: Tensor | Events, engine: Engine | str | None = None) -> Tensor:
    """Spikes (time, batch, neurons) of one layer for inputs (time, batch, inputs), from silence.

    Step t receives ``input_weight @ inputs[t] + recurrent_weight @ z[t-1]``. engine: as in `run_sequence`.
    """
    (spikes,) = _spikes(run_problem(problem_of(chain_of([cell], None), inputs, True, None), engine))
    return spikes


def run_readout(integrators: Integrators, spikes: Tensor) -> Tensor:
    """Readout (time, batch, outputs) of spikes (time, batch, neurons); step t reads spikes[t]."""
    check_sequence(spikes, integrators.weight.shape[1])
    alpha = decay(integrators.tau)
    drive = (spikes @ integrators.weight.T).unbind()
    y, readout = torch.zeros_like(drive[0]), []
    for x in drive:
        y = leaky_step(x, y, alpha)
        readout.append(y)
    return torch.stack(readout)


def run_sequence(
    cells: Sequence[Cell],
    integrators: Integrators | FixedIntegrators,
    inputs: Tensor | Events,
    keep_spikes: bool = False,
    *,
    carry: Carry | None = None,
    engine: Engine | str | None = None,
) -> SequenceRun:
    """Run real inputs (time, batch, inputs) through a chain of layers and the readout, from silence or from `carry`.

    engine: "native", "triton", "torch" or "loop"; None for the fastest that can run this. All give the same numbers,
    float32 within rounding. Raises `Unsupported` where the engine asked for cannot.
    """
    return run_chain(chain_of(cells, integrators), inputs, keep_spikes, carry=carry, engine=engine)


def run_chain(
    chain: Chain,
    inputs: Tensor | Events,
    keep_spikes: bool = False,
    *,
    carry: Carry | None = None,
    engine: Engine | str | None = None,
) -> SequenceRun:
    """As `run_sequence`, of cells whose effective parameters stand ready."""
    outcome = run_problem(problem_of(chain, inputs, keep_spikes, carry), engine)
    if outcome.readout is None:
        raise InvalidInput("network: it has no readout")
    counts = tuple(layer.counts for layer in outcome.layers if layer.counts is not None)
    states = tuple(layer.last_states for layer in outcome.layers if layer.last_states is not None)
    last = tuple(layer.last_spikes for layer in outcome.layers if layer.last_spikes is not None)
    return SequenceRun(outcome.readout, counts, Carry(states, last, outcome.readout[-1]), _spikes(outcome))


def check_sequence(inputs: Tensor | Events, width: int) -> None:
    """Refuse what is not (time, batch, width) with at least one step."""
    if len(inputs.shape) != 3 or inputs.shape[2] != width or inputs.shape[0] == 0:
        raise InvalidInput(
            f"input sequence: shape {tuple(inputs.shape)} found, expected (time, batch, {width}) with at least one step"
        )


def _spikes(outcome: Outcome) -> tuple[Tensor, ...]:
    return tuple(layer.spikes for layer in outcome.layers if layer.spikes is not None)


def chain_of(cells: Sequence[Cell], integrators: Integrators | FixedIntegrators | None) -> Chain:
    """The cells with their effective parameters, which are differentiable in the raw ones."""
    kinds, layers = [], []
    for cell in cells:
        parameters = cell.neuron.parameters(cell.raw)
        tensors = [value for value in parameters if isinstance(value, Tensor)]
        kinds.append(Kind(cell.neuron, type(parameters), tuple(parameters[len(tensors) :])))
        layers.append(LayerTensors(torch.stack(tensors), cell.input_weight, cell.recurrent_weight, None, None))
    if integrators is None:
        return Chain(tuple(kinds), tuple(layers), None, Leaky())
    readout = ReadoutTensors(integrators.alpha, integrators.weight, None)
    return Chain(tuple(kinds), tuple(layers), readout, integrators.kind)


def problem_of(chain: Chain, inputs: Tensor | Events, keep_spikes: bool, carry: Carry | None) -> Problem:
    """A sequence for a chain to run."""
    check_sequence(inputs, chain.layers[0].input_weight.shape[1])
    layers, readout = chain.layers, chain.readout
    if carry is not None:
        starts = zip(layers, carry.states, carry.spikes, strict=True)
        layers = tuple(layer._replace(first_states=state, first_spikes=z) for layer, state, z in starts)
        readout = None if readout is None else readout._replace(first=carry.readout)
    finite = chain.finite and carry is None
    return Problem(inputs, chain.kinds, layers, readout, keep_spikes, chain.integrators, finite)
