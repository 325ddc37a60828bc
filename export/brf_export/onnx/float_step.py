"""One step of float neurons as ONNX nodes: the formulas of `brf_deploy.float_reference`, float32, in the same order.

Constants are those of the reference's own objects. Each node is one float32 operation rounded once, as in numpy.
"""

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import Unsupported
from brf_deploy.float_reference import ALIF, BHRF, BRF, LIF, RF, Dynamics
from brf_export.onnx.values import Graph, Value

FLOAT = np.dtype(np.float32)
States = dict[str, Value]


def float_step(name: str, dynamics: Dynamics, state: States, x: Value) -> tuple[States, Value]:
    """The state (by name, with the spikes z as reals) after one step of input x, and the spikes as bool."""
    constants = Constants(x.graph, name)
    match dynamics:
        case BRF():
            after, fired = _brf(dynamics, state, x, constants)
        case RF():
            after, fired = _rf(dynamics, state, x, constants)
        case ALIF():
            after, fired = _alif(dynamics, state, x, constants)
        case LIF():
            after, fired = _lif(dynamics, state, x, constants)
        case BHRF():
            after, fired = _bhrf(dynamics, state, x, constants)
        case _:
            raise Unsupported(
                f"{name}: {type(dynamics).__name__} neurons have no ONNX form; brf, rf, alif, lif and bhrf have"
            )
    return {**after, "z": fired.cast(FLOAT)}, fired


class Constants:
    """A layer's constants in float32; raises `Unsupported` for one that float32 cannot hold."""

    def __init__(self, graph: Graph, name: str) -> None:
        self.graph, self.name = graph, name

    def __call__(self, what: str, value: npt.ArrayLike) -> Value:
        with np.errstate(over="ignore"):
            array = np.asarray(value).astype(FLOAT)
        if not np.isfinite(array).all():
            raise Unsupported(f"{self.name} {what}: not finite in float32; the exported float network computes in it")
        return self.graph.constant(f"{self.name}.{what}", array)


def _brf(neurons: BRF, state: States, x: Value, constant: Constants) -> tuple[States, Value]:
    u, v, q = state["u"], state["v"], state["q"]
    dt, omega = constant("dt", neurons.dt), constant("omega", neurons.omega)
    b = constant("at_rest", neurons.at_rest) - q
    u_next = u + b * u * dt - omega * v * dt + x * dt
    v_next = v + omega * u * dt + b * v * dt
    fired = u_next - constant("theta", neurons.theta) - q > constant("zero", 0)
    return {"u": u_next, "v": v_next, "q": constant("gamma", neurons.gamma) * q + fired.cast(FLOAT)}, fired


def _rf(neurons: RF, state: States, x: Value, constant: Constants) -> tuple[States, Value]:
    u, v = state["u"], state["v"]
    dt, omega, b = constant("dt", neurons.dt), constant("omega", neurons.omega), constant("b", neurons.b)
    u_next = u + b * u * dt - omega * v * dt + x * dt
    v_next = v + omega * u * dt + b * v * dt
    return {"u": u_next, "v": v_next}, u_next - constant("theta", neurons.theta) > constant("zero", 0)


def _alif(neurons: ALIF, state: States, x: Value, constant: Constants) -> tuple[States, Value]:
    alpha, rho = constant("alpha", neurons.alpha), constant("rho", neurons.rho)
    a = rho * state["a"] + constant("1-rho", 1 - neurons.rho) * state["z"]
    threshold = constant("theta", neurons.theta) + constant("beta", neurons.beta) * a
    u = alpha * state["u"] + constant("1-alpha", 1 - neurons.alpha) * x
    fired = u - threshold > constant("zero", 0)
    return {"u": u - fired.cast(FLOAT) * threshold, "a": a}, fired


def _lif(neurons: LIF, state: States, x: Value, constant: Constants) -> tuple[States, Value]:
    alpha, theta = constant("alpha", neurons.alpha), constant("theta", neurons.theta)
    u = alpha * state["u"] + constant("1-alpha", 1 - neurons.alpha) * x
    fired = u - theta > constant("zero", 0)
    return {"u": u - fired.cast(FLOAT) * theta}, fired


def _bhrf(neurons: BHRF, state: States, x: Value, constant: Constants) -> tuple[States, Value]:
    u, q, dt = state["u"], state["q"], constant("dt", neurons.dt)
    b = constant("at_rest", neurons.at_rest) + q
    v = state["v"] + u * dt
    u_next = u + x * dt - constant("two", 2) * b * u * dt - constant("stiffness", neurons.stiffness) * v * dt
    fired = u_next - constant("theta", neurons.theta) - q > constant("zero", 0)
    return {"u": u_next, "v": v, "q": constant("gamma", neurons.gamma) * q + fired.cast(FLOAT)}, fired
