"""Adaptive leaky integrate-and-fire neurons (Yin et al. 2021)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Floats
from brf_deploy.float_network import ALIFNeurons
from brf_training.initial import Distribution, Normal
from brf_training.neurons.leaky_integrator import decay
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory, new_tensors
from brf_training.neurons.neuron import Neuron
from brf_training.surrogate import spike


class ALIFParameters(NamedTuple):
    """Decays a step of membrane (alpha) and adaptation (rho), each (neurons,), in 0..1; constants."""

    alpha: Tensor
    rho: Tensor
    theta: float
    beta: float


class ALIFState(NamedTuple):
    """Membrane u, adaptation a and the last spikes z, each (batch, neurons)."""

    u: Tensor
    a: Tensor
    z: Tensor


NEW = new_tensors(len(ALIFState._fields))


def alif_step(
    x: Tensor, state: ALIFState, parameters: ALIFParameters, into: StepMemory = NEW
) -> tuple[Tensor, ALIFState]:
    """One step: adapt to the last spikes, integrate, compare, reset by subtraction.

    ``a' = rho a + (1 - rho) z``; ``threshold = theta + beta a'``; ``u' = alpha u + (1 - alpha) x``;
    ``z' = 1[u' - threshold > 0]``; ``u'' = u' - z' threshold``.
    """
    alpha, rho, theta, beta = parameters
    u_memory, a_memory, z_memory = into.state
    threshold_memory, scratch = into.scratch
    a = torch.mul(rho, state.a, out=a_memory).add_(torch.mul(1 - rho, state.z, out=scratch))
    threshold = torch.mul(a, beta, out=threshold_memory).add_(theta)
    u = torch.mul(alpha, state.u, out=u_memory).add_(torch.mul(1 - alpha, x, out=scratch))
    distance = torch.sub(u, threshold, out=into.distance)
    z = spike(distance) if into is NEW else into.fire(distance)
    u = torch.sub(u, torch.mul(z, threshold, out=scratch), out=u_memory)
    return z, ALIFState(u, a, z if z_memory is None else z_memory.copy_(z))


@dataclass(frozen=True)
class ALIF(Neuron[ALIFParameters, ALIFState]):
    """ALIF neurons with threshold theta at rest and adaptation gain beta; raw values tau_mem and tau_adp, in steps."""

    theta: float = 0.01
    beta: float = 1.8

    kind: ClassVar[str] = "alif"
    initial: ClassVar[Mapping[str, Distribution]] = {"tau_mem": Normal(20, 5), "tau_adp": Normal(200, 50)}

    def parameters(self, raw: Mapping[str, Tensor]) -> ALIFParameters:
        """Decays from the absolute time constants."""
        return ALIFParameters(decay(raw["tau_mem"]), decay(raw["tau_adp"]), self.theta, self.beta)

    def initial_state(self, x: Tensor) -> ALIFState:
        """u = a = z = 0."""
        zero = torch.zeros_like(x)
        return ALIFState(zero, zero, zero)

    def step(
        self, x: Tensor, state: ALIFState, parameters: ALIFParameters, into: StepMemory = NEW
    ) -> tuple[Tensor, ALIFState]:
        """`alif_step`."""
        return alif_step(x, state, parameters, into)

    def adjoint(
        self,
        gz: Tensor,
        gradient: ALIFState,
        slope: Tensor,
        past: Past,
        parameters: ALIFParameters,
        into: AdjointMemory,
    ) -> None:
        """Through the reset ``u'' = u' - z' threshold``, the threshold and the membrane."""
        gu, ga, g_last = gradient
        alpha, rho, theta, beta = parameters
        g_alpha, g_rho = into.totals
        old, new, scratch = past.old, past.new, into.scratch[0]
        threshold = torch.mul(new.a, beta, out=scratch).add_(theta)
        gs = gz.add_(g_last).addcmul_(gu, threshold, value=-1).mul_(slope)
        ga.sub_(torch.addcmul(gs, gu, new.z, out=scratch).mul_(beta))
        gu.add_(gs)
        g_alpha.addcmul_(gu, old.u).addcmul_(gu, past.x, value=-1)
        g_rho.addcmul_(ga, old.a).addcmul_(ga, old.z, value=-1)
        torch.mul(1 - alpha, gu, out=into.gx)
        torch.mul(1 - rho, ga, out=g_last)
        gu.mul_(alpha)
        ga.mul_(rho)

    def to_ground(self, raw: Mapping[str, Floats]) -> ALIFNeurons:
        """Absolute values in the ground's type."""
        return ALIFNeurons(np.abs(raw["tau_mem"]), np.abs(raw["tau_adp"]), self.theta, self.beta)

    @classmethod
    def from_ground(cls, neurons: ALIFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        return cls(neurons.theta, neurons.beta), {"tau_mem": neurons.tau_mem, "tau_adp": neurons.tau_adp}
