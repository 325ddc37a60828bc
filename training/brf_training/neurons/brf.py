"""Balanced resonate-and-fire neurons (Higuchi et al. 2024, Algorithm 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Floats
from brf_deploy.errors import InvalidNetwork
from brf_deploy.float_network import BRFNeurons
from brf_training.initial import Distribution, Uniform
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory, new_tensors
from brf_training.neurons.neuron import Neuron
from brf_training.neurons.resonator import rotate, rotate_back
from brf_training.surrogate import spike

# Projection keeps dt |omega| at or below this. At 1 the slope of p(omega) is infinite, and just below it the pole at
# rest is so strongly damped that full refractory damping carries it out of the disc on the other side.
LARGEST_ROTATION = 0.99


class BRFParameters(NamedTuple):
    """omega (neurons), rad/s, >= 0; damping ``p_omega - |b_offset|`` (neurons), 1/s; constants."""

    omega: Tensor
    damping: Tensor
    dt: float
    theta: float
    gamma: float


class BRFState(NamedTuple):
    """Membrane u + iv and refractory state q, each (batch, neurons)."""

    u: Tensor
    v: Tensor
    q: Tensor


def p_omega(omega: Tensor, dt: float) -> Tensor:
    """The divergence boundary ``p = (-1 + sqrt(1 - (dt omega)^2)) / dt`` (Higuchi et al. 2024, eq. 9), 1/s.

    omega (neurons), rad/s, >= 0; dt in seconds. Raises `InvalidNetwork` where ``dt * omega > 1``: no damping keeps
    an explicit Euler step of such a rotation on the unit circle.
    """
    product = dt * omega
    if bool((product > 1).any()):
        index = int(product.argmax())
        raise InvalidNetwork(
            f"neuron {index}: omega {omega[index].item():.4g} rad/s with dt {dt} s gives dt * omega = "
            f"{product[index].item():.4g}, the divergence boundary p(omega) ends at 1; lower omega to at most "
            f"{1 / dt:.4g} rad/s or make dt smaller"
        )
    # The square root from float64, rounded once: torch's in float32 is not correctly rounded on every processor.
    root = torch.sqrt((1 - torch.square(product)).double()).to(product.dtype)
    return (-1 + root) / dt


NEW = new_tensors(len(BRFState._fields))


def brf_step(x: Tensor, state: BRFState, parameters: BRFParameters, into: StepMemory = NEW) -> tuple[Tensor, BRFState]:
    """One step, every right-hand side with the old u, v and q.

    ``b = p_omega - |b_offset| - q``; ``u' = u + b u dt - omega v dt + x dt``; ``v' = v + omega u dt + b v dt``;
    ``z = 1[u' - theta - q > 0]``; ``q' = gamma q + z``. Gradients flow through q.
    """
    u, v, q = state
    omega, damping, dt, theta, gamma = parameters
    u_memory, v_memory, q_memory = into.state
    b = torch.sub(damping, q, out=into.scratch[0])
    u, v = rotate(u, v, x, b, omega, dt, (u_memory, v_memory, into.scratch[1]))
    distance = torch.sub(u, theta, out=into.distance).sub_(q)
    z = spike(distance) if into is NEW else into.fire(distance)
    q = torch.mul(q, gamma, out=q_memory).add_(z)
    return z, BRFState(u, v, q)


@dataclass(frozen=True)
class BRF(Neuron[BRFParameters, BRFState]):
    """BRF neurons with step dt (s), threshold theta and refractory decay gamma; raw values omega and b_offset."""

    dt: float = 0.01
    theta: float = 1.0
    gamma: float = 0.9

    kind: ClassVar[str] = "brf"
    initial: ClassVar[Mapping[str, Distribution]] = {"omega": Uniform(5, 10), "b_offset": Uniform(0.1, 1)}

    def parameters(self, raw: Mapping[str, Tensor]) -> BRFParameters:
        """Absolute values, and the damping at rest."""
        omega = raw["omega"].abs()
        damping = p_omega(omega, self.dt) - raw["b_offset"].abs()
        return BRFParameters(omega, damping, self.dt, self.theta, self.gamma)

    def initial_state(self, x: Tensor) -> BRFState:
        """u = v = q = 0."""
        zero = torch.zeros_like(x)
        return BRFState(zero, zero, zero)

    def step(
        self, x: Tensor, state: BRFState, parameters: BRFParameters, into: StepMemory = NEW
    ) -> tuple[Tensor, BRFState]:
        """`brf_step`."""
        return brf_step(x, state, parameters, into)

    def adjoint(
        self,
        gz: Tensor,
        gradient: BRFState,
        slope: Tensor,
        past: Past,
        parameters: BRFParameters,
        into: AdjointMemory,
    ) -> None:
        """With ``b = damping - q`` and gs the gradient of the distance from threshold."""
        gu, gv, gq = gradient
        u, v, q = past.old
        omega, damping, dt, _, gamma = parameters
        gs = gz.add_(gq).mul_(slope)
        gu.add_(gs)
        gq.mul_(gamma).sub_(gs)
        gb = gs  # its memory
        rotate_back(gu, gv, gb, u, v, torch.sub(damping, q, out=into.scratch[1]), omega, dt, into)
        gq.sub_(gb)

    def to_ground(self, raw: Mapping[str, Floats]) -> BRFNeurons:
        """Absolute values in the ground's type."""
        return BRFNeurons(np.abs(raw["omega"]), np.abs(raw["b_offset"]), self.dt, self.theta, self.gamma)

    @classmethod
    def from_ground(cls, neurons: BRFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        values = {"omega": neurons.omega, "b_offset": neurons.b_offset}
        return cls(neurons.dt, neurons.theta, neurons.gamma), values

    def project(self, raw: Mapping[str, Tensor]) -> None:
        """Keep ``dt * |omega|`` below 1, where the divergence boundary and its slope are finite."""
        limit = LARGEST_ROTATION / self.dt
        raw["omega"].clamp_(-limit, limit)
