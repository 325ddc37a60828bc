"""The leaky integrators that read a network out: of real numbers, and as the integer network has them."""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from brf_training.initial import Normal
from brf_training.rounding import saturate, toward_zero

INITIAL_TAU = Normal(20, 5)  # Higuchi et al. 2024, Table 3: S-MNIST


def decay(tau: Tensor) -> Tensor:
    """``exp(-1 / |tau|)``, the decay a step of a time constant in steps."""
    return torch.exp(-1 / tau.abs())


def leaky_step(x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """``y' = alpha y + (1 - alpha) x``: weighted spikes x of this same step (batch, outputs), alpha (outputs)."""
    return alpha * y + (1 - alpha) * x


class Integrator(Protocol):
    """A step ``y' = f(alpha y) + gain x`` of y and x (..., outputs), and the pieces of its adjoint."""

    exact: ClassVar[bool]  # whether it stands for integer arithmetic, which only float64 holds

    def step(self, x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
        """One step, differentiable."""
        ...

    def gain(self, alpha: Tensor) -> Tensor:
        """By what the input is multiplied."""
        ...

    def add_kept(self, now: Tensor, y: Tensor, alpha: Tensor) -> None:
        """In place: `now`, the input times the gain, becomes the next y."""
        ...

    def mask(self, g: Tensor, y: Tensor) -> Tensor:
        """In place: the gradient g of y, 0 where none passes."""
        ...

    def slope_of_alpha(self, x: Tensor, y: Tensor) -> Tensor:
        """Derivative of the next y by alpha."""
        ...


@dataclass(frozen=True)
class Leaky:
    """Of real numbers: `leaky_step`."""

    exact: ClassVar[bool] = False

    def step(self, x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
        """`leaky_step`."""
        return leaky_step(x, y, alpha)

    def gain(self, alpha: Tensor) -> Tensor:
        """1 - alpha."""
        return 1 - alpha

    def add_kept(self, now: Tensor, y: Tensor, alpha: Tensor) -> None:
        """``now + alpha y``."""
        now.addcmul_(alpha, y)

    def mask(self, g: Tensor, y: Tensor) -> Tensor:
        """All passes."""
        return g

    def slope_of_alpha(self, x: Tensor, y: Tensor) -> Tensor:
        """``y - x``."""
        return y - x


@dataclass(frozen=True)
class FixedLeaky:
    """The integer network's readout in real units: ``y' = sat(rtz(alpha y) + x)`` (docs/arithmetic.md section 2).

    unit: what the last bit of y is worth, ``2**-Fo``; limit: the largest ``|y|``. The weights hold ``1 - alpha``.
    Gradients pass rounding as if it were not there, and stop where y is clipped.
    """

    unit: float
    limit: float
    exact: ClassVar[bool] = True

    def step(self, x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
        """One step, exact in float64."""
        return saturate(toward_zero(alpha * y, self.unit) + x, self.limit)

    def gain(self, alpha: Tensor) -> Tensor:
        """1."""
        return torch.ones_like(alpha)

    def add_kept(self, now: Tensor, y: Tensor, alpha: Tensor) -> None:
        """``sat(now + rtz(alpha y))``."""
        now.add_((alpha * y).div_(self.unit).trunc_().mul_(self.unit)).clamp_(-self.limit, self.limit)

    def mask(self, g: Tensor, y: Tensor) -> Tensor:
        """0 where y is at its limit."""
        return g.mul_(y.abs() < self.limit)

    def slope_of_alpha(self, x: Tensor, y: Tensor) -> Tensor:
        """The old y."""
        return y
