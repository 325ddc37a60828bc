"""Balanced harmonic resonate-and-fire neurons (Higuchi et al. 2024, Algorithm 2, as the published code has it)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Floats
from brf_deploy.float_network import BHRFNeurons
from brf_training.initial import Distribution, Uniform
from brf_training.neurons.neuron import Neuron
from brf_training.surrogate import double_gaussian, spike


class BHRFParameters(NamedTuple):
    """Stiffness omega^2 (neurons), 1/s^2; damping ``dt omega^2 / 2 + |b_offset|`` (neurons), 1/s; constants."""

    stiffness: Tensor
    damping: Tensor
    dt: float
    theta: float
    gamma: float


class BHRFState(NamedTuple):
    """Membrane u, its integral v and refractory state q, each (batch, neurons)."""

    u: Tensor
    v: Tensor
    q: Tensor


def bhrf_step(x: Tensor, state: BHRFState, parameters: BHRFParameters) -> tuple[Tensor, BHRFState]:
    """One step; u receives the new v, unlike in the paper, and damping and threshold the old q.

    ``b = damping + q``; ``v' = v + u dt``; ``u' = u + x dt - 2 b u dt - omega^2 v' dt``; ``z = 1[u' - theta - q > 0]``;
    ``q' = gamma q + z``. Gradients flow through q.
    """
    u, v, q = state
    stiffness, damping, dt, theta, gamma = parameters
    b = damping + q
    v_next = v + u * dt
    u_next = u + x * dt - 2 * b * u * dt - stiffness * v_next * dt
    z = spike(u_next - theta - q)
    return z, BHRFState(u_next, v_next, gamma * q + z)


@dataclass(frozen=True)
class BHRF(Neuron[BHRFParameters, BHRFState]):
    """BHRF neurons with step dt (s), threshold theta and refractory decay gamma; raw values omega and b_offset.

    ``dt omega^2 / 2`` is where an explicit Euler step keeps its length (``omega^2 / 200`` in the published code).
    """

    dt: float = 0.01
    theta: float = 1.0
    gamma: float = 0.9

    kind: ClassVar[str] = "bhrf"
    initial: ClassVar[Mapping[str, Distribution]] = {"omega": Uniform(10, 50), "b_offset": Uniform(1, 6)}

    def parameters(self, raw: Mapping[str, Tensor]) -> BHRFParameters:
        """The squared frequency, and the damping at rest."""
        stiffness = torch.square(raw["omega"])
        damping = self.dt / 2 * stiffness + raw["b_offset"].abs()
        return BHRFParameters(stiffness, damping, self.dt, self.theta, self.gamma)

    def initial_state(self, x: Tensor) -> BHRFState:
        """u = v = q = 0."""
        zero = torch.zeros_like(x)
        return BHRFState(zero, zero, zero)

    def step(self, x: Tensor, state: BHRFState, parameters: BHRFParameters) -> tuple[Tensor, BHRFState]:
        """`bhrf_step`."""
        return bhrf_step(x, state, parameters)

    def adjoint(
        self, gz: Tensor, gradient: BHRFState, x: Tensor, old: BHRFState, new: BHRFState, parameters: BHRFParameters
    ) -> tuple[Tensor, BHRFState, tuple[Tensor, Tensor]]:
        """With ``b = damping + q``; v reaches u within the step."""
        u, _, q = old
        stiffness, damping, dt, theta, gamma = parameters
        gs = (gz + gradient.q) * double_gaussian(new.u - theta - q)
        gu = gradient.u + gs
        gx = dt * gu
        gv, gb = gradient.v - stiffness * gx, -2 * u * gx
        state = BHRFState(gu - 2 * (damping + q) * gx + dt * gv, gv, gamma * gradient.q - gs + gb)
        return gx, state, (-new.v * gx, gb)

    def to_ground(self, raw: Mapping[str, Floats]) -> BHRFNeurons:
        """Absolute values in the ground's type."""
        return BHRFNeurons(np.abs(raw["omega"]), np.abs(raw["b_offset"]), self.dt, self.theta, self.gamma)

    @classmethod
    def from_ground(cls, neurons: BHRFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        values = {"omega": neurons.omega, "b_offset": neurons.b_offset}
        return cls(neurons.dt, neurons.theta, neurons.gamma), values
