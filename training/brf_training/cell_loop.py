"""The loop over time: the only place that steps neurons, so that a faster one replaces it here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from brf_deploy.errors import InvalidInput
from brf_training.neurons.leaky_integrator import decay, leaky_step
from brf_training.neurons.neuron import AnyNeuron


class Cell(NamedTuple):
    """One layer: its neuron, raw values by name (neurons,), weights (neurons, inputs) and (neurons, neurons)."""

    neuron: AnyNeuron
    raw: Mapping[str, Tensor]
    input_weight: Tensor
    recurrent_weight: Tensor | None


class Integrators(NamedTuple):
    """The readout: raw time constants (outputs), in steps, and weight (outputs, neurons)."""

    tau: Tensor
    weight: Tensor


@dataclass(frozen=True, eq=False)
class SequenceRun:
    """Readout (time, batch, outputs), spike counts (batch, neurons) a layer; spikes (time, batch, neurons) if kept."""

    readout: Tensor
    spike_counts: tuple[Tensor, ...]
    spikes: tuple[Tensor, ...] = ()


def run_layer(cell: Cell, inputs: Tensor) -> Tensor:
    """Spikes (time, batch, neurons) of one layer for inputs (time, batch, inputs), from silence.

    Step t receives ``input_weight @ inputs[t] + recurrent_weight @ z[t-1]``.
    """
    check_sequence(inputs, cell.input_weight.shape[1])
    parameters = cell.neuron.parameters(cell.raw)
    drive = (inputs @ cell.input_weight.T).unbind()
    z, state = torch.zeros_like(drive[0]), cell.neuron.initial_state(drive[0])
    spikes = []
    for x in drive:
        if cell.recurrent_weight is not None:
            x = torch.addmm(x, z, cell.recurrent_weight.T)
        z, state = cell.neuron.step(x, state, parameters)
        spikes.append(z)
    return torch.stack(spikes)


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
    cells: Sequence[Cell], integrators: Integrators, inputs: Tensor, keep_spikes: bool = False
) -> SequenceRun:
    """Run real inputs (time, batch, inputs) through a chain of layers and the readout, from silence."""
    counts, kept = [], []
    for cell in cells:
        inputs = run_layer(cell, inputs)
        counts.append(inputs.detach().sum(0))
        if keep_spikes:
            kept.append(inputs)
    return SequenceRun(run_readout(integrators, inputs), tuple(counts), tuple(kept))


def check_sequence(inputs: Tensor, width: int) -> None:
    """Refuse what is not (time, batch, width) with at least one step."""
    if inputs.ndim != 3 or inputs.shape[2] != width or inputs.shape[0] == 0:
        raise InvalidInput(
            f"input sequence: shape {tuple(inputs.shape)} found, expected (time, batch, {width}) with at least one step"
        )
