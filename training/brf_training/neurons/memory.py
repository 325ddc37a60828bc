"""Where a step and its adjoint write, so that a loop over time allocates nothing."""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class StepMemory(NamedTuple):
    """Of a step, each (batch, neurons): spikes, their distance from threshold, new state, and two to calculate in.

    zero: the number 0, as a tensor. fired: whether the spikes stand there already, when a known step is run again.
    """

    z: Any
    distance: Any
    state: tuple[Any, ...]
    scratch: tuple[Any, Any] = (None, None)
    zero: Any = None
    fired: bool = False

    def fire(self, distance: Tensor) -> Tensor:
        """The spikes: 1 where the distance from threshold is above 0."""
        spikes: Tensor = self.z if self.fired else torch.gt(distance, self.zero, out=self.z)
        return spikes


def new_tensors(states: int) -> StepMemory:
    """Of a neuron with so many states: every result a new tensor, as autograd needs it."""
    return StepMemory(None, None, (None,) * states)


class Past(NamedTuple):
    """A step that was taken: synaptic input, old and new state."""

    x: Tensor
    old: Any
    new: Any


class AdjointMemory(NamedTuple):
    """Of an adjoint, each (batch, neurons): gradient of x, totals for those of the parameters, two to calculate in."""

    gx: Tensor
    totals: tuple[Tensor, ...]
    scratch: tuple[Tensor, Tensor]
