"""Rules about words: the largest numbers that this very network can produce, against the widths of the target."""

from collections.abc import Iterator

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.certificate import largest_reset
from brf_deploy.fixed_point import shift_up
from brf_deploy.layers import Arithmetic, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.targets.demand import Case, Demand, signed_bits
from brf_hardware.verilog.ranges import Range

STATE_REMEDY = "quantise with fewer --state-bits"
FEWER_WEIGHT_BITS = "quantise with fewer --weight-bits, or prune the neuron's synapses"
WIDER = "take a target with wider words"
# brf_deploy/quantization/configuration.py accepts no fewer.
LEAST_BITS = {"--weight-bits": 2, "--coefficient-bits": 4}
FRACTION_REMEDY = "quantise with a lower --state-fraction"


def state_bits(case: Case) -> Iterator[Demand]:
    """States fit the words that a core keeps for them.

    u, v and the readout have the network's `state_bits` and saturate there. q has no sign and never exceeds the Qmax of
    theorem T1. What a spike is decided by, `TH + Q`, is a sum of its own and must fit a word as well. The operands of
    the rotation, `2^f - D - C` and `W`, travel in words like states.
    """
    arithmetic, limit = case.network.arithmetic, case.limits.state_bits
    for layer in case.network.layers:
        where, largest_q = f"layer '{layer.name}'", layer.refractory.largest(layer.state_fraction)
        operand, neuron = _largest(_operands(layer, arithmetic))
        yield Demand.at_most(f"{where}, u and v", arithmetic.state_bits, limit, "bits", STATE_REMEDY)
        yield Demand.at_most(f"{where}, q", signed_bits(largest_q), limit, "bits", FRACTION_REMEDY)
        decision = signed_bits(layer.threshold + largest_q)
        yield Demand.at_most(f"{where}, threshold + q", decision, limit, "bits", FRACTION_REMEDY)
        yield Demand.at_most(
            f"{where}, neuron {neuron}, operand of the rotation", signed_bits(operand), limit, "bits",
            "give Arithmetic a smaller accumulator_fraction and quantise again",
        )  # fmt: skip
    yield Demand.at_most("readout, y", arithmetic.state_bits, limit, "bits", STATE_REMEDY)


def weight_bits(case: Case) -> Iterator[Demand]:
    """Weights fit the target's synapses.

    Judged by the weights that are there, not by the width that the network declares. The power of two of a row is a
    shift of the neuron's program and takes no bits of a weight.
    """
    for where, synapses in _blocks(case.network):
        mantissa = synapses.mantissa
        bits = Range(int(mantissa.min(initial=0)), int(mantissa.max(initial=0))).signed_bits
        _, row = _largest(np.abs(mantissa).max(axis=1, initial=0))
        yield Demand.at_most(
            f"{where}, target {row}", bits, case.limits.weight_bits, "bits",
            _with_bits("--weight-bits", case.limits.weight_bits),
        )  # fmt: skip


def coefficient_bits(case: Case) -> Iterator[Demand]:
    """Constants fit the target's coefficients.

    Damping and rotation are unsigned mantissas with exponents of their own; the decay and the gain of q belong to the
    layer, the leak to an output. The square root in a BRF neuron's divergence boundary is taken when it is trained or
    quantised, never by the chip.
    """
    limit = case.limits.coefficient_bits
    shorter = _with_bits("--coefficient-bits", limit)
    for layer in case.network.layers:
        where = f"layer '{layer.name}'"
        for name, values in (("damping", layer.damping), ("rotation", layer.rotation)):
            value, neuron = _largest(values)
            yield Demand.at_most(f"{where}, neuron {neuron}, {name}", value.bit_length(), limit, "bits", shorter)
        for name, value in (("decay of q", layer.refractory.decay), ("gain of q", layer.refractory.gain)):
            yield Demand.at_most(
                f"{where}, {name}", value.bit_length(), limit, "bits",
                "give Refractory a shorter mantissa with a smaller exponent, or take a target with wider coefficients",
            )  # fmt: skip
    readout = case.network.readout
    value, output = _largest((1 << readout.leak_exponent) - readout.leak)
    yield Demand.at_most(
        f"readout, output {output}, 1 - leak", value.bit_length(), limit, "bits",
        "give Readout a smaller leak_exponent, or keep the readout on the host",
    )  # fmt: skip


def accumulator_bits(case: Case) -> Iterator[Demand]:
    """The weights of all messages of a step sum without overflow.

    The bound is the sum of the magnitudes of a neuron's own weights, times the largest message, so that it holds for
    every input and for every order of the sum. Input and recurrent weights have powers of two of their own; one
    accumulator holds both in the finer unit.
    """
    network, limit = case.network, case.limits.accumulator_bits
    for index, layer in enumerate(network.layers):
        value, neuron = _largest(_weight_sums(layer, network.input_fraction(index), network.largest_message(index)))
        where = f"layer '{layer.name}', neuron {neuron}, sum of weights"
        yield Demand.at_most(where, signed_bits(value), limit, "bits", FEWER_WEIGHT_BITS)
    value, output = _largest(_row_sums(network.readout.weight))
    where = f"readout, output {output}, sum of weights"
    yield Demand.at_most(where, signed_bits(value), limit, "bits", FEWER_WEIGHT_BITS)


def product_bits(case: Case) -> Iterator[Demand]:
    """Products, and sums before their right shift, fit the multiplier's word.

    The rotation adds two products of a state and an operand before it rounds once, toward zero. The word that does it
    must also hold the shifted drive added to the rotated state, before the clip to the state's width.
    """
    network, limit = case.network, case.limits.product_bits
    arithmetic = network.arithmetic
    for index, layer in enumerate(network.layers):
        where, largest_q = f"layer '{layer.name}'", layer.refractory.largest(layer.state_fraction)
        rotation, neuron = _largest(_operand_sums(layer, arithmetic))
        yield Demand.at_most(
            f"{where}, neuron {neuron}, rotation", signed_bits(rotation * arithmetic.limit), limit, "bits", STATE_REMEDY
        )
        half = 1 << layer.refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction) - 1
        refractory = largest_q * max(layer.refractory.decay, layer.refractory.gain) + half
        yield Demand.at_most(f"{where}, decay and gain of q", signed_bits(refractory), limit, "bits", FRACTION_REMEDY)
        drive = layer.input.largest_sum(network.input_fraction(index), network.largest_message(index))
        if layer.recurrent is not None:
            drive += layer.recurrent.largest_sum(layer.state_fraction, 1)
        total = signed_bits(drive + 2 * arithmetic.limit)
        yield Demand.at_most(f"{where}, drive before the clip", total, limit, "bits", FRACTION_REMEDY)
    leaked = ((1 << network.readout.leak_exponent) - int(network.readout.leak.min(initial=1))) * arithmetic.limit
    yield Demand.at_most("readout, leak", signed_bits(leaked), limit, "bits", STATE_REMEDY)


def message_bits(case: Case) -> Iterator[Demand]:
    """Graded input messages fit the payload of a spike.

    Neurons send 0 or 1 and need no payload. Inputs larger than 1 need a chip with graded spikes.
    """
    largest = case.network.encoding.maximum
    yield Demand.at_most(
        "input messages, payload", largest.bit_length() if largest > 1 else 0, case.limits.message_bits, "bits",
        "train with binary inputs, or send the bits of a value as messages of their own through weights times powers "
        "of two",
    )  # fmt: skip


def _blocks(network: IntegerNetwork) -> Iterator[tuple[str, Synapses]]:
    for layer in network.layers:
        yield f"layer '{layer.name}', input weights", layer.input
        if layer.recurrent is not None:
            yield f"layer '{layer.name}', recurrent weights", layer.recurrent
    yield "readout weights", network.readout.weight


def _row_sums(synapses: Synapses) -> Ints:
    sums: Ints = np.abs(synapses.mantissa).sum(axis=1)
    return sums


def _weight_sums(layer: ResonatorLayer, input_fraction: int, message: int) -> Ints:
    """Largest sum of each neuron's weights, in the finer of its two units; a network keeps it below 2**53."""
    driven = _row_sums(layer.input) * message
    if layer.recurrent is None:
        return driven
    shift, recurrent_shift = layer.input.shift(input_fraction), layer.recurrent.shift(layer.state_fraction)
    unit = np.minimum(shift, recurrent_shift)
    return shift_up(driven, shift - unit) + shift_up(_row_sums(layer.recurrent), recurrent_shift - unit)


def _with_bits(option: str, limit: int | None) -> str:
    """The option of `quantize` that meets a limit, where `quantize` goes so low."""
    return WIDER if limit is None or limit < LEAST_BITS[option] else f"quantise with {option} {limit}"


def _ends(layer: ResonatorLayer, arithmetic: Arithmetic) -> tuple[Ints, Ints]:
    """Largest ``|2**f - D - C|`` over all q, and W, of each neuron; the first is linear in C, so its ends decide."""
    damping, rotation = layer.coefficients(arithmetic)
    at_rest = (1 << arithmetic.accumulator_fraction) - damping
    reset = largest_reset(layer.refractory, layer.state_fraction, arithmetic)
    return np.maximum(np.abs(at_rest), np.abs(at_rest - reset)), np.abs(rotation)


def _operands(layer: ResonatorLayer, arithmetic: Arithmetic) -> Ints:
    return np.maximum(*_ends(layer, arithmetic))


def _operand_sums(layer: ResonatorLayer, arithmetic: Arithmetic) -> Ints:
    return np.add(*_ends(layer, arithmetic))


def _largest(values: Ints) -> tuple[int, int]:
    """The largest value and where it stands; (0, 0) of nothing."""
    if not len(values):
        return 0, 0
    index = int(np.argmax(values))
    return int(values[index]), index
