"""The float network: what training produces and the quantiser reads. Equations: `brf_deploy.float_reference`."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from brf_deploy.arrays import Floats, check_length, check_range, frozen_floats
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidNetwork


def _non_negative(name: str, value: Floats) -> Floats:
    array = frozen_floats(name, value, 1)
    if (array < 0).any():
        index = int(np.argmax(array < 0))
        raise InvalidNetwork(f"{name}[{index}]: {array[index]} is negative; pass its absolute value")
    return array


def _positive(name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise InvalidNetwork(f"{name}: {value} found, a positive number needed")


def _check(neurons: "Neurons", arrays: tuple[str, ...], positive: tuple[str, ...]) -> None:
    """Make the per-neuron arrays read-only, non-negative and of one length; refuse numbers that must be positive."""
    for name in arrays:
        object.__setattr__(neurons, name, _non_negative(name, getattr(neurons, name)))
        check_length(name, getattr(neurons, name), neurons.count)
    for name in positive:
        _positive(name, getattr(neurons, name))


def _decaying(gamma: float) -> None:
    if not 0 <= gamma < 1:
        raise InvalidNetwork(f"gamma: {gamma} is outside 0 <= gamma < 1; the refractory state would not decay")


@dataclass(frozen=True, eq=False)
class BRFNeurons:
    """Balanced resonate-and-fire neurons (Higuchi et al. 2024, Algorithm 1).

    omega: angular eigenfrequency (neurons), rad/s, ``dt * omega <= 1``. b_offset: damping offset (neurons), >= 0.
    theta: threshold. gamma: refractory decay a step. dt: step, s.
    """

    kind: ClassVar[str] = "brf"
    omega: Floats
    b_offset: Floats
    dt: float = 0.01
    theta: float = 1.0
    gamma: float = 0.9

    def __post_init__(self) -> None:
        _check(self, ("omega", "b_offset"), ("dt", "theta"))
        _decaying(self.gamma)
        product = self.dt * self.omega.astype(np.float64)
        if product.size and product.max() > 1:
            index = int(product.argmax())
            raise InvalidNetwork(
                f"neuron {index}: dt * omega = {product[index]:.4g} exceeds 1, where the divergence boundary "
                f"p(omega) = (sqrt(1 - (dt omega)^2) - 1) / dt ends; lower omega ({self.omega[index]:.4g} rad/s) "
                f"to at most {1 / self.dt:.4g} or make dt ({self.dt} s) smaller"
            )

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.omega)


@dataclass(frozen=True, eq=False)
class RFNeurons:
    """Resonate-and-fire neurons: BRF without divergence boundary and refractory state."""

    kind: ClassVar[str] = "rf"
    omega: Floats
    b_offset: Floats
    dt: float = 0.01
    theta: float = 1.0

    def __post_init__(self) -> None:
        _check(self, ("omega", "b_offset"), ("dt", "theta"))

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.omega)


@dataclass(frozen=True, eq=False)
class ALIFNeurons:
    """Adaptive leaky integrate-and-fire neurons (Yin et al. 2021), time constants in steps.

    theta: threshold at rest. beta: threshold gain of the adaptation.
    """

    kind: ClassVar[str] = "alif"
    tau_mem: Floats
    tau_adp: Floats
    theta: float = 0.01
    beta: float = 1.8

    def __post_init__(self) -> None:
        _check(self, ("tau_mem", "tau_adp"), ("theta", "beta"))

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.tau_mem)


@dataclass(frozen=True, eq=False)
class LIFNeurons:
    """Leaky integrate-and-fire neurons: ALIF without adaptation. tau_mem: time constant (neurons), steps."""

    kind: ClassVar[str] = "lif"
    tau_mem: Floats
    theta: float = 1.0

    def __post_init__(self) -> None:
        _check(self, ("tau_mem",), ("theta",))

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.tau_mem)


@dataclass(frozen=True, eq=False)
class BHRFNeurons:
    """Balanced harmonic resonate-and-fire neurons (Higuchi et al. 2024, Algorithm 2, as the published code has it).

    omega: angular eigenfrequency (neurons), rad/s. b_offset: damping offset (neurons), >= 0. theta: threshold.
    gamma: refractory decay a step. dt: step, s.
    """

    kind: ClassVar[str] = "bhrf"
    omega: Floats
    b_offset: Floats
    dt: float = 0.01
    theta: float = 1.0
    gamma: float = 0.9

    def __post_init__(self) -> None:
        _check(self, ("omega", "b_offset"), ("dt", "theta"))
        _decaying(self.gamma)

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.omega)


Neurons = BRFNeurons | RFNeurons | ALIFNeurons | LIFNeurons | BHRFNeurons


@dataclass(frozen=True, eq=False)
class FloatLayer:
    """Neurons with input weights (neurons, inputs) and recurrent weights (neurons, neurons) or none.

    A neuron receives ``input_weight @ x_t + recurrent_weight @ z_{t-1}``; a following layer receives z_t.
    """

    name: str
    neurons: Neurons
    input_weight: Floats
    recurrent_weight: Floats | None = None

    def __post_init__(self) -> None:
        weight = frozen_floats(f"layer '{self.name}' input_weight", self.input_weight, 2)
        object.__setattr__(self, "input_weight", weight)
        check_length(f"layer '{self.name}' input_weight", weight, self.neurons.count)
        if self.recurrent_weight is not None:
            recurrent = frozen_floats(f"layer '{self.name}' recurrent_weight", self.recurrent_weight, 2)
            object.__setattr__(self, "recurrent_weight", recurrent)
            for axis in (0, 1):
                check_length(f"layer '{self.name}' recurrent_weight", recurrent, self.neurons.count, axis)

    def __repr__(self) -> str:
        loop = "recurrent" if self.recurrent_weight is not None else "feed-forward"
        return f"{self.name}: {self.input_weight.shape[1]} -> {self.neurons.count} {self.neurons.kind}, {loop}"


@dataclass(frozen=True, eq=False)
class FloatReadout:
    """Leaky integrators ``y_t = alpha y_{t-1} + (1 - alpha) (weight @ z_t)``, ``alpha = exp(-1 / tau)``.

    tau (outputs), steps, > 0. weight (outputs, neurons).
    """

    tau: Floats
    weight: Floats

    def __post_init__(self) -> None:
        object.__setattr__(self, "tau", _non_negative("readout tau", self.tau))
        object.__setattr__(self, "weight", frozen_floats("readout weight", self.weight, 2))
        check_length("readout tau", self.tau, self.weight.shape[0])

    def __repr__(self) -> str:
        return f"readout: {self.weight.shape[1]} -> {self.weight.shape[0]} leaky integrators"


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """A chain of spiking layers and a readout, with the task it was trained for.

    `skip_steps`: the first steps that neither loss nor prediction looks at (`sub_seq_length` of the reference).
    """

    task: str
    encoding: Encoding
    layers: tuple[FloatLayer, ...]
    readout: FloatReadout
    skip_steps: int = 0
    notes: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.layers:
            raise InvalidNetwork("network: no layer found, at least one needed")
        width = self.inputs
        for layer in self.layers:
            check_length(f"layer '{layer.name}' input_weight", layer.input_weight, width, 1)
            width = layer.neurons.count
        check_length("readout weight", self.readout.weight, width, 1)
        check_range("skip_steps", self.skip_steps, 0, 2**31)

    @property
    def inputs(self) -> int:
        """Number of input channels."""
        return int(self.layers[0].input_weight.shape[1])

    @property
    def outputs(self) -> int:
        """Number of readout channels."""
        return int(self.readout.weight.shape[0])

    def __repr__(self) -> str:
        return "\n".join([f"FloatNetwork for '{self.task}'", *(f"  {part!r}" for part in (*self.layers, self.readout))])
