"""What a neuron is: its dynamics; for one that is trained, also where it starts and its counterpart in the ground."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from torch import Tensor

from brf_deploy.arrays import Floats
from brf_deploy.errors import Unsupported
from brf_deploy.float_network import Neurons
from brf_training.initial import Distribution
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory

Parameters = TypeVar("Parameters")
State = TypeVar("State")


class Dynamics(ABC, Generic[Parameters, State]):
    """What an engine runs: parameters from raw values, silence, one step and its adjoint.

    Parameters is a named tuple of tensors (neurons,), then of numbers; State one of tensors (batch, neurons).
    exact: whether it stands for integer arithmetic, which only float64 holds.
    """

    kind: ClassVar[str]
    exact: ClassVar[bool] = False

    @abstractmethod
    def parameters(self, raw: Mapping[str, Tensor]) -> Parameters:
        """What `step` needs, computed once a sequence from the raw values (neurons,)."""

    @abstractmethod
    def initial_state(self, x: Tensor) -> State:
        """Silence, with the shape, dtype and device of a synaptic input x (batch, neurons)."""

    @abstractmethod
    def step(self, x: Tensor, state: State, parameters: Parameters, into: StepMemory = ...) -> tuple[Tensor, State]:
        """One time step: spikes z (batch, neurons), 0 or 1 in the dtype of x, and the next state.

        into: where it writes these and the distance from threshold; by default, to new tensors, with the same numbers.
        """

    def adjoint(
        self, gz: Tensor, gradient: State, slope: Tensor, past: Past, parameters: Parameters, into: AdjointMemory
    ) -> None:
        """The step backwards, in place: `gradient`, that of the new state, becomes that of the old one.

        gz: gradient of the spikes; it is overwritten. slope: of the spikes by their distance from threshold. It is what
        autograd makes of `step`, written out; a neuron without it is trained through autograd, slower. Raises
        `Unsupported` there.
        """
        raise Unsupported(f"{self.kind} neurons have no adjoint")


@dataclass(frozen=True)
class Neuron(Dynamics[Parameters, State]):
    """A kind of neuron with its constants (dt, theta, ...); trainable values live in the layer that uses it.

    `initial` names the trainable parameters, one value a neuron each, and the distributions they start from. Raw
    values may be negative: the dynamics use their absolute values.
    """

    initial: ClassVar[Mapping[str, Distribution]]

    def __post_init__(self) -> None:
        self.to_ground({name: np.ones(1) for name in self.initial})  # the ground checks dt, theta, ...

    @abstractmethod
    def to_ground(self, raw: Mapping[str, Floats]) -> Neurons:
        """The ground's neurons of this kind; its checks run here."""

    @classmethod
    @abstractmethod
    def from_ground(cls, neurons: Any) -> tuple[Self, dict[str, Floats]]:
        """The inverse of `to_ground`: the neuron and its raw values."""

    def project(self, raw: Mapping[str, Tensor]) -> None:
        """Move raw values, in place, back to where the dynamics are defined; called after each optimiser step."""


AnyDynamics = Dynamics[Any, Any]
AnyNeuron = Neuron[Any, Any]
