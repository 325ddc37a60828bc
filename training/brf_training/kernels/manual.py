"""Backpropagation through time by hand in torch operators, with the states kept once a chunk: any device, any neuron.

It is what runs where the native kernel cannot, and what that one is tested against. Memory a neuron and step: one
byte for the spike, and the states divided by the length of a chunk.
"""

from typing import Any

import torch
from torch import Tensor

from brf_training.kernels.events import Events
from brf_training.kernels.loop import start_of
from brf_training.kernels.problem import (
    Gradients,
    LayerOutcome,
    LayerTensors,
    Outcome,
    Problem,
    ReadoutTensors,
    zeros,
)
from brf_training.neurons.neuron import Neuron

CHUNK = 28  # steps; speed and memory are flat around it

# Per layer: spikes as bool (time + 1, batch, neurons), from the step before the first, and states (chunks, S, batch,
# neurons) before each chunk.
Tape = tuple[Tensor, ...]


class ManualEngine:
    """The engine of this module; chunk: steps between the states that are kept."""

    name = "torch"

    def __init__(self, chunk: int = CHUNK) -> None:
        self.chunk = chunk

    def obstacle(self, problem: Problem) -> str | None:
        """A neuron that has no adjoint, or numbers that are not of one real type on one device."""
        for kind in problem.kinds:
            if type(kind.neuron).adjoint is Neuron.adjoint:
                return f"{kind.neuron.kind} neurons have no adjoint"
        found = {(tensor.dtype, tensor.device) for tensor in (problem.values, *problem.tensors()) if tensor is not None}
        if len(found) > 1 or not problem.values.dtype.is_floating_point:
            return "dtypes or devices differ, or are not real: " + ", ".join(sorted(f"{d} on {p}" for d, p in found))
        return None

    @torch.no_grad()
    def forward(self, problem: Problem, keep: bool) -> tuple[Outcome, Tape]:
        """Chunk by chunk, layer by layer."""
        chunks = range(0, problem.steps, self.chunk)
        run = _Forward(problem, len(chunks) if keep else 0)
        for chunk, start in enumerate(chunks):
            run.advance(chunk, start, min(problem.steps, start + self.chunk))
        return run.outcome(), tuple(run.tape)

    @torch.no_grad()
    def backward(
        self, problem: Problem, readout: Tensor | None, tape: Tape, upstream: Outcome, inputs: bool
    ) -> Gradients:
        """Chunk by chunk from the end, layer by layer from the top."""
        run = _Backward(problem, readout, tape, upstream, inputs)
        for chunk in reversed(range(len(tape[1]))):
            start = chunk * self.chunk
            run.retreat(chunk, start, min(problem.steps, start + self.chunk))
        return run.gradients()


def chunk_of(inputs: Tensor | Events, start: int, stop: int) -> Tensor:
    """Steps of the input, dense."""
    if isinstance(inputs, Tensor):
        return inputs[start:stop]
    first, last = (int(inputs.begin[step * inputs.batch]) for step in (start, stop))
    begin = inputs.begin[start * inputs.batch : stop * inputs.batch + 1] - first
    part = inputs.channels[first:last], inputs.values[first:last]
    return Events(begin, *part, stop - start, inputs.batch, inputs.inputs).dense()


class _Forward:
    def __init__(self, problem: Problem, kept_chunks: int) -> None:
        self.problem, self.keep = problem, kept_chunks > 0
        firsts = [start_of(problem, kind, layer) for kind, layer in zip(problem.kinds, problem.layers, strict=True)]
        self.z, self.state = [z for z, _ in firsts], [state for _, state in firsts]
        self.parameters = [
            kind.unstack(layer.parameters) for kind, layer in zip(problem.kinds, problem.layers, strict=True)
        ]
        self.counts = [torch.zeros_like(z) for z in self.z]
        self.kept: list[list[Tensor]] = [[] for _ in self.z]
        self.tape: list[Tensor] = []
        for z, state in firsts if self.keep else ():
            spikes = z.new_empty((problem.steps + 1, *z.shape), dtype=torch.bool)
            spikes[0] = z != 0
            self.tape += [spikes, z.new_empty((kept_chunks, len(state), *z.shape))]
        self.y: Tensor | None = None
        self.readout: list[Tensor] = []
        if problem.readout is not None:
            first = problem.readout.first
            self.y = zeros(problem, problem.batch, len(problem.readout.alpha)) if first is None else first

    def advance(self, chunk: int, start: int, stop: int) -> None:
        below = chunk_of(self.problem.inputs, start, stop)
        for index in range(len(self.z)):
            if self.keep:
                self.tape[2 * index + 1][chunk] = torch.stack(list(self.state[index]))
            below = self.layer(index, below)
            self.counts[index] += below.sum(0)
            if self.keep:
                self.tape[2 * index][start + 1 : stop + 1] = below != 0
            if self.problem.keep_spikes:
                self.kept[index].append(below)
        if self.problem.readout is not None and self.y is not None:
            alpha, weight, _ = self.problem.readout
            for x in below @ weight.T:
                self.y = alpha * self.y + (1 - alpha) * x
                self.readout.append(self.y)

    def layer(self, index: int, below: Tensor) -> Tensor:
        """Spikes of a layer for a chunk of what it receives."""
        neuron, layer = self.problem.kinds[index].neuron, self.problem.layers[index]
        spikes, z, state, parameters = [], self.z[index], self.state[index], self.parameters[index]
        recurrent = None if layer.recurrent_weight is None else layer.recurrent_weight.T
        for x in below @ layer.input_weight.T:
            z, state = neuron.step(x if recurrent is None else torch.addmm(x, z, recurrent), state, parameters)
            spikes.append(z)
        self.z[index], self.state[index] = z, state
        return torch.stack(spikes)

    def outcome(self) -> Outcome:
        layers = tuple(
            LayerOutcome(counts, torch.stack(list(state)), z.clone(), torch.cat(kept) if kept else None)
            for counts, state, z, kept in zip(self.counts, self.state, self.z, self.kept, strict=True)
        )
        return Outcome(torch.stack(self.readout) if self.readout else None, layers)


class _Backward:
    def __init__(self, problem: Problem, readout: Tensor | None, tape: Tape, upstream: Outcome, inputs: bool) -> None:
        self.problem, self.readout, self.tape, self.upstream = problem, readout, tape, upstream
        self.parameters = [
            kind.unstack(layer.parameters) for kind, layer in zip(problem.kinds, problem.layers, strict=True)
        ]
        shapes = [(problem.batch, len(layer.input_weight)) for layer in problem.layers]
        self.g_x = [zeros(problem, *shape) for shape in shapes]  # of the step after
        self.g_state = [self.last_gradient(index) for index in range(len(shapes))]
        self.g_parameters = [torch.zeros_like(layer.parameters) for layer in problem.layers]
        self.g_input_weight = [torch.zeros_like(layer.input_weight) for layer in problem.layers]
        self.g_recurrent_weight = [
            None if layer.recurrent_weight is None else torch.zeros_like(layer.recurrent_weight)
            for layer in problem.layers
        ]
        self.g_inputs = zeros(problem, *problem.inputs.shape) if inputs else None
        if problem.readout is not None:
            self.g_alpha, self.g_weight = (torch.zeros_like(tensor) for tensor in problem.readout[:2])
            self.g_y = zeros(problem, problem.batch, len(problem.readout.alpha))

    def last_gradient(self, index: int) -> Any:
        """Of a layer's last states."""
        _, state = start_of(self.problem, self.problem.kinds[index], self.problem.layers[index])
        upstream = self.upstream.layers[index].last_states
        return type(state)(*(torch.zeros_like(part) for part in state)) if upstream is None else type(state)(*upstream)

    def retreat(self, chunk: int, start: int, stop: int) -> None:
        spikes = [bits[start : stop + 1].to(self.problem.values.dtype) for bits in self.tape[::2]]
        g_spikes = self.integrate_back(spikes[-1][1:], start, stop)
        for index in reversed(range(len(spikes))):
            below = spikes[index - 1][1:] if index else chunk_of(self.problem.inputs, start, stop)
            g_spikes = self.layer_back(index, chunk, below, spikes[index], g_spikes, start, stop)
        if self.g_inputs is not None and g_spikes is not None:
            self.g_inputs[start:stop] = g_spikes

    def integrate_back(self, spikes: Tensor, start: int, stop: int) -> Tensor | None:
        """Gradient of the last layer's spikes through the readout."""
        if self.problem.readout is None or self.readout is None or self.upstream.readout is None:
            return None
        alpha, weight, first = self.problem.readout
        drive = spikes @ weight.T
        g_y = []
        for gradient in self.upstream.readout[start:stop].flip(0):
            g_y.append(gradient + self.g_y)
            self.g_y = alpha * g_y[-1]
        g = torch.stack(g_y[::-1])
        before = self.readout[max(start, 1) - 1 : stop - 1]
        if start == 0:
            before = torch.cat([torch.zeros_like(drive[:1]) if first is None else first[None], before])
        self.g_alpha += (g * (before - drive)).sum((0, 1))
        g = (1 - alpha) * g
        self.g_weight += g.flatten(0, 1).T @ spikes.flatten(0, 1)
        return g @ weight

    def layer_back(
        self, index: int, chunk: int, below: Tensor, spikes: Tensor, g_spikes: Tensor | None, start: int, stop: int
    ) -> Tensor | None:
        """Adjoint of a chunk of a layer; spikes begin a step earlier. Returns the gradient of `below`."""
        kind, layer, parameters = self.problem.kinds[index], self.problem.layers[index], self.parameters[index]
        recurrent = layer.recurrent_weight
        drive = below @ layer.input_weight.T
        if recurrent is not None:
            drive = drive + spikes[:-1] @ recurrent.T
        states = [type(self.g_state[index])(*self.tape[2 * index + 1][chunk].unbind())]
        for x in drive:
            states.append(kind.neuron.step(x, states[-1], parameters)[1])
        g_spikes = self.add_upstream(index, g_spikes, drive, start, stop)
        totals = [torch.zeros_like(drive[0]) for _ in layer.parameters]
        g_x = torch.empty_like(drive)
        for t in reversed(range(len(drive))):
            gz = g_spikes[t] if recurrent is None else torch.addmm(g_spikes[t], self.g_x[index], recurrent)
            g_x[t], self.g_state[index], parts = kind.neuron.adjoint(
                gz, self.g_state[index], drive[t], states[t], states[t + 1], parameters
            )
            self.g_x[index] = g_x[t]
            for total, part in zip(totals, parts, strict=True):
                total += part
        self.g_parameters[index] += torch.stack([total.sum(0) for total in totals])
        flat = g_x.flatten(0, 1).T
        self.g_input_weight[index] += flat @ below.flatten(0, 1)
        if (g_recurrent := self.g_recurrent_weight[index]) is not None:
            g_recurrent += flat @ spikes[:-1].flatten(0, 1)
        return g_x @ layer.input_weight if index or self.g_inputs is not None else None

    def add_upstream(self, index: int, g_spikes: Tensor | None, like: Tensor, start: int, stop: int) -> Tensor:
        """The gradient of a layer's spikes with that which comes from outside the network."""
        upstream = self.upstream.layers[index]
        total = torch.zeros_like(like) if g_spikes is None else g_spikes
        if upstream.counts is not None:
            total = total + upstream.counts
        if upstream.spikes is not None:
            total = total + upstream.spikes[start:stop]
        if upstream.last_spikes is not None and stop == self.problem.steps:
            total = torch.cat([total[:-1], total[-1:] + upstream.last_spikes])
        return total

    def gradients(self) -> Gradients:
        layers = tuple(self.layer_gradients(index) for index in range(len(self.g_x)))
        readout = None
        if self.problem.readout is not None:
            first = None if self.problem.readout.first is None else self.g_y
            readout = ReadoutTensors(self.g_alpha, self.g_weight, first)
        return Gradients(self.g_inputs, layers, readout)

    def layer_gradients(self, index: int) -> LayerTensors:
        layer, g_spikes = self.problem.layers[index], None
        if layer.first_spikes is not None:
            recurrent = layer.recurrent_weight
            g_spikes = torch.zeros_like(layer.first_spikes) if recurrent is None else self.g_x[index] @ recurrent
        return LayerTensors(
            self.g_parameters[index],
            self.g_input_weight[index],
            self.g_recurrent_weight[index],
            None if layer.first_states is None else torch.stack(list(self.g_state[index])),
            g_spikes,
        )
