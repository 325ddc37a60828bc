"""Resonate-and-fire neurons: BRF without divergence boundary and refractory state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from brf_deploy.arrays import Floats
from brf_deploy.float_network import RFNeurons
from brf_training.initial import Distribution, Uniform
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory, new_tensors
from brf_training.neurons.neuron import Neuron
from brf_training.neurons.resonator import rotate, rotate_back
from brf_training.surrogate import spike


class RFParameters(NamedTuple):
    """omega (neurons), rad/s, >= 0; damping ``-|b_offset|`` (neurons), 1/s; constants."""

    omega: Tensor
    damping: Tensor
    dt: float
    theta: float


class RFState(NamedTuple):
    """Membrane u + iv, each (batch, neurons)."""

    u: Tensor
    v: Tensor


NEW = new_tensors(len(RFState._fields))


def rf_step(x: Tensor, state: RFState, parameters: RFParameters, into: StepMemory = NEW) -> tuple[Tensor, RFState]:
    """One step with the old u and v: the rotation of BRF with ``b = -|b_offset|``; ``z = 1[u' - theta > 0]``."""
    omega, damping, dt, theta = parameters
    u, v = rotate(state.u, state.v, x, damping, omega, dt, (*into.state, into.scratch[0]))
    distance = torch.sub(u, theta, out=into.distance)
    z = spike(distance) if into is NEW else into.fire(distance)
    return z, RFState(u, v)


@dataclass(frozen=True)
class RF(Neuron[RFParameters, RFState]):
    """RF neurons with step dt (s) and threshold theta; raw values omega and b_offset."""

    dt: float = 0.01
    theta: float = 1.0

    kind: ClassVar[str] = "rf"
    initial: ClassVar[Mapping[str, Distribution]] = {"omega": Uniform(5, 10), "b_offset": Uniform(0.1, 1)}

    def parameters(self, raw: Mapping[str, Tensor]) -> RFParameters:
        """Absolute values."""
        return RFParameters(raw["omega"].abs(), -raw["b_offset"].abs(), self.dt, self.theta)

    def initial_state(self, x: Tensor) -> RFState:
        """u = v = 0."""
        zero = torch.zeros_like(x)
        return RFState(zero, zero)

    def step(
        self, x: Tensor, state: RFState, parameters: RFParameters, into: StepMemory = NEW
    ) -> tuple[Tensor, RFState]:
        """`rf_step`."""
        return rf_step(x, state, parameters, into)

    def adjoint(
        self,
        gz: Tensor,
        gradient: RFState,
        slope: Tensor,
        past: Past,
        parameters: RFParameters,
        into: AdjointMemory,
    ) -> None:
        """That of BRF without q."""
        gu, gv = gradient
        omega, damping, dt, _ = parameters
        gu.add_(gz.mul_(slope))
        rotate_back(gu, gv, into.scratch[1], past.old.u, past.old.v, damping, omega, dt, into)

    def to_ground(self, raw: Mapping[str, Floats]) -> RFNeurons:
        """Absolute values in the ground's type."""
        return RFNeurons(np.abs(raw["omega"]), np.abs(raw["b_offset"]), self.dt, self.theta)

    @classmethod
    def from_ground(cls, neurons: RFNeurons) -> tuple[Self, dict[str, Floats]]:
        """Constants and values of the ground's type."""
        return cls(neurons.dt, neurons.theta), {"omega": neurons.omega, "b_offset": neurons.b_offset}
