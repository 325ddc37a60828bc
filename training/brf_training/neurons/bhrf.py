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
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory, new_tensors
from brf_training.neurons.neuron import Neuron
from brf_training.surrogate import spike


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


NEW = new_tensors(len(BHRFState._fields))


def bhrf_step(
    x: Tensor, state: BHRFState, parameters: BHRFParameters, into: StepMemory = NEW
) -> tuple[Tensor, BHRFState]:
    """One step; u receives the new v, unlike in the paper, and damping and threshold the old q.

    ``b = damping + q``; ``v' = v + u dt``; ``u' = u + x dt - 2 b u dt - omega^2 v' dt``; ``z = 1[u' - theta - q > 0]``;
    ``q' = gamma q + z``. Gradients flow through q.
    """
    u, v, q = state
    stiffness, damping, dt, theta, gamma = parameters
    u_memory, v_memory, q_memory = into.state
    rate, scratch = into.scratch
    v = torch.mul(u, dt, out=v_memory).add_(v)
    u_next = torch.mul(x, dt, out=u_memory).add_(u)
    u_next.sub_(torch.add(damping, q, out=rate).mul_(2).mul_(u).mul_(dt))
    u_next.sub_(torch.mul(stiffness, v, out=scratch).mul_(dt))
    distance = torch.sub(u_next, theta, out=into.distance).sub_(q)
    z = spike(distance) if into is NEW else into.fire(distance)
    q = torch.mul(q, gamma, out=q_memory).add_(z)
    return z, BHRFState(u_next, v, q)


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

    def step(
        self, x: Tensor, state: BHRFState, parameters: BHRFParameters, into: StepMemory = NEW
    ) -> tuple[Tensor, BHRFState]:
        """`bhrf_step`."""
        return bhrf_step(x, state, parameters, into)

    def adjoint(
        self,
        gz: Tensor,
        gradient: BHRFState,
        slope: Tensor,
        past: Past,
        parameters: BHRFParameters,
        into: AdjointMemory,
    ) -> None:
        """With ``b = damping + q``; v reaches u within the step."""
        gu, gv, gq = gradient
        stiffness, damping, dt, _, gamma = parameters
        g_stiffness, g_damping = into.totals
        gs = gz.add_(gq).mul_(slope)
        gu.add_(gs)
        gq.mul_(gamma).sub_(gs)
        gx = torch.mul(gu, dt, out=into.gx)
        gv.addcmul_(stiffness, gx, value=-1)
        half = torch.mul(gx, past.old.u, out=gs)  # -1/2 of the gradient of b
        g_stiffness.addcmul_(past.new.v, gx, value=-1)
        g_damping.add_(half, alpha=-2)
        b = torch.add(damping, past.old.q, out=into.scratch[0])
        gu.addcmul_(b, gx, value=-2).add_(torch.mul(gv, dt, out=into.scratch[1]))
        gq.add_(half, alpha=-2)

    def to_ground(self, raw: Mapping[str, Floats]) -> BHRFNeurons:
        """Absolute values in the ground's type."""
        return BHRFNeurons(np.abs(raw["omega"]), np.abs(raw["b_offset"]), self.dt, self.theta, self.gamma)

    @classmethod
    def from_ground(cls, neurons: BHRFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        values = {"omega": neurons.omega, "b_offset": neurons.b_offset}
        return cls(neurons.dt, neurons.theta, neurons.gamma), values
