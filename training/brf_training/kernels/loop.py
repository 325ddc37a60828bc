"""The plain loop over time: autograd follows every operation of every step. It defines what the engines compute."""

from typing import Any

import torch
from torch import Tensor

from brf_training.kernels.events import Events
from brf_training.kernels.problem import Kind, LayerOutcome, LayerTensors, Outcome, Problem, ReadoutTensors, zeros


def run_loop(problem: Problem) -> Outcome:
    """The outcome of a problem, differentiable in all its tensors."""
    below = problem.inputs.dense() if isinstance(problem.inputs, Events) else problem.inputs
    layers = []
    for kind, layer in zip(problem.kinds, problem.layers, strict=True):
        below, outcome = run_layer(problem, kind, layer, below)
        layers.append(outcome)
    readout = None if problem.readout is None else integrate(problem, problem.readout, below)
    return Outcome(readout, tuple(layers))


def start_of(problem: Problem, kind: Kind, layer: LayerTensors) -> tuple[Tensor, Any]:
    """Spikes and states that a layer starts from."""
    silent = zeros(problem, problem.batch, layer.input_weight.shape[0])
    state = kind.neuron.initial_state(silent)
    if layer.first_states is not None:
        state = type(state)(*layer.first_states.unbind())
    return silent if layer.first_spikes is None else layer.first_spikes, state


def run_layer(problem: Problem, kind: Kind, layer: LayerTensors, below: Tensor) -> tuple[Tensor, LayerOutcome]:
    """Spikes (time, batch, neurons) of a layer for what it receives, and what becomes of it."""
    parameters = kind.unstack(layer.parameters)
    z, state = start_of(problem, kind, layer)
    each = []
    for x in (below @ layer.input_weight.T).unbind():
        if layer.recurrent_weight is not None:
            x = torch.addmm(x, z, layer.recurrent_weight.T)
        z, state = kind.neuron.step(x, state, parameters)
        each.append(z)
    spikes = torch.stack(each)
    kept = spikes if problem.keep_spikes else None
    return spikes, LayerOutcome(spikes.sum(0), torch.stack(list(state)), z, kept)


def integrate(problem: Problem, readout: ReadoutTensors, spikes: Tensor) -> Tensor:
    """Readout (time, batch, outputs) of spikes; step t reads spikes[t]."""
    y = zeros(problem, problem.batch, len(readout.alpha)) if readout.first is None else readout.first
    each = []
    for x in (spikes @ readout.weight.T).unbind():
        y = problem.integrators.step(x, y, readout.alpha)
        each.append(y)
    return torch.stack(each)
