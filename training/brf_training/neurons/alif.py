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
from brf_training.neurons.neuron import Neuron
from brf_training.surrogate import double_gaussian, spike


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


def alif_step(x: Tensor, state: ALIFState, parameters: ALIFParameters) -> tuple[Tensor, ALIFState]:
    """One step: adapt to the last spikes, integrate, compare, reset by subtraction.

    ``a' = rho a + (1 - rho) z``; ``threshold = theta + beta a'``; ``u' = alpha u + (1 - alpha) x``;
    ``z' = 1[u' - threshold > 0]``; ``u'' = u' - z' threshold``.
    """
    alpha, rho, theta, beta = parameters
    a = rho * state.a + (1 - rho) * state.z
    threshold = theta + beta * a
    u = alpha * state.u + (1 - alpha) * x
    z = spike(u - threshold)
    return z, ALIFState(u - z * threshold, a, z)


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

    def step(self, x: Tensor, state: ALIFState, parameters: ALIFParameters) -> tuple[Tensor, ALIFState]:
        """`alif_step`."""
        return alif_step(x, state, parameters)

    def adjoint(
        self, gz: Tensor, gradient: ALIFState, x: Tensor, old: ALIFState, new: ALIFState, parameters: ALIFParameters
    ) -> tuple[Tensor, ALIFState, tuple[Tensor, Tensor]]:
        """Through the reset ``u'' = u' - z' threshold``, the threshold and the membrane."""
        alpha, rho, theta, beta = parameters
        threshold = theta + beta * new.a
        u = alpha * old.u + (1 - alpha) * x
        gs = (gz + gradient.z - gradient.u * threshold) * double_gaussian(u - threshold)
        gu, ga = gradient.u + gs, gradient.a - beta * (gradient.u * new.z + gs)
        parts = gu * (old.u - x), ga * (old.a - old.z)
        return (1 - alpha) * gu, ALIFState(alpha * gu, rho * ga, (1 - rho) * ga), parts

    def to_ground(self, raw: Mapping[str, Floats]) -> ALIFNeurons:
        """Absolute values in the ground's type."""
        return ALIFNeurons(np.abs(raw["tau_mem"]), np.abs(raw["tau_adp"]), self.theta, self.beta)

    @classmethod
    def from_ground(cls, neurons: ALIFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        return cls(neurons.theta, neurons.beta), {"tau_mem": neurons.tau_mem, "tau_adp": neurons.tau_adp}
