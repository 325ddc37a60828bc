"""The reference backend: the definition of the integer semantics, to be read beside docs/arithmetic.md section 2.

Vectorised over batch and neurons only; one line of the definition is one line here.
"""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Bools, Ints
from brf_deploy.backend import Availability, check_inputs
from brf_deploy.certificate import reset
from brf_deploy.fixed_point import saturate, shift_down, shift_toward_zero, shift_up, weighted_sum
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import LayerTrace, Record, Trace


@dataclass(frozen=True, eq=False)
class ResonatorState:
    """u, v, q (batch, neurons) with Fs fraction bits and the last spikes z."""

    u: Ints
    v: Ints
    q: Ints
    z: Bools

    @classmethod
    def silent(cls, batch: int, neurons: int) -> "ResonatorState":
        """All zero, where every sample begins."""
        zero = np.zeros((batch, neurons), np.int64)
        return cls(zero, zero, zero, zero.astype(bool))


def synaptic_input(layer: ResonatorLayer, messages: Ints | Bools, input_fraction: int, z: Bools) -> Ints:
    """x (batch, neurons): input messages of this step plus the layer's own spikes of the step before."""
    x = shift_up(weighted_sum(messages, layer.input.mantissa), layer.input.shift(input_fraction))
    if layer.recurrent is not None:
        x = x + shift_up(weighted_sum(z, layer.recurrent.mantissa), layer.recurrent.shift(layer.state_fraction))
    return x


def resonator_step(state: ResonatorState, x: Ints, layer: ResonatorLayer, arithmetic: Arithmetic) -> ResonatorState:
    """One step of a resonator layer: rotate with the old state, add x, clip, compare with the old q."""
    f, limit = arithmetic.accumulator_fraction, arithmetic.limit
    D, W = layer.coefficients(arithmetic)
    C = reset(state.q, layer.refractory, layer.state_fraction, arithmetic)
    A = (1 << f) - D - C
    u = saturate(shift_toward_zero(A * state.u - W * state.v, f) + x, limit)
    v = saturate(shift_toward_zero(A * state.v + W * state.u, f), limit)
    z = u > layer.threshold + state.q
    decayed = shift_down(state.q * layer.refractory.decay, layer.refractory.decay_exponent)
    q = decayed + shift_up(z.astype(np.int64), layer.state_fraction)
    return ResonatorState(u, v, q, z)


def readout_step(y: Ints, z: Bools, readout: Readout, arithmetic: Arithmetic) -> Ints:
    """One step of the leaky integrators; z are the last layer's spikes of this same step."""
    keep = (1 << readout.leak_exponent) - readout.leak
    drive = shift_up(weighted_sum(z, readout.weight.mantissa), readout.weight.shift(readout.fraction))
    return saturate(shift_toward_zero(keep * y, readout.leak_exponent) + drive, arithmetic.limit)


class Reference:
    """Runs any integer network with numpy; every other backend must equal it on every bit."""

    name = "reference"
    slow = False

    def availability(self) -> Availability:
        """Always there: numpy is all it needs."""
        return Availability(True, f"numpy {np.__version__}")

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) through the network from silence."""
        messages = check_inputs(network, inputs)
        steps, batch, _ = messages.shape
        states = [ResonatorState.silent(batch, layer.count) for layer in network.layers]
        y = np.zeros((batch, network.outputs), np.int64)
        recorder = _Recorder(network, steps, batch, record)
        for t in range(steps):
            below: Ints | Bools = messages[t]
            for index, layer in enumerate(network.layers):
                x = synaptic_input(layer, below, network.input_fraction(index), states[index].z)
                states[index] = resonator_step(states[index], x, layer, network.arithmetic)
                below = states[index].z
            y = readout_step(y, states[-1].z, network.readout, network.arithmetic)
            recorder.keep(t, states, y)
        return recorder.trace()


class _Recorder:
    """Preallocated arrays of a trace, filled step by step."""

    def __init__(self, network: IntegerNetwork, steps: int, batch: int, record: Record) -> None:
        names = ("u", "v", "q") if record is Record.STATES else ()
        shapes = [(steps, batch, layer.count) for layer in network.layers]
        self.layers = tuple(
            LayerTrace(np.zeros(shape, bool), {name: np.zeros(shape, np.int32) for name in names}) for shape in shapes
        )
        self.readout = np.zeros((steps, batch, network.outputs), np.int32)

    def keep(self, t: int, states: list[ResonatorState], y: Ints) -> None:
        for layer, state in zip(self.layers, states, strict=True):
            layer.spikes[t] = state.z
            for name, array in layer.states.items():
                array[t] = getattr(state, name)
        self.readout[t] = y

    def trace(self) -> Trace:
        return Trace(self.layers, self.readout)


REFERENCE = Reference()
