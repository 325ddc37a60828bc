"""Float dynamics in numpy, in the order of operations of the published reference implementation (M0).

Layers are stepped together: a layer receives the spikes of the layer below from the same step and its own from the
step before; the readout receives the last layer's spikes of the same step.
"""

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Floats, Ints
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.float_network import (
    ALIFNeurons,
    BHRFNeurons,
    BRFNeurons,
    FloatLayer,
    FloatNetwork,
    LIFNeurons,
    Neurons,
    RFNeurons,
)
from brf_deploy.trace import LayerTrace, Record, Trace

Real = npt.NDArray[Any]


def p_omega(omega: Floats, dt: float) -> Floats:
    """Divergence boundary ``p = (-1 + sqrt(1 - (dt omega)^2)) / dt`` (Higuchi et al. 2024, eq. 9), 1/s."""
    return np.asarray((-1 + np.sqrt(1 - np.square(dt * omega))) / dt)


def leak_factor(tau: Floats, dtype: type[np.floating]) -> Real:
    """``alpha = exp(-1 / tau)`` rounded once, from float64: the exponentials of float32 libraries differ in bits."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(-1 / tau.astype(np.float64)), dtype)


class Dynamics(Protocol):
    """One layer's neurons: state arrays (batch, neurons) by name, advanced by `step`."""

    state: dict[str, Real]

    def step(self, x: Real) -> Bools:
        """Advance by one step of synaptic input x; returns the spikes z."""
        ...


class BRF:
    """Higuchi et al. 2024, Algorithm 1: old u in v, old q in damping and threshold, strict comparison."""

    def __init__(self, neurons: BRFNeurons, batch: int, dtype: type[np.floating]) -> None:
        self.dt, self.theta, self.gamma = dtype(neurons.dt), dtype(neurons.theta), dtype(neurons.gamma)
        self.omega = neurons.omega.astype(dtype)
        self.at_rest = p_omega(self.omega, neurons.dt) - neurons.b_offset.astype(dtype)
        self.state = {name: np.zeros((batch, neurons.count), dtype) for name in ("u", "v", "q")}

    def step(self, x: Real) -> Bools:
        u, v, q = self.state["u"], self.state["v"], self.state["q"]
        dt, omega = self.dt, self.omega
        b = self.at_rest - q
        u_next = u + b * u * dt - omega * v * dt + x * dt
        v_next = v + omega * u * dt + b * v * dt
        z = np.asarray(u_next - self.theta - q > 0)
        self.state = {"u": u_next, "v": v_next, "q": self.gamma * q + z}
        return z


class RF:
    """Resonate-and-fire without boundary or refractory state: ``b = -b_offset``."""

    def __init__(self, neurons: RFNeurons, batch: int, dtype: type[np.floating]) -> None:
        self.dt, self.theta = dtype(neurons.dt), dtype(neurons.theta)
        self.omega, self.b = neurons.omega.astype(dtype), -neurons.b_offset.astype(dtype)
        self.state = {name: np.zeros((batch, neurons.count), dtype) for name in ("u", "v")}

    def step(self, x: Real) -> Bools:
        u, v, dt = self.state["u"], self.state["v"], self.dt
        u_next = u + self.b * u * dt - self.omega * v * dt + x * dt
        v_next = v + self.omega * u * dt + self.b * v * dt
        self.state = {"u": u_next, "v": v_next}
        return np.asarray(u_next - self.theta > 0)


class ALIF:
    """Adaptive LIF (Yin et al. 2021): adaptation a, threshold ``theta + beta a``, reset by subtraction."""

    def __init__(self, neurons: ALIFNeurons, batch: int, dtype: type[np.floating]) -> None:
        self.alpha = leak_factor(neurons.tau_mem, dtype)
        self.rho = leak_factor(neurons.tau_adp, dtype)
        self.theta, self.beta = dtype(neurons.theta), dtype(neurons.beta)
        self.state = {name: np.zeros((batch, neurons.count), dtype) for name in ("u", "a")}
        self.z = np.zeros((batch, neurons.count), dtype)

    def step(self, x: Real) -> Bools:
        a = self.rho * self.state["a"] + (1 - self.rho) * self.z
        threshold = self.theta + self.beta * a
        u = self.alpha * self.state["u"] + (1 - self.alpha) * x
        z = np.asarray(u - threshold > 0)
        self.state = {"u": u - z * threshold, "a": a}
        self.z = z.astype(u.dtype)
        return z


class LIF:
    """ALIF without adaptation."""

    def __init__(self, neurons: LIFNeurons, batch: int, dtype: type[np.floating]) -> None:
        self.alpha, self.theta = np.exp(-1 / neurons.tau_mem.astype(dtype)), dtype(neurons.theta)
        self.state = {"u": np.zeros((batch, neurons.count), dtype)}

    def step(self, x: Real) -> Bools:
        u = self.alpha * self.state["u"] + (1 - self.alpha) * x
        z = np.asarray(u - self.theta > 0)
        self.state = {"u": u - z * self.theta}
        return z


class BHRF:
    """Higuchi et al. 2024, Algorithm 2, in the published code's order: the new v in u, b grows with q."""

    def __init__(self, neurons: BHRFNeurons, batch: int, dtype: type[np.floating]) -> None:
        self.dt, self.theta, self.gamma = dtype(neurons.dt), dtype(neurons.theta), dtype(neurons.gamma)
        self.stiffness = np.square(neurons.omega.astype(dtype))
        self.at_rest = dtype(neurons.dt / 2) * self.stiffness + neurons.b_offset.astype(dtype)
        self.state = {name: np.zeros((batch, neurons.count), dtype) for name in ("u", "v", "q")}

    def step(self, x: Real) -> Bools:
        u, q, dt = self.state["u"], self.state["q"], self.dt
        b = self.at_rest + q
        v = self.state["v"] + u * dt
        u_next = u + x * dt - 2 * b * u * dt - self.stiffness * v * dt
        z = np.asarray(u_next - self.theta - q > 0)
        self.state = {"u": u_next, "v": v, "q": self.gamma * q + z}
        return z


def dynamics(neurons: Neurons, batch: int, dtype: type[np.floating]) -> Dynamics:
    """The dynamics of a layer's neurons from silence."""
    match neurons:
        case BRFNeurons():
            return BRF(neurons, batch, dtype)
        case RFNeurons():
            return RF(neurons, batch, dtype)
        case ALIFNeurons():
            return ALIF(neurons, batch, dtype)
        case LIFNeurons():
            return LIF(neurons, batch, dtype)
        case BHRFNeurons():
            return BHRF(neurons, batch, dtype)
    raise Unsupported(f"neuron '{neurons.kind}' has no float dynamics here")


class FloatRun:
    """A float network in the middle of a run over a batch; `step` advances it by one time step."""

    def __init__(self, network: FloatNetwork, batch: int, dtype: type[np.floating]) -> None:
        self.network, self.dtype = network, dtype
        self.dynamics = [dynamics(layer.neurons, batch, dtype) for layer in network.layers]
        self.spikes = [np.zeros((batch, layer.neurons.count), bool) for layer in network.layers]
        self.weights = [_weights(layer, dtype) for layer in network.layers]
        self.alpha = leak_factor(network.readout.tau, dtype)
        self.readout_weight = np.ascontiguousarray(network.readout.weight.astype(dtype).T)
        self.y = np.zeros((batch, network.outputs), dtype)

    def step(self, inputs: Real) -> None:
        """Advance by one step of real inputs (batch, inputs)."""
        below = inputs
        for index, layer in enumerate(self.dynamics):
            into, recurrent = self.weights[index]
            x = below @ into
            if recurrent is not None:
                x = x + self.spikes[index].astype(self.dtype) @ recurrent
            self.spikes[index] = layer.step(x)
            below = self.spikes[index].astype(self.dtype)
        self.y = self.alpha * self.y + (1 - self.alpha) * (below @ self.readout_weight)


def _weights(layer: FloatLayer, dtype: type[np.floating]) -> tuple[Real, Real | None]:
    recurrent = None if layer.recurrent_weight is None else np.ascontiguousarray(layer.recurrent_weight.T, dtype)
    return np.ascontiguousarray(layer.input_weight.T, dtype), recurrent


def presented(encoding: Encoding, width: int, inputs: Ints, dtype: type[np.floating]) -> Real:
    """Real inputs (time, batch, inputs) of a float network for integer messages."""
    messages = encoding.present(inputs)
    if messages.shape[2] != width:
        raise InvalidInput(f"input messages: {messages.shape[2]} channels found, the network has {width}")
    return encoding.as_real(messages, dtype)


def run_float(
    network: FloatNetwork, inputs: Ints, dtype: type[np.floating] = np.float32, record: Record = Record.SPIKES
) -> Trace:
    """Run messages (time, batch, inputs) through the float network from silence."""
    x = presented(network.encoding, network.inputs, inputs, dtype)
    steps, batch, _ = x.shape
    run = FloatRun(network, batch, dtype)
    kept: list[LayerTrace] = []
    for layer in run.dynamics:
        shape = (steps, *layer.state["u"].shape)
        states = {name: np.zeros(shape, dtype) for name in layer.state} if record is Record.STATES else {}
        kept.append(LayerTrace(np.zeros(shape, bool), states))
    readout = np.zeros((steps, batch, network.outputs), dtype)
    for t in range(steps):
        run.step(x[t])
        for trace, spikes, layer in zip(kept, run.spikes, run.dynamics, strict=True):
            trace.spikes[t] = spikes
            for name, array in trace.states.items():
                array[t] = layer.state[name]
        readout[t] = run.y
    return Trace(tuple(kept), readout)
