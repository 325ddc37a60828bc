"""The native engine: one call of the library ``training`` forward, one backward."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from brf_deploy.errors import BackendFailure, Unavailable
from brf_training.kernels.events import Events
from brf_training.kernels.library import finding, load
from brf_training.kernels.problem import Gradients, LayerOutcome, Outcome, Problem, each
from brf_training.kernels.structures import LayerArguments, Pointer, SequenceArguments, address, array_of
from brf_training.neurons.leaky_integrator import FixedLeaky
from brf_training.neurons.neuron import AnyDynamics
from brf_training.surrogate import NARROW_PEAK, NARROW_RATE, WIDE_PEAK, WIDE_RATE

REALS = {torch.float32: 4, torch.float64: 8}
LARGEST = 2**31 - 1  # sizes cross the C boundary as 32-bit integers

# Samples a tile, where there are `TILES` of them for as many threads as come; more of them share what is read of the
# weights. And bytes of states that a tile recomputes at once: about a second-level cache.
TILE, WIDEST_TILE, TILES = 8, 16, 16
SCRATCH = 1024 * 1024
FINITE_ARGUMENTS = (ctypes.c_int32, Pointer, ctypes.c_int64)
SURROGATE = (ctypes.c_double * 4)(NARROW_PEAK, NARROW_RATE, WIDE_PEAK, WIDE_RATE)


# Threads of the kernel where torch has been told to use one; see `one_torch_thread`.
_threads: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within: the kernel runs on as many threads as torch has, torch's own operators on one.

    What is left to torch around the kernel is small, and its threads wait for each other longer than they work,
    20 times so on a busy machine. Nothing changes where there is no kernel.
    """
    count = torch.get_num_threads()
    if not finding()[0]:
        yield
        return
    token = _threads.set(count)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)
        _threads.reset(token)


def thread_count() -> int:
    """Threads of the kernel, where none are asked for."""
    return _threads.get() or torch.get_num_threads()


@cache
def neuron_indices(library: ctypes.CDLL) -> dict[str, int]:
    """By kind of neuron: its place in the library."""
    library.brf_training_neuron.restype = ctypes.c_char_p
    names: dict[str, int] = {}
    while name := library.brf_training_neuron(len(names)):
        names[name.decode()] = len(names)
    return names


@cache
def state_count(neuron: AnyDynamics) -> int:
    """How many states a neuron has."""
    return len(neuron.initial_state(torch.empty(0)))


class NativeEngine:
    """The engine of this module.

    threads: None for as many as torch uses. tile: samples that one thread carries through the sequence. interval:
    steps between saved states, None for as many as fit the cache. level: of the x86-64 instruction set, None for the
    highest this processor has. Results do not depend on `threads`.
    """

    name = "native"

    def __init__(
        self,
        threads: int | None = None,
        tile: int | None = None,
        interval: int | None = None,
        level: int | None = None,
    ) -> None:
        self.threads, self.tile, self.interval, self.level = threads, tile, interval, level

    def obstacle(self, problem: Problem) -> str | None:
        """No library, not a CPU, not one real type, a neuron it has not, NaN or infinite weights, sizes without end."""
        try:
            library = load(self.level)
        except Unavailable as error:
            return str(error)
        values = problem.values
        tensors = [values, *(tensor for tensor in problem.tensors() if tensor is not None)]
        for tensor in tensors:
            if not tensor.is_cpu or tensor.dtype not in REALS or tensor.dtype != values.dtype:
                return f"{tensor.dtype} on {tensor.device} found; all must be float32 or all float64, on the CPU"
        for kind in problem.kinds:
            if kind.neuron.kind not in neuron_indices(library):
                return f"{kind.neuron.kind} neurons are not in the native library"
        if max(*problem.inputs.shape, *(size for tensor in tensors for size in tensor.shape)) > LARGEST:
            return f"a size exceeds {LARGEST}"
        if any(layer.input_weight.numel() == 0 for layer in problem.layers):
            return "a layer has no neurons or no inputs"
        # Event-driven sums leave out products with 0, which are NaN where the weight is infinite or NaN.
        if not problem.finite and not all(finite(library, tensor) for tensor in tensors[1:]):
            return "a weight, parameter or first state is NaN or infinite"
        return None

    def forward(self, problem: Problem, keep: bool) -> tuple[Outcome, tuple[Tensor, ...]]:
        """One native call."""
        return self.call(problem).forward(keep)

    def backward(
        self, problem: Problem, readout: Tensor | None, tape: tuple[Tensor, ...], upstream: Outcome, inputs: bool
    ) -> Gradients:
        """One native call."""
        return self.call(problem).backward(readout, tape[0], upstream, inputs)

    def product_rate(self, rows: int, depth: int, width: int) -> float:
        """GFLOP/s of the backward pass's dense product on one thread, at best: what a benchmark compares with."""
        rate = load(self.level).brf_training_product_rate
        rate.restype = ctypes.c_double
        repeats = max(1, 20_000_000 // (rows * depth * width))
        return max(float(rate(rows, depth, width, repeats)) for _ in range(20))

    def call(self, problem: Problem) -> "_Call":
        """The problem as the library takes it."""
        library = load(self.level)
        tile = self.tile or tile_of(problem.batch)
        interval = min(self.interval or interval_of(problem, tile), max(problem.steps, 1))
        return _Call(library, problem, tile, interval, self.threads or thread_count())


def finite(library: ctypes.CDLL, tensor: Tensor) -> bool:
    """Whether no number of it is NaN or infinite."""
    numbers = tensor.contiguous()
    check = library.brf_training_finite
    check.argtypes = FINITE_ARGUMENTS
    return bool(check(REALS[tensor.dtype], numbers.data_ptr(), numbers.numel()))


def tile_of(batch: int) -> int:
    """Samples a tile; at least two tiles where there are two samples."""
    return max(1, min(max(TILE, min(batch // TILES, WIDEST_TILE)), (batch + 1) // 2))


def interval_of(problem: Problem, tile: int) -> int:
    """Steps between saved states, so that those between fit `SCRATCH`."""
    width = sum(len(layer.input_weight) * (len(layer.parameters) + 2) for layer in problem.layers)
    return max(8, min(64, SCRATCH // (tile * width * problem.values.element_size())))


class _Call:
    """A problem's C structures; the tensors they point to live as long as it does."""

    def __init__(self, library: ctypes.CDLL, problem: Problem, tile: int, interval: int, threads: int) -> None:
        self.library, self.problem = library, contiguous(problem)
        self.real = REALS[problem.values.dtype]
        self.keep: list[object] = []
        self.layers = array_of(LayerArguments, len(problem.layers))(*map(self.layer, range(len(problem.layers))))
        self.sequence = self.sequence_arguments(tile, interval, threads)

    def layer(self, index: int) -> LayerArguments:
        """A layer's arguments that both passes have."""
        kind, tensors = self.problem.kinds[index], self.problem.layers[index]
        constants = array_of(ctypes.c_double, len(kind.constants))(*kind.constants)
        self.keep.append(constants)
        neurons, inputs = tensors.input_weight.shape
        number = neuron_indices(self.library)[kind.neuron.kind]
        self.keep.append(tensors)
        # The structure's pointers come in the order of `LayerTensors`.
        return LayerArguments(number, inputs, neurons, ctypes.addressof(constants), *map(address, tensors))

    def sequence_arguments(self, tile: int, interval: int, threads: int) -> SequenceArguments:
        """The sequence's arguments that both passes have."""
        problem, readout = self.problem, self.problem.readout
        outputs = 0 if readout is None else len(readout.alpha)
        arguments = SequenceArguments(
            problem.steps, problem.batch, len(problem.layers), outputs, tile, interval, threads,
            ctypes.addressof(SURROGATE),
        )  # fmt: skip
        if isinstance(problem.inputs, Events):
            events = problem.inputs
            self.point(arguments, event_begin=events.begin, event_channels=events.channels, event_values=events.values)
        else:
            self.point(arguments, inputs=problem.inputs)
        if isinstance(problem.integrators, FixedLeaky):
            constants = array_of(ctypes.c_double, 2)(problem.integrators.unit, problem.integrators.limit)
            self.keep.append(constants)
            arguments.integrators = ctypes.addressof(constants)
        if readout is not None:
            self.point(arguments, alpha=readout.alpha, readout_weight=readout.weight, first_readout=readout.first)
        return arguments

    def point(self, arguments: ctypes.Structure, **tensors: Tensor | None) -> None:
        """Set pointers of a structure."""
        for name, tensor in tensors.items():
            setattr(arguments, name, address(tensor))
            self.keep.append(tensor)

    def new(self, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=self.problem.values.dtype)

    def zeros(self, *shape: int) -> Tensor:
        return torch.zeros(shape, dtype=self.problem.values.dtype)

    def forward(self, keep: bool) -> tuple[Outcome, tuple[Tensor, ...]]:
        problem = self.problem
        steps, batch, outputs = problem.steps, problem.batch, self.sequence.outputs
        readout = None if problem.readout is None else self.new(steps, batch, outputs)
        outcomes = tuple(self.layer_outcome(index) for index in range(len(problem.layers)))
        for arguments, outcome in zip(self.layers, outcomes, strict=True):
            self.point(arguments, **outcome._asdict())
        tape = torch.empty(self.tape_bytes() if keep else 0, dtype=torch.uint8)
        self.point(self.sequence, readout=readout, tape=tape if keep else None)
        self.run(self.library.brf_training_forward)
        return Outcome(readout, outcomes), (tape,)

    def layer_outcome(self, index: int) -> LayerOutcome:
        steps, batch, layer = self.problem.steps, self.problem.batch, self.problem.layers[index]
        neurons, states = len(layer.input_weight), state_count(self.problem.kinds[index].neuron)
        spikes = self.zeros(steps, batch, neurons) if self.problem.keep_spikes else None
        return LayerOutcome(
            self.new(batch, neurons), self.new(states, batch, neurons), self.zeros(batch, neurons), spikes
        )

    def tape_bytes(self) -> int:
        count = self.library.brf_training_tape_bytes
        count.restype = ctypes.c_int64
        return int(count(self.real, ctypes.byref(self.sequence), self.layers))

    def backward(self, readout: Tensor | None, tape: Tensor, upstream: Outcome, inputs: bool) -> Gradients:
        problem = self.problem
        g_inputs = self.new(*problem.inputs.shape) if inputs else None
        g_readout, g_tensors = None, None
        if problem.readout is not None and readout is not None:
            g_tensors = each(problem.readout, torch.empty_like)
            g_readout = self.zeros(*readout.shape) if upstream.readout is None else upstream.readout.contiguous()
            self.point(
                self.sequence, g_alpha=g_tensors.alpha, g_readout_weight=g_tensors.weight,
                g_first_readout=g_tensors.first,
            )  # fmt: skip
        self.point(self.sequence, readout=readout, tape=tape, g_readout=g_readout, g_inputs=g_inputs)
        g_layers = tuple(each(layer, torch.empty_like) for layer in problem.layers)
        for arguments, gradients, outcome in zip(self.layers, g_layers, upstream.layers, strict=True):
            known = {"g_" + name: given for name, given in outcome._asdict().items() if given is not None}
            self.point(arguments, **{name: given.contiguous() for name, given in known.items()})
            self.point(arguments, **{"g_" + name: tensor for name, tensor in gradients._asdict().items()})
        self.run(self.library.brf_training_backward)
        return Gradients(g_inputs, g_layers, g_tensors)

    def run(self, function: Any) -> None:
        if function(self.real, ctypes.byref(self.sequence), self.layers):
            raise BackendFailure("native training kernel: out of memory; use smaller batches or shorter sequences")


def contiguous(problem: Problem) -> Problem:
    """The same problem with every tensor in one piece."""
    if problem.values.is_contiguous() and all(t is None or t.is_contiguous() for t in problem.tensors()):
        return problem
    layers = tuple(each(layer, Tensor.contiguous) for layer in problem.layers)
    readout = None if problem.readout is None else each(problem.readout, Tensor.contiguous)
    inputs = problem.inputs if isinstance(problem.inputs, Events) else problem.inputs.contiguous()
    return replace(problem, inputs=inputs, layers=layers, readout=readout)
