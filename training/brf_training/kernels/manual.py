"""Backpropagation through time by hand in torch operators, with the states kept once a chunk: any device, any neuron.

It is what runs where the native kernel cannot, and what that one is tested against. Memory a neuron and step: one
byte for the spike, and the states divided by the length of a chunk. Time goes to starting operators where a step is
small and to memory where it is large, so loops over time start few and allocate nothing; products with weights that
need not wait for a step, and slopes of spikes, are taken a chunk at a time.
"""

import torch
from torch import Tensor

from brf_training.kernels.events import Events
from brf_training.kernels.manual_layer import LayerBackward, LayerForward
from brf_training.kernels.problem import Gradients, Outcome, Problem, ReadoutTensors, zeros
from brf_training.kernels.processor import processor_for
from brf_training.kernels.received import Rows, received, rows
from brf_training.neurons.neuron import Dynamics

CHUNK = 28  # steps; speed and memory are flat around it

Tape = tuple[Tensor, ...]  # that of each layer, `LayerForward`, one after the other


class ManualEngine:
    """The engine of this module; chunk: steps between the states that are kept."""

    name = "torch"

    def __init__(self, chunk: int = CHUNK) -> None:
        self.chunk = chunk

    def obstacle(self, problem: Problem) -> str | None:
        """A neuron that has no adjoint, or numbers that are not of one real type on one device."""
        for kind in problem.kinds:
            if type(kind.neuron).adjoint is Dynamics.adjoint:
                return f"{kind.neuron.kind} neurons have no adjoint"
        found = {(tensor.dtype, tensor.device) for tensor in (problem.values, *problem.tensors()) if tensor is not None}
        if len(found) > 1 or not problem.values.dtype.is_floating_point:
            return "dtypes or devices differ, or are not real: " + ", ".join(sorted(f"{d} on {p}" for d, p in found))
        return None

    @torch.no_grad()
    def forward(self, problem: Problem, keep: bool) -> tuple[Outcome, Tape]:
        """Chunk by chunk, layer by layer."""
        chunks = range(0, problem.steps, self.chunk)
        with processor_for(step_size(problem)):
            run = _Forward(problem, min(self.chunk, problem.steps), len(chunks) if keep else 0)
            for index, start in enumerate(chunks):
                run.advance(index, start, min(problem.steps, start + self.chunk))
            return run.outcome(), run.tape()

    @torch.no_grad()
    def backward(
        self, problem: Problem, readout: Tensor | None, tape: Tape, upstream: Outcome, inputs: bool
    ) -> Gradients:
        """Chunk by chunk from the end, layer by layer from the top."""
        chunks = range(0, problem.steps, self.chunk)
        with processor_for(step_size(problem)):
            run = _Backward(problem, min(self.chunk, problem.steps), readout, tape, upstream, inputs)
            for index, start in reversed(list(enumerate(chunks))):
                run.retreat(index, start, min(problem.steps, start + self.chunk))
            return run.gradients()


def step_size(problem: Problem) -> int:
    """Neurons of the widest layer, of all samples."""
    return problem.batch * max(len(layer.input_weight) for layer in problem.layers)


def chunk_of(inputs: Tensor | Events, start: int, stop: int) -> Tensor:
    """Steps of the input, dense."""
    part = inputs[start:stop]
    return part.dense() if isinstance(part, Events) else part


class _Forward:
    def __init__(self, problem: Problem, length: int, kept_chunks: int) -> None:
        self.problem = problem
        self.layers = [LayerForward(problem, index, length, kept_chunks) for index in range(len(problem.layers))]
        self.y: Tensor | None = None
        if problem.readout is not None:
            self.y = problem.values.new_empty((problem.steps, problem.batch, len(problem.readout.alpha)))

    def advance(self, index: int, start: int, stop: int) -> None:
        below = received(self.problem.inputs, start, stop)
        for layer in self.layers:
            spikes = layer.advance(index, start, stop, below)
            below = rows(spikes)
        if self.problem.readout is not None and self.y is not None:
            (alpha, weight, first), integrators = self.problem.readout, self.problem.integrators
            y = torch.mul(spikes @ weight.T, integrators.gain(alpha), out=self.y[start:stop])
            before = self.y[start - 1] if start else torch.zeros_like(y[0]) if first is None else first
            for now in y.unbind():
                integrators.add_kept(now, before, alpha)
                before = now

    def outcome(self) -> Outcome:
        return Outcome(self.y, tuple(layer.outcome() for layer in self.layers))

    def tape(self) -> Tape:
        return tuple(tensor for layer in self.layers for tensor in layer.tape)


class _Backward:
    def __init__(
        self, problem: Problem, length: int, y: Tensor | None, tape: Tape, upstream: Outcome, inputs: bool
    ) -> None:
        self.problem, self.y, self.upstream = problem, y, upstream.readout
        self.layers = [
            LayerBackward(problem, index, length, tape[2 * index : 2 * index + 2], upstream.layers[index])
            for index in range(len(problem.layers))
        ]
        self.g_inputs = problem.values.new_empty(problem.inputs.shape) if inputs else None
        if problem.readout is not None:
            self.g_alpha, self.g_weight = (torch.zeros_like(tensor) for tensor in problem.readout[:2])
            self.g_y = zeros(problem, problem.batch, len(problem.readout.alpha))  # of the step after

    def retreat(self, index: int, start: int, stop: int) -> None:
        belows: list[Rows] = [received(self.problem.inputs, start, stop)]
        for layer in self.layers:
            spikes = layer.replay(index, start, stop, belows[-1])
            belows.append(rows(spikes))
        g_inputs = None if self.g_inputs is None else self.g_inputs[start:stop]
        *g_received, g_spikes = g_inputs, *(layer.g_spikes[: stop - start] for layer in self.layers)
        self.integrate_back(start, stop, spikes, g_spikes)
        for layer, below, g_below in reversed(list(zip(self.layers, belows[:-1], g_received, strict=True))):
            g_x = layer.retreat(start, stop, below)
            if g_below is not None:
                torch.mm(g_x, layer.chunk.layer.input_weight, out=rows(g_below))

    def integrate_back(self, start: int, stop: int, spikes: Tensor, g_spikes: Tensor) -> None:
        """From the gradient of a chunk of the readout to that of the last layer's spikes."""
        if self.problem.readout is None or self.y is None or self.upstream is None:
            g_spikes.zero_()
            return
        (alpha, weight, first), integrators = self.problem.readout, self.problem.integrators
        drive, g = spikes @ weight.T, self.upstream[start:stop].clone()
        for now, y in zip(reversed(g.unbind()), reversed(self.y[start:stop].unbind()), strict=True):
            self.g_y = integrators.mask(now.addcmul_(alpha, self.g_y), y)
        before = torch.zeros_like(drive)
        before[1:] = self.y[start : stop - 1]
        before_first = self.y[start - 1] if start else first
        if before_first is not None:
            before[0] = before_first
        self.g_alpha += (g * integrators.slope_of_alpha(drive, before)).sum((0, 1))
        g = rows(integrators.gain(alpha) * g)
        self.g_weight.addmm_(g.T, rows(spikes))
        torch.mm(g, weight, out=rows(g_spikes))

    def gradients(self) -> Gradients:
        layers, readout = tuple(layer.gradients() for layer in self.layers), None
        if self.problem.readout is not None:
            alpha, _, first = self.problem.readout
            readout = ReadoutTensors(self.g_alpha, self.g_weight, None if first is None else alpha * self.g_y)
        return Gradients(self.g_inputs, layers, readout)
