"""The forward pass of the Triton engine, span by span."""

import torch
from torch import Tensor

from brf_training.kernels.loop import start_of
from brf_training.kernels.manual import chunk_of
from brf_training.kernels.problem import LayerOutcome, Outcome, Problem, zeros
from brf_training.kernels.triton_launch import integrate, launch_of, split

# Of each layer: spikes as uint8 (time + 1, batch, neurons), from a silent step before the first, and states
# (time / interval, S, batch, neurons) before each interval.
Tape = tuple[Tensor, ...]


class LayerForward:
    """A layer on its way through the sequence."""

    def __init__(self, problem: Problem, index: int, keep: bool, interval: int, span: int) -> None:
        self.kind, self.tensors = problem.kinds[index], problem.layers[index]
        self.launch, self.keep, self.interval = launch_of(self.kind, self.tensors), keep, interval
        self.parameters = self.tensors.parameters.contiguous()
        recurrent = self.tensors.recurrent_weight
        self.weights = None if recurrent is None else split(self.launch.padded(recurrent.T))
        self.last, state = start_of(problem, self.kind, self.tensors)
        self.states = torch.stack(list(state))
        batch, neurons = self.last.shape
        slots = problem.steps if keep else min(span, problem.steps)
        self.spikes = torch.zeros((slots + 1, batch, neurons), dtype=torch.uint8, device=self.last.device)
        self.kept = zeros(problem, -(-problem.steps // interval) if keep else 0, *self.states.shape)
        self.counts = torch.zeros_like(self.last)
        self.all = zeros(problem, problem.steps, batch, neurons) if problem.keep_spikes else None

    def advance(self, below: Tensor, start: int, stop: int) -> Tensor:
        """Spikes (steps, batch, neurons) of a span for those of the layer below."""
        drive = (below @ self.tensors.input_weight.T).contiguous()
        recurrent = self.tensors.recurrent_weight
        if start == 0 and recurrent is not None and self.tensors.first_spikes is not None:
            drive[0] += self.tensors.first_spikes @ recurrent.T  # not in the tape: they may be any real number
        if self.keep:
            spikes, kept = self.spikes[start : stop + 1], self.kept[start // self.interval :]
        else:
            spikes, kept = self.spikes[: stop - start + 1], self.kept
            if start:
                spikes[0] = self.last
        self.launch.forward(
            self.keep, drive, spikes, self.states, kept, self.parameters, self.kind.constants, self.weights,
            interval=self.interval,
        )  # fmt: skip
        result = spikes[1:].to(drive.dtype)
        self.last = result[-1]
        self.counts += result.sum(0)
        if self.all is not None:
            self.all[start:stop] = result
        return result

    def outcome(self) -> LayerOutcome:
        return LayerOutcome(self.counts, self.states, self.last.clone(), self.all)


class Forward:
    """A problem on its way through the sequence."""

    def __init__(self, problem: Problem, keep: bool, interval: int, span: int) -> None:
        self.problem = problem
        self.layers = [LayerForward(problem, index, keep, interval, span) for index in range(len(problem.layers))]
        self.y: Tensor | None = None
        self.readout: Tensor | None = None
        if problem.readout is not None:
            shape = problem.batch, len(problem.readout.alpha)
            first = problem.readout.first
            self.y = zeros(problem, *shape) if first is None else first.clone(memory_format=torch.contiguous_format)
            self.readout = zeros(problem, problem.steps, *shape)

    def advance(self, start: int, stop: int) -> None:
        below = chunk_of(self.problem.inputs, start, stop)
        for layer in self.layers:
            below = layer.advance(below, start, stop)
        if self.problem.readout is not None and self.readout is not None and self.y is not None:
            alpha, weight, _ = self.problem.readout
            integrate((below @ weight.T).contiguous(), alpha.contiguous(), self.y, self.readout[start:stop])

    def outcome(self) -> Outcome:
        return Outcome(self.readout, tuple(layer.outcome() for layer in self.layers))

    def tape(self) -> Tape:
        return tuple(tensor for layer in self.layers for tensor in (layer.spikes, layer.kept))
