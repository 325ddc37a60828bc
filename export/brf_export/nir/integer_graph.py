"""Integer networks as chains of NIR nodes and back."""

from typing import Any

import numpy as np

from brf_deploy.arrays import Floats, Ints, check_length, check_range
from brf_deploy.errors import InvalidFile, Unsupported
from brf_deploy.fixed_point import to_real
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_export.nir.chain import Chain, Stage, of_type
from brf_export.nir.fields import SCHEMA, within
from brf_export.nir.integer_nodes import BRFFixed, LeakyIntegratorFixed
from brf_export.nir.message_nodes import MessagesFixed

# Fields that a node has under the same name.
LAYER = (
    "name", "state_fraction", "threshold",
    "damping", "damping_exponent", "rotation", "rotation_exponent", "energy_bound",
)  # fmt: skip
REFRACTORY = ("decay", "decay_exponent", "gain", "gain_exponent")  # with the prefix refractory_
READOUT = ("fraction", "leak", "leak_exponent")
WORDS = ("state_bits", "rounding", "overflow")
RESONATOR_WORDS = (*WORDS, "coefficient_bits", "weight_bits", "accumulator_fraction", "reset_fraction")

WIDEST_EXPONENT = 96  # beyond any that `Synapses` accepts, and 2**96 times any float32 is still a float64
WIDEST_MANTISSA = 1 << 31  # likewise beyond any weight


def chain_of(network: IntegerNetwork) -> Chain:
    """The nodes of a network; `network_of` is the inverse."""
    encoding = network.encoding
    messages = MessagesFixed(
        schema=SCHEMA,
        task=network.task,
        skip_steps=network.skip_steps,
        inputs=network.inputs,
        maximum=encoding.maximum,
        full_scale=encoding.full_scale,
        permutation=encoding.permutation,
        checksum="",
    )
    layers = [
        _layer_stage(layer, network.arithmetic, layer.state_fraction - network.input_fraction(index))
        for index, layer in enumerate(network.layers)
    ]
    return Chain(messages, (*layers, _readout_stage(network.readout, network.arithmetic)))


def network_of(chain: Chain) -> IntegerNetwork:
    """The network that the nodes describe; raises `InvalidFile` or `InvalidNetwork` where they do not fit together."""
    messages = of_type(MessagesFixed, "messages", chain.messages, "float networks are read by `read_float`")
    *stages, last = chain.stages
    with within("node 'messages'"):
        encoding = messages.encoding
    layers = tuple(
        _layer(f"layer{index}", stage, encoding.graded_bits if index == 0 else 0) for index, stage in enumerate(stages)
    )
    readout = of_type(LeakyIntegratorFixed, "readout", last.neurons)
    with within("node 'layer0'"):
        arithmetic = Arithmetic(**_picked(stages[0].neurons, RESONATOR_WORDS), readout_weight_bits=readout.weight_bits)
    return IntegerNetwork(
        messages.task, encoding, arithmetic, layers, _readout(readout, last.input_weight), messages.skip_steps
    )


def exact_weights(mantissa: Ints, exponent: Ints) -> Floats:
    """``mantissa * 2**-exponent`` per row in float32; raises `Unsupported` where its 24 bits do not hold that."""
    exact = to_real(mantissa, exponent[:, np.newaxis])
    single = exact.astype(np.float32)
    if not np.array_equal(single, exact):
        raise Unsupported("weights: more than the 24 bits of a float32 needed; quantise with at most 16 weight bits")
    return single


def mantissas(weight: Floats, exponent: Ints) -> Ints:
    """The integers that ``weight * 2**exponent`` are, per row; raises `InvalidFile` where one is not an integer."""
    check_length("exponent", exponent, weight.shape[0])
    check_range("exponent", exponent, -WIDEST_EXPONENT, WIDEST_EXPONENT)
    scaled = to_real(weight, -exponent[:, np.newaxis])
    bad = np.argwhere(~((scaled == np.rint(scaled)) & (np.abs(scaled) <= WIDEST_MANTISSA)))
    if len(bad):
        row, column = (int(i) for i in bad[0])
        raise InvalidFile(
            f"weight[{row}, {column}]: {weight[row, column]} found, an integer of the network's weight bits times "
            f"2^{-int(exponent[row])} needed; the file was damaged or edited: export the network again"
        )
    return scaled.astype(np.int64)


def _layer_stage(layer: ResonatorLayer, arithmetic: Arithmetic, graded_bits: int) -> Stage:
    recurrent, input_exponent = layer.recurrent, layer.input.exponent + graded_bits
    neurons = BRFFixed(
        schema=SCHEMA,
        dt=float(layer.dt),
        **_picked(layer, LAYER),
        **{f"refractory_{name}": value for name, value in _picked(layer.refractory, REFRACTORY).items()},
        **_picked(arithmetic, RESONATOR_WORDS),
        input_exponent=input_exponent,
        recurrent_exponent=None if recurrent is None else recurrent.exponent,
    )
    return Stage(
        neurons,
        exact_weights(layer.input.mantissa, input_exponent),
        None if recurrent is None else exact_weights(recurrent.mantissa, recurrent.exponent),
    )


def _layer(name: str, stage: Stage, graded_bits: int) -> ResonatorLayer:
    node = of_type(BRFFixed, name, stage.neurons)
    inputs = _synapses(f"{name}_input", stage.input_weight, node.input_exponent, graded_bits)
    recurrent = _recurrent(name, stage.recurrent_weight, node.recurrent_exponent)
    with within(f"node '{name}'"):
        refractory = Refractory(**{field: getattr(node, f"refractory_{field}") for field in REFRACTORY})
        return ResonatorLayer(
            dt=node.dt, **_picked(node, LAYER), refractory=refractory, input=inputs, recurrent=recurrent
        )


def _recurrent(name: str, weight: Floats | None, exponent: Ints | None) -> Synapses | None:
    if weight is None and exponent is None:
        return None
    if weight is None or exponent is None:
        raise InvalidFile(
            f"node '{name}': a recurrent layer needs both its field 'recurrent_exponent' and a node "
            f"'{name}_recurrent'; one of them is missing"
        )
    return _synapses(f"{name}_recurrent", weight, exponent)


def _readout_stage(readout: Readout, arithmetic: Arithmetic) -> Stage:
    neurons = LeakyIntegratorFixed(
        schema=SCHEMA,
        **_picked(readout, READOUT),
        **_picked(arithmetic, WORDS),
        weight_bits=arithmetic.readout_weight_bits,
        weight_exponent=readout.weight.exponent,
    )
    return Stage(neurons, exact_weights(readout.weight.mantissa, readout.weight.exponent))


def _readout(node: LeakyIntegratorFixed, weight: Floats) -> Readout:
    synapses = _synapses("readout_input", weight, node.weight_exponent)
    with within("node 'readout'"):
        return Readout(**_picked(node, READOUT), weight=synapses)


def _synapses(node: str, weight: Floats, exponent: Ints, graded_bits: int = 0) -> Synapses:
    with within(f"node '{node}'"):
        return Synapses(mantissas(weight, exponent), exponent - graded_bits)


def _picked(source: object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: getattr(source, name) for name in names}
