"""Leaky integrate-and-fire neurons: ALIF without adaptation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Floats
from brf_deploy.float_network import LIFNeurons
from brf_training.initial import Distribution, Normal
from brf_training.neurons.leaky_integrator import decay
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory, new_tensors
from brf_training.neurons.neuron import Neuron
from brf_training.surrogate import spike


class LIFParameters(NamedTuple):
    """Decay a step of the membrane (neurons,), in 0..1; threshold."""

    alpha: Tensor
    theta: float


class LIFState(NamedTuple):
    """Membrane u (batch, neurons)."""

    u: Tensor


NEW = new_tensors(len(LIFState._fields))


def lif_step(x: Tensor, state: LIFState, parameters: LIFParameters, into: StepMemory = NEW) -> tuple[Tensor, LIFState]:
    """One step: ``u' = alpha u + (1 - alpha) x``; ``z = 1[u' - theta > 0]``; ``u'' = u' - z theta``."""
    alpha, theta = parameters
    (memory,), (scratch, _) = into.state, into.scratch
    u = torch.mul(alpha, state.u, out=memory).add_(torch.mul(1 - alpha, x, out=scratch))
    distance = torch.sub(u, theta, out=into.distance)
    z = spike(distance) if into is NEW else into.fire(distance)
    return z, LIFState(torch.sub(u, torch.mul(z, theta, out=scratch), out=memory))


@dataclass(frozen=True)
class LIF(Neuron[LIFParameters, LIFState]):
    """LIF neurons with threshold theta; raw value tau_mem, in steps."""

    theta: float = 1.0

    kind: ClassVar[str] = "lif"
    initial: ClassVar[Mapping[str, Distribution]] = {"tau_mem": Normal(20, 5)}

    def parameters(self, raw: Mapping[str, Tensor]) -> LIFParameters:
        """Decay from the absolute time constant."""
        return LIFParameters(decay(raw["tau_mem"]), self.theta)

    def initial_state(self, x: Tensor) -> LIFState:
        """u = 0."""
        return LIFState(torch.zeros_like(x))

    def step(
        self, x: Tensor, state: LIFState, parameters: LIFParameters, into: StepMemory = NEW
    ) -> tuple[Tensor, LIFState]:
        """`lif_step`."""
        return lif_step(x, state, parameters, into)

    def adjoint(
        self,
        gz: Tensor,
        gradient: LIFState,
        slope: Tensor,
        past: Past,
        parameters: LIFParameters,
        into: AdjointMemory,
    ) -> None:
        """Through the reset ``u'' = u' - z theta`` and the membrane."""
        (gu,), (g_alpha,) = gradient, into.totals
        alpha, theta = parameters
        gz.sub_(torch.mul(gu, theta, out=into.scratch[0])).mul_(slope)
        gu.add_(gz)
        g_alpha.addcmul_(gu, past.old.u).addcmul_(gu, past.x, value=-1)
        torch.mul(1 - alpha, gu, out=into.gx)
        gu.mul_(alpha)

    def to_ground(self, raw: Mapping[str, Floats]) -> LIFNeurons:
        """Absolute values in the ground's type."""
        return LIFNeurons(np.abs(raw["tau_mem"]), self.theta)

    @classmethod
    def from_ground(cls, neurons: LIFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        return cls(neurons.theta), {"tau_mem": neurons.tau_mem}
