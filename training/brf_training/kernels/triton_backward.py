"""The backward pass of the Triton engine, span by span from the end."""

import torch
from torch import Tensor

from brf_training.kernels.loop import start_of
from brf_training.kernels.manual import chunk_of
from brf_training.kernels.problem import Gradients, LayerOutcome, LayerTensors, Outcome, Problem, ReadoutTensors, zeros
from brf_training.kernels.triton_forward import Tape
from brf_training.kernels.triton_launch import ROWS, integrate_back, launch_of


class LayerBackward:
    """A layer on its way back through the sequence."""

    def __init__(
        self, problem: Problem, index: int, spikes: Tensor, kept: Tensor, upstream: LayerOutcome, interval: int
    ) -> None:
        self.kind, self.tensors = problem.kinds[index], problem.layers[index]
        self.spikes, self.kept, self.upstream, self.interval = spikes, kept, upstream, interval
        self.steps, self.launch = problem.steps, launch_of(self.kind, self.tensors)
        self.parameters = self.tensors.parameters.contiguous()
        recurrent = self.tensors.recurrent_weight
        self.weights = None if recurrent is None else self.launch.padded(recurrent)
        silent, state = start_of(problem, self.kind, self.tensors)
        self.scratch = zeros(problem, interval, len(state), *silent.shape)
        self.g_states = self.scratch.new_zeros(len(state), *silent.shape)
        if upstream.last_states is not None:
            self.g_states += upstream.last_states
        self.g_first_drive = torch.zeros_like(silent)  # of the span after, then of this one
        self.g_parameters = torch.zeros_like(self.parameters)
        self.g_input_weight = torch.zeros_like(self.tensors.input_weight)
        self.g_recurrent_weight = None if recurrent is None else torch.zeros_like(recurrent)

    def retreat(self, below: Tensor, g_spikes: Tensor | None, start: int, stop: int, go_on: bool) -> Tensor | None:
        """The gradient of a span of `below`, where one is to go on, from that of the layer's spikes."""
        drive, before = self.drive(below, start, stop)
        g_drive = drive.new_empty((len(drive) + 1, *drive.shape[1:]))
        g_drive[-1] = self.g_first_drive
        _, batch, neurons = drive.shape
        g_parameters = drive.new_zeros((-(-batch // ROWS), *self.parameters.shape))
        self.launch.backward(
            drive, self.spikes[start + 1 : stop + 1], self.kept[start // self.interval :], self.scratch,
            self.add_upstream(g_spikes, drive, start, stop), g_drive, self.g_states, g_parameters, self.parameters,
            self.kind.constants, self.weights, interval=self.interval,
        )  # fmt: skip
        self.g_first_drive = g_drive[0]
        self.g_parameters += g_parameters.sum(0)
        flat = g_drive[:-1].reshape(-1, neurons)
        self.g_input_weight += flat.T @ below.flatten(0, 1)
        if self.g_recurrent_weight is not None and before is not None:
            self.g_recurrent_weight += flat.T @ before.flatten(0, 1)
        return g_drive[:-1] @ self.tensors.input_weight if go_on else None

    def drive(self, below: Tensor, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
        """All that a span receives, and where it is recurrent the spikes of the steps before."""
        drive = (below @ self.tensors.input_weight.T).contiguous()
        recurrent = self.tensors.recurrent_weight
        if recurrent is None:
            return drive, None
        before = self.spikes[start:stop].to(drive.dtype)
        if start == 0 and self.tensors.first_spikes is not None:
            before[0] = self.tensors.first_spikes
        return drive.add_(before @ recurrent.T), before

    def add_upstream(self, g_spikes: Tensor | None, like: Tensor, start: int, stop: int) -> Tensor:
        """The gradient of a span's spikes with that which comes from outside the network; `g_spikes` is used up."""
        total = torch.zeros_like(like) if g_spikes is None else g_spikes.contiguous()
        if self.upstream.counts is not None:
            total += self.upstream.counts
        if self.upstream.spikes is not None:
            total += self.upstream.spikes[start:stop]
        if self.upstream.last_spikes is not None and stop == self.steps:
            total[-1] += self.upstream.last_spikes
        return total

    def gradients(self) -> LayerTensors:
        first_states, first_spikes = self.tensors.first_states, self.tensors.first_spikes
        g_first_spikes = None
        if first_spikes is not None:
            recurrent = self.tensors.recurrent_weight
            g_first_spikes = torch.zeros_like(first_spikes) if recurrent is None else self.g_first_drive @ recurrent
        g_first_states = None if first_states is None else self.g_states
        return LayerTensors(
            self.g_parameters, self.g_input_weight, self.g_recurrent_weight, g_first_states, g_first_spikes
        )


class Backward:
    """A problem on its way back through the sequence."""

    def __init__(
        self, problem: Problem, readout: Tensor | None, tape: Tape, upstream: Outcome, inputs: bool, interval: int
    ) -> None:
        self.problem, self.readout, self.upstream = problem, readout, upstream.readout
        self.layers = [
            LayerBackward(problem, index, tape[2 * index], tape[2 * index + 1], upstream.layers[index], interval)
            for index in range(len(problem.layers))
        ]
        self.g_inputs = zeros(problem, *problem.inputs.shape) if inputs else None
        if problem.readout is not None:
            self.g_alpha, self.g_weight = (torch.zeros_like(tensor) for tensor in problem.readout[:2])
            self.g_y = zeros(problem, problem.batch, len(problem.readout.alpha))

    def retreat(self, start: int, stop: int) -> None:
        g_spikes = self.integrate_back(start, stop)
        for index in reversed(range(len(self.layers))):
            below = self.spikes(index - 1, start, stop) if index else chunk_of(self.problem.inputs, start, stop)
            go_on = index > 0 or self.g_inputs is not None
            g_spikes = self.layers[index].retreat(below, g_spikes, start, stop, go_on)
        if self.g_inputs is not None and g_spikes is not None:
            self.g_inputs[start:stop] = g_spikes

    def spikes(self, index: int, start: int, stop: int) -> Tensor:
        """Of a layer, as real numbers."""
        return self.layers[index].spikes[start + 1 : stop + 1].to(self.problem.values.dtype)

    def integrate_back(self, start: int, stop: int) -> Tensor | None:
        """The gradient of the last layer's spikes through the readout."""
        if self.problem.readout is None or self.readout is None or self.upstream is None:
            return None
        alpha, weight, first = self.problem.readout
        spikes = self.spikes(-1, start, stop)
        gradient = self.upstream[start:stop].contiguous()
        g = torch.empty_like(gradient)
        integrate_back(gradient, alpha.contiguous(), self.g_y, g)
        before = torch.empty_like(g)
        before[1:] = self.readout[start : stop - 1]
        if start:
            before[0] = self.readout[start - 1]
        else:
            before[0] = 0 if first is None else first
        self.g_alpha += (g * (before - spikes @ weight.T)).sum((0, 1))
        g *= 1 - alpha
        self.g_weight += g.flatten(0, 1).T @ spikes.flatten(0, 1)
        return g @ weight

    def gradients(self) -> Gradients:
        readout = None
        if self.problem.readout is not None:
            first = None if self.problem.readout.first is None else self.g_y
            readout = ReadoutTensors(self.g_alpha, self.g_weight, first)
        return Gradients(self.g_inputs, tuple(layer.gradients() for layer in self.layers), readout)
