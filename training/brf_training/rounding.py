"""The integer network's rounding on real numbers, exact in float64, with gradients that pass straight through."""

from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, real: Tensor, rounded: Tensor) -> Tensor:
        return rounded.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0], None


def straight_through(real: Tensor, rounded: Tensor) -> Tensor:
    """`rounded`, bit for bit, with the gradient of `real` (Bengio et al. 2013); both of one shape."""
    passed: Tensor = _StraightThrough.apply(real, rounded)  # type: ignore[no-untyped-call]
    return passed


def toward_zero(x: Tensor, unit: float) -> Tensor:
    """To a multiple of `unit`, a power of two, toward zero."""
    return straight_through(x, torch.trunc(x.detach() / unit) * unit)


def down(x: Tensor, unit: float) -> Tensor:
    """To a multiple of `unit`, a power of two, down."""
    return straight_through(x, torch.floor(x.detach() / unit) * unit)


def to_nearest(x: Tensor, unit: float) -> Tensor:
    """To the nearest multiple of `unit`, a power of two, halves up."""
    return straight_through(x, torch.floor(x.detach() / unit + 0.5) * unit)


def saturate(x: Tensor, limit: float) -> Tensor:
    """``-limit .. limit``; no gradient where the result is at a limit."""
    open_ = x.detach().abs() < limit
    return torch.where(open_, x, x.detach().clamp(-limit, limit))
