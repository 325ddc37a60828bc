"""The spike function: a strict step forward, a double Gaussian backward."""

from math import pi, sqrt
from typing import Any

import torch
from torch import Tensor

# Higuchi et al. 2024, eq. 39-40 with the constants of the published code, which normalises its Gaussians and halves
# their sum: 0.5 * ((1 + p) N(x; 0, sigma) - 2 p N(x; 0, s sigma)) with p = 0.15, sigma = 0.5, s = 6.
NARROW_WEIGHT, NARROW_STD = 0.5 * 1.15, 0.5
WIDE_WEIGHT, WIDE_STD = 0.5 * 0.30, 3.0


# Peak and rate of each: peak * exp(rate * x^2).
NARROW_PEAK, NARROW_RATE = NARROW_WEIGHT / (NARROW_STD * sqrt(2 * pi)), -0.5 / NARROW_STD**2
WIDE_PEAK, WIDE_RATE = WIDE_WEIGHT / (WIDE_STD * sqrt(2 * pi)), -0.5 / WIDE_STD**2


def double_gaussian(x: Tensor, out: Tensor | None = None, scratch: Tensor | None = None) -> Tensor:
    """``dz/dx = 0.5 (1.15 N(x; 0, 0.5) - 0.30 N(x; 0, 3))`` with normalised Gaussians; 0.4388 at its peak, x = 0.

    out, scratch: memory of the shape of x for the result, which may be that of x, and for what comes between.
    """
    square = torch.mul(x, x, out=out)
    narrow = torch.mul(square, NARROW_RATE, out=scratch).exp_().mul_(NARROW_PEAK)
    wide = torch.mul(square, WIDE_RATE, out=out).exp_()
    return torch.sub(narrow, wide, alpha=WIDE_PEAK, out=out)


class _Spike(torch.autograd.Function):
    """A comparison, never arithmetic on x: a state that overflowed to infinity still gives 0 or 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradients[0] * double_gaussian(x)


def spike(x: Tensor) -> Tensor:
    """``z = 1[x > 0]`` in the dtype of x, with the double-Gaussian surrogate as its gradient.

    x: distance of the membrane from its threshold, any shape. Strictly greater: x = 0 gives no spike.
    """
    if not (x.requires_grad and torch.is_grad_enabled()):
        return (x > 0).to(x.dtype)
    z: Tensor = _Spike.apply(x)  # type: ignore[no-untyped-call]
    return z
