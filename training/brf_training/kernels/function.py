"""A run as one node of autograd's graph."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from brf_training.kernels.events import Events
from brf_training.kernels.problem import Engine, LayerOutcome, Outcome, Problem, unflatten


def run(problem: Problem, engine: Engine) -> Outcome:
    """Run a problem; its outcome is differentiable where a tensor of it asks for that."""
    tensors = (problem.values, *problem.tensors()) if torch.is_grad_enabled() else ()
    if not any(tensor is not None and tensor.requires_grad for tensor in tensors):
        outcome, _ = engine.forward(problem, keep=False)
        return outcome
    return _outcome(_Run.apply(engine, problem, *tensors), problem)  # type: ignore[no-untyped-call]


def _outcome(flat: tuple[Tensor | None, ...], problem: Problem) -> Outcome:
    """The inverse of ``_flat``."""
    readout, *rest = flat
    width = len(LayerOutcome._fields)
    layers = tuple(LayerOutcome(*rest[k * width : (k + 1) * width]) for k in range(len(problem.layers)))
    return Outcome(readout, layers)


def _flat(outcome: Outcome) -> tuple[Tensor | None, ...]:
    return (outcome.readout, *(tensor for layer in outcome.layers for tensor in layer))


class _Run(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, engine: Engine, problem: Problem, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        outcome, tape = engine.forward(problem, keep=True)
        ctx.engine, ctx.kinds, ctx.keep_spikes = engine, problem.kinds, problem.keep_spikes
        ctx.integrators = problem.integrators
        ctx.events = problem.inputs if isinstance(problem.inputs, Events) else None
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(outcome.readout, *tensors, *tape)
        return _flat(outcome)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor | None) -> tuple[Any, ...]:
        count = len(ctx.needs_input_grad) - 3
        readout, values, *rest = ctx.saved_tensors  # raises where one was changed in place since
        layers, readout_tensors = unflatten(tuple(rest[:count]), len(ctx.kinds))
        inputs = values if ctx.events is None else ctx.events
        problem = Problem(inputs, ctx.kinds, layers, readout_tensors, ctx.keep_spikes, ctx.integrators)
        wanted = ctx.needs_input_grad[2] and ctx.events is None
        tape = tuple(rest[count:])
        gradients = ctx.engine.backward(problem, readout, tape, _outcome(upstream, problem), wanted)
        return None, None, gradients.inputs, *gradients.tensors()
