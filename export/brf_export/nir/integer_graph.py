"""Integer networks as chains of NIR nodes and back."""

from typing import Any, Literal, cast

import numpy as np

from brf_deploy.arrays import Floats, Ints, check_length, check_range
from brf_deploy.errors import InvalidFile, Unsupported
from brf_deploy.fixed_point import to_real
from brf_deploy.network import Arithmetic, IntegerNetwork, Readout, Refractory, ResonatorLayer, Synapses
from brf_export.nir.chain import Chain, Stage, of_type
from brf_export.nir.fields import SCHEMA, within
from brf_export.nir.integer_nodes import BRFFixed, LeakyIntegratorFixed
from brf_export.nir.message_nodes import MessagesFixed

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
    messages = of_type(MessagesFixed, "messages", chain.messages, "the file holds a float network, see `read_float`")
    *stages, last = chain.stages
    with within("node 'messages'"):
        encoding = messages.encoding
    layers = [_layer(index, stage, encoding.graded_bits if index == 0 else 0) for index, stage in enumerate(stages)]
    readout = of_type(LeakyIntegratorFixed, "readout", last.neurons)
    first = of_type(BRFFixed, "layer0", stages[0].neurons)
    arithmetic = _arithmetic(first, readout)
    return IntegerNetwork(
        messages.task, encoding, arithmetic, tuple(layers), _readout(last, readout), messages.skip_steps
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
    refractory, recurrent = layer.refractory, layer.recurrent
    input_exponent = layer.input.exponent + graded_bits
    neurons = BRFFixed(
        schema=SCHEMA,
        name=layer.name,
        dt=float(layer.dt),
        state_fraction=layer.state_fraction,
        threshold=layer.threshold,
        damping=layer.damping,
        damping_exponent=layer.damping_exponent,
        rotation=layer.rotation,
        rotation_exponent=layer.rotation_exponent,
        energy_bound=layer.energy_bound,
        refractory_decay=refractory.decay,
        refractory_decay_exponent=refractory.decay_exponent,
        refractory_gain=refractory.gain,
        refractory_gain_exponent=refractory.gain_exponent,
        input_exponent=input_exponent,
        recurrent_exponent=None if recurrent is None else recurrent.exponent,
        coefficient_bits=arithmetic.coefficient_bits,
        weight_bits=arithmetic.weight_bits,
        accumulator_fraction=arithmetic.accumulator_fraction,
        reset_fraction=arithmetic.reset_fraction,
        **_words(arithmetic),
    )
    return Stage(
        neurons,
        exact_weights(layer.input.mantissa, input_exponent),
        None if recurrent is None else exact_weights(recurrent.mantissa, recurrent.exponent),
    )


def _readout_stage(readout: Readout, arithmetic: Arithmetic) -> Stage:
    neurons = LeakyIntegratorFixed(
        schema=SCHEMA,
        fraction=readout.fraction,
        leak=readout.leak,
        leak_exponent=readout.leak_exponent,
        weight_exponent=readout.weight.exponent,
        weight_bits=arithmetic.readout_weight_bits,
        **_words(arithmetic),
    )
    return Stage(neurons, exact_weights(readout.weight.mantissa, readout.weight.exponent))


def _words(arithmetic: Arithmetic) -> dict[str, Any]:
    """What every node that computes says about its words."""
    return {"state_bits": arithmetic.state_bits, "rounding": arithmetic.rounding, "overflow": arithmetic.overflow}


def _arithmetic(first: BRFFixed, readout: LeakyIntegratorFixed) -> Arithmetic:
    return Arithmetic(
        state_bits=first.state_bits,
        coefficient_bits=first.coefficient_bits,
        weight_bits=first.weight_bits,
        readout_weight_bits=readout.weight_bits,
        accumulator_fraction=first.accumulator_fraction,
        reset_fraction=first.reset_fraction,
        rounding=cast(Literal["toward_zero"], first.rounding),  # Arithmetic refuses any other text
        overflow=cast(Literal["saturate"], first.overflow),
    )


def _layer(index: int, stage: Stage, graded_bits: int) -> ResonatorLayer:
    node = of_type(BRFFixed, f"layer{index}", stage.neurons)
    with within(f"node 'layer{index}_input'"):
        synapses = Synapses(mantissas(stage.input_weight, node.input_exponent), node.input_exponent - graded_bits)
    return ResonatorLayer(
        name=node.name,
        dt=node.dt,
        state_fraction=node.state_fraction,
        threshold=node.threshold,
        damping=node.damping,
        damping_exponent=node.damping_exponent,
        rotation=node.rotation,
        rotation_exponent=node.rotation_exponent,
        energy_bound=node.energy_bound,
        refractory=Refractory(
            node.refractory_decay,
            node.refractory_decay_exponent,
            node.refractory_gain,
            node.refractory_gain_exponent,
        ),
        input=synapses,
        recurrent=_recurrent(index, stage, node.recurrent_exponent),
    )


def _recurrent(index: int, stage: Stage, exponent: Ints | None) -> Synapses | None:
    if stage.recurrent_weight is None and exponent is None:
        return None
    if stage.recurrent_weight is None or exponent is None:
        raise InvalidFile(
            f"node 'layer{index}': a recurrent layer needs both its field 'recurrent_exponent' and a node "
            f"'layer{index}_recurrent'; one of them is missing"
        )
    with within(f"node 'layer{index}_recurrent'"):
        return Synapses(mantissas(stage.recurrent_weight, exponent), exponent)


def _readout(stage: Stage, node: LeakyIntegratorFixed) -> Readout:
    with within("node 'readout_input'"):
        weight = Synapses(mantissas(stage.input_weight, node.weight_exponent), node.weight_exponent)
    with within("node 'readout'"):
        return Readout(node.fraction, node.leak, node.leak_exponent, weight)
