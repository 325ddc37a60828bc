"""A layer of the manual engine, chunk by chunk. Its loops over time only write to memory that is allocated once."""

from typing import Any

import torch
from torch import Tensor

from brf_training.kernels.loop import start_of
from brf_training.kernels.problem import Kind, LayerOutcome, LayerTensors, Problem
from brf_training.kernels.received import Rows, add_gradient, rows, spike_rows, weigh
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory
from brf_training.surrogate import double_gaussian


def with_tensors(kind: Kind, parameters: Tensor) -> Any:
    """The neuron's parameters, constants as tensors too: with a number, an operator takes twice as long to start."""
    dtype = torch.promote_types(parameters.dtype, torch.float32)  # no less exact than the number
    return kind.parameters(*parameters.unbind(), *(torch.tensor(constant, dtype=dtype) for constant in kind.constants))


class Chunk:
    """Memory for some steps of a layer, and what each of them reads and writes, in `steps`.

    drive, distance (steps, batch, neurons); spikes (steps + 1, batch, neurons), from the step before the first; states
    (slots, S, batch, neurons), of which step k reads slot k and writes the next, in turn. known: whether the spikes
    are given and distances wanted; else it is the other way round, and one step's memory does for all distances.
    """

    def __init__(self, problem: Problem, index: int, length: int, slots: int, known: bool) -> None:
        self.layer, self.neuron = problem.layers[index], problem.kinds[index].neuron
        self.parameters = with_tensors(problem.kinds[index], self.layer.parameters)
        self.first_spikes, self.first_state = start_of(problem, problem.kinds[index], self.layer)
        shape, new, self.state_type = self.first_spikes.shape, self.first_spikes.new_empty, type(self.first_state)
        self.drive, self.spikes = new((length, *shape)), new((length + 1, *shape))
        self.states = new((slots, len(self.first_state), *shape))
        self.distance = new((length, *shape)) if known else new(shape).expand(length, *shape)
        self.scratch = new(shape), new(shape)
        zero = torch.zeros((), dtype=self.drive.dtype)
        z, states = self.spikes.unbind(), [self.state_type(*slot.unbind()) for slot in self.states]
        self.steps = [
            (x, z[k], states[k % slots], StepMemory(z[k + 1], s, states[(k + 1) % slots], self.scratch, zero, known))
            for k, (x, s) in enumerate(zip(self.drive.unbind(), self.distance.unbind(), strict=True))
        ]

    def advance(self, count: int, recurrent: Tensor | None) -> None:
        """Take `count` steps. recurrent: weight (neurons, neurons) of spikes that the drive does not yet hold."""
        for x, z, state, into in self.steps[:count]:
            if recurrent is not None:
                x.addmm_(z, recurrent)
            self.neuron.step(x, state, self.parameters, into)


class LayerForward:
    """A layer run forward. tape, empty unless kept: spikes (time + 1, batch, neurons), from the step before the first,
    one byte each, and states (chunks, S, batch, neurons) before each chunk.
    """

    def __init__(self, problem: Problem, index: int, length: int, kept_chunks: int) -> None:
        self.chunk = chunk = Chunk(problem, index, length, 2, known=False)
        chunk.spikes[0] = chunk.first_spikes
        chunk.states[0] = torch.stack(list(chunk.first_state))
        self.counts = torch.zeros_like(chunk.first_spikes)
        steps = (problem.steps, *self.counts.shape)
        self.all_spikes = self.counts.new_empty(steps) if problem.keep_spikes else None
        self.tape: tuple[Tensor, ...] = ()
        if kept_chunks:
            spikes = self.counts.new_empty((steps[0] + 1, *steps[1:]), dtype=torch.uint8)
            spikes[0] = chunk.first_spikes != 0
            self.tape = spikes, chunk.states.new_empty((kept_chunks, *chunk.states.shape[1:]))

    def advance(self, index: int, start: int, stop: int, below: Rows) -> Tensor:
        """Spikes of a chunk (steps, batch, neurons), valid until the next, for what the layer receives."""
        chunk, count, layer = self.chunk, stop - start, self.chunk.layer
        if self.tape:
            self.tape[1][index] = chunk.states[0]
        weigh(below, layer.input_weight, out=rows(chunk.drive[:count]))
        chunk.advance(count, None if layer.recurrent_weight is None else layer.recurrent_weight.T)
        spikes = chunk.spikes[1 : count + 1]
        self.counts += spikes.sum(0)
        if self.tape:
            self.tape[0][start + 1 : stop + 1] = spikes
        if self.all_spikes is not None:
            self.all_spikes[start:stop] = spikes
        chunk.spikes[0] = spikes[-1]
        chunk.states[0] = chunk.states[count % 2]
        return spikes

    def outcome(self) -> LayerOutcome:
        """After the last chunk."""
        return LayerOutcome(self.counts, self.chunk.states[0].clone(), self.chunk.spikes[0].clone(), self.all_spikes)


class LayerBackward:
    """A layer run backward, from its tape and the gradients of its outcome: per chunk `replay`, then `retreat`.

    g_spikes (steps, batch, neurons): where the gradient of a chunk's spikes goes that comes from above, in between.
    """

    def __init__(
        self, problem: Problem, index: int, length: int, tape: tuple[Tensor, ...], upstream: LayerOutcome
    ) -> None:
        self.chunk = chunk = Chunk(problem, index, length, length + 1, known=True)
        (self.spikes, self.states), self.upstream, self.last = tape, upstream, problem.steps
        layer, like = chunk.layer, chunk.first_spikes
        self.g_spikes = torch.empty_like(chunk.drive)
        self.g_x = torch.zeros_like(chunk.spikes)  # of synaptic input, up to the step after the last
        last_states = upstream.last_states
        self.g_state = torch.zeros_like(chunk.states[0]) if last_states is None else last_states.clone()
        self.totals = tuple(torch.zeros_like(like) for _ in layer.parameters)
        self.g_input_weight = torch.zeros_like(layer.input_weight)
        self.g_recurrent_weight = None if layer.recurrent_weight is None else torch.zeros_like(layer.recurrent_weight)
        g_x = self.g_x.unbind()
        self.steps = [
            (gz, g_x[k + 1], slope, Past(x, state, step.state), AdjointMemory(g_x[k], self.totals, chunk.scratch))
            for k, (gz, slope, (x, _, state, step)) in enumerate(
                zip(self.g_spikes.unbind(), chunk.distance.unbind(), chunk.steps, strict=True)
            )
        ]

    def replay(self, index: int, start: int, stop: int, below: Rows) -> Tensor:
        """Take the steps of a chunk again, for what the layer received. Returns their spikes."""
        chunk, count, layer = self.chunk, stop - start, self.chunk.layer
        chunk.spikes[: count + 1] = self.spikes[start : stop + 1]
        chunk.states[0] = self.states[index]
        drive = rows(chunk.drive[:count])
        weigh(below, layer.input_weight, out=drive)
        if layer.recurrent_weight is not None:
            self.before = spike_rows(chunk.spikes[:count], self.spikes[start:stop])
            weigh(self.before, layer.recurrent_weight, out=drive, onto=True)
        chunk.advance(count, None)
        slope = distance = chunk.distance[:count]
        double_gaussian(distance, out=slope, scratch=self.g_spikes[:count])
        return chunk.spikes[1 : count + 1]

    def retreat(self, start: int, stop: int, below: Rows) -> Tensor:
        """The same steps backwards. Returns the gradients of their synaptic inputs (steps * batch, neurons)."""
        chunk, count, recurrent = self.chunk, stop - start, self.chunk.layer.recurrent_weight
        self.add_upstream(start, stop)
        gradient = chunk.state_type(*self.g_state.unbind())
        self.g_x[count] = self.g_x[0]  # the last step's successor is the first of the chunk before
        for gz, g_after, slope, past, into in reversed(self.steps[:count]):
            if recurrent is not None:
                gz.addmm_(g_after, recurrent)
            chunk.neuron.adjoint(gz, gradient, slope, past, chunk.parameters, into)
        g_x = rows(self.g_x[:count])
        add_gradient(self.g_input_weight, g_x, below)
        if self.g_recurrent_weight is not None:
            add_gradient(self.g_recurrent_weight, g_x, self.before)
        return g_x

    def add_upstream(self, start: int, stop: int) -> None:
        """Gradients of the spikes that come from outside the network."""
        g_spikes = self.g_spikes[: stop - start]
        if self.upstream.counts is not None:
            g_spikes += self.upstream.counts
        if self.upstream.spikes is not None:
            g_spikes += self.upstream.spikes[start:stop]
        if self.upstream.last_spikes is not None and stop == self.last:
            g_spikes[-1] += self.upstream.last_spikes

    def gradients(self) -> LayerTensors:
        """After the first chunk."""
        layer, g_first = self.chunk.layer, None
        if layer.first_spikes is not None:
            recurrent = layer.recurrent_weight
            g_first = torch.zeros_like(layer.first_spikes) if recurrent is None else self.g_x[0] @ recurrent
        return LayerTensors(
            torch.stack([total.sum(0) for total in self.totals]),
            self.g_input_weight,
            self.g_recurrent_weight,
            None if layer.first_states is None else self.g_state,
            g_first,
        )
