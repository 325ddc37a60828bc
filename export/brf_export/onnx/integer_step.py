"""One step of the integer network as ONNX nodes: docs/arithmetic.md section 2 in few operators, all exact.

u and v are the two rows of one tensor, ``s = [u; v]``, so that rotating, rounding and clipping take one operator each
for both. ``Div`` rounds toward zero, and down where nothing is negative. Clipping is ``Clip`` on int32 where the
network's own bounds fit it, else comparison and ``Where``: ONNX Runtime's Clip, Min, Max and Sign of int64 are wrong.
"""

from dataclasses import dataclass

import numpy as np

from brf_deploy.certificate import largest_reset
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer, Synapses
from brf_export.onnx.sums import INT32, INT64, shifts, weighted_sum, word
from brf_export.onnx.values import DType, Value


@dataclass(frozen=True, eq=False)
class Resonators:
    """s (2, batch, neurons) and q (1, batch, neurons) in int64, the last spikes z (1, batch, neurons) in uint8."""

    s: Value
    q: Value
    z: Value


@dataclass(frozen=True, eq=False)
class Stepped:
    """A layer after a step: its state, and for the trace u and v in int32 and the spikes as bool."""

    state: Resonators
    shown: Value
    fired: Value


def resonator_step(name: str, state: Resonators, x: Value, layer: ResonatorLayer, arithmetic: Arithmetic) -> Stepped:
    """One step of a layer: x (2, batch, neurons), with zeros in the row of v."""
    graph = state.s.graph
    decayed, a = _refractory(name, state.q, layer, arithmetic)
    s, shown = saturate(rotate(name, a, state.s, layer, arithmetic).cast(x.dtype) + x, arithmetic.limit)
    u = graph.apply("Gather", s, graph.integers("row_of_u", [0]), axis=0, name=f"{name}.u")
    threshold = state.q + graph.integers(f"{name}.threshold", layer.threshold)
    fired = u > threshold
    one = graph.integers(f"{name}.one", 1 << layer.state_fraction)
    q = decayed + fired.cast(np.int64) * one
    return Stepped(Resonators(s, q, fired.cast(np.uint8)), shown, fired)


def _refractory(name: str, q: Value, layer: ResonatorLayer, arithmetic: Arithmetic) -> tuple[Value, Value]:
    """The decayed q and ``A = 2**f - D - C``: both multiply and shift q, so one operator does both rows."""
    refractory, f, graph = layer.refractory, arithmetic.accumulator_fraction, q.graph
    shift = refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction)
    factor = graph.integers(f"{name}.decay_and_gain", _rows(refractory.decay, refractory.gain))
    half = graph.integers(f"{name}.half", _rows(0, 1 << shift - 1))
    unit = graph.integers(f"{name}.decay_and_gain_unit", _rows(1 << refractory.decay_exponent, 1 << shift))
    decayed, c = graph.split((q * factor + half) / unit, (1, 1))
    if f > arithmetic.reset_fraction:
        c = c * graph.integers(f"{name}.reset_unit", 1 << f - arithmetic.reset_fraction)
    damping, _ = layer.coefficients(arithmetic)
    return decayed, graph.integers(f"{name}.at_rest", (1 << f) - damping) - c


def rotate(name: str, a: Value, s: Value, layer: ResonatorLayer, arithmetic: Arithmetic) -> Value:
    """``rtz([A u - W v; A v + W u], f)``, both sums rounded once."""
    graph = s.graph
    _, rotation = layer.coefficients(arithmetic)
    turned = graph.apply("Gather", s, graph.integers("swapped", [1, 0]), axis=0)
    w = graph.integers(f"{name}.rotation", np.stack([-rotation, rotation])[:, np.newaxis])
    unit = graph.integers(f"{name}.unit", 1 << arithmetic.accumulator_fraction)
    return (a * s + turned * w) / unit


def readout_step(name: str, y: Value, z: Value, readout: Readout, arithmetic: Arithmetic) -> tuple[Value, Value]:
    """The integrators (1, batch, outputs) after spikes z: int64 to carry, int32 to show."""
    graph, weight, fo = y.graph, readout.weight, readout.leak_exponent
    kind = word(weight.largest_sum(readout.fraction, 1) + arithmetic.limit)
    keep = graph.integers(f"{name}.keep", (1 << fo) - readout.leak)
    kept = (y * keep / graph.integers(f"{name}.unit", 1 << fo)).cast(kind)
    drive = weighted_sum(f"{name}.weight", z, weight, 1).cast(kind)
    factors = shifts(weight, readout.fraction, kind)
    if (factors != 1).any():
        drive = drive * graph.constant(f"{name}.shift", factors)
    return saturate(kept + drive, arithmetic.limit)


def synaptic_input(name: str, messages: Value, synapses: Synapses, fraction: int, largest: int, kind: DType) -> Value:
    """x of these synapses (.., 2, batch, neurons) from messages (.., 1, batch, sources): zeros in the row of v."""
    total = weighted_sum(f"{name}.weight", messages, synapses, largest).cast(kind)
    factors = shifts(synapses, fraction, kind)
    rows = np.stack([factors, np.zeros_like(factors)])[:, np.newaxis]
    return total * messages.graph.constant(f"{name}.shift", rows)


def saturate(y: Value, limit: int) -> tuple[Value, Value]:
    """`y` clipped to ``-limit .. limit``: in int64 and in int32."""
    graph = y.graph
    low = graph.constant(f"low_{y.dtype}", np.array(-limit, y.dtype))
    high = graph.constant(f"high_{y.dtype}", np.array(limit, y.dtype))
    if y.dtype == INT32:
        clipped = graph.apply("Clip", y, low, high)
        return clipped.cast(INT64), clipped
    above = graph.apply("Where", y < low, low, y, dtype=INT64)
    clipped = graph.apply("Where", above > high, high, above, dtype=INT64)
    return clipped, clipped.cast(INT32)


def input_word(layer: ResonatorLayer, drive: int, arithmetic: Arithmetic) -> DType:
    """The word that holds a rotated state and a `drive` added to it, from the coefficients' largest magnitudes."""
    damping, rotation = layer.coefficients(arithmetic)
    at_rest = (1 << arithmetic.accumulator_fraction) - damping
    reset = largest_reset(layer.refractory, layer.state_fraction, arithmetic)
    ends = np.maximum(np.abs(at_rest), np.abs(at_rest - reset))
    widest = int((ends + np.abs(rotation)).max(initial=0)) * arithmetic.limit
    return word((widest >> arithmetic.accumulator_fraction) + drive)


def _rows(*values: int) -> list[list[list[int]]]:
    return [[[value]] for value in values]
