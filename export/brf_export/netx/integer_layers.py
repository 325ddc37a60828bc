"""The layers of an integer network as the loader reads them.

Neither the type of a layer nor that of its neurons is one that netx knows: "RF" anywhere in a neuron's type would give
it Izhikevich's resonator. Without the loader netx stops at the input layer, whose weight is a text that names it.
"""

from brf_deploy.layers import ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_export.netx.hdf5_file import Tree
from brf_export.netx.loader import INTEGRATORS, NEEDED, RESONATORS


def integer_layers(network: IntegerNetwork) -> list[Tree]:
    """Input, resonator layers and readout."""
    layers = [_resonators(network, index, layer) for index, layer in enumerate(network.layers)]
    return [_input(network), *layers, _integrators(network)]


def _input(network: IntegerNetwork) -> Tree:
    permutation = network.encoding.permutation
    return {
        "type": "input",
        "shape": [network.inputs],
        "neuron": {"type": "MESSAGES", "maximum": network.encoding.maximum},
        "weight": NEEDED,
        **({} if permutation is None else {"permutation": permutation}),
    }


def _resonators(network: IntegerNetwork, index: int, layer: ResonatorLayer) -> Tree:
    arithmetic, refractory = network.arithmetic, layer.refractory
    damping, rotation = layer.coefficients(arithmetic)
    recurrent = {} if layer.recurrent is None else _weights("weight_rec", layer.recurrent, layer.state_fraction)
    return {
        "type": RESONATORS,
        **_shape(layer.input),
        **_weights("weight", layer.input, network.input_fraction(index)),
        **recurrent,
        "neuron": {
            "type": "BALANCED_RESONATOR",
            "keep": (1 << arithmetic.accumulator_fraction) - damping,
            "rotation": rotation,
            "fraction": arithmetic.accumulator_fraction,
            "state_bits": arithmetic.state_bits,
            "state_fraction": layer.state_fraction,
            "vThMant": layer.threshold,
            "decay": refractory.decay,
            "decay_exponent": refractory.decay_exponent,
            "gain": refractory.gain,
            "gain_shift": refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction),
            "gain_up": arithmetic.accumulator_fraction - arithmetic.reset_fraction,
        },
    }


def _integrators(network: IntegerNetwork) -> Tree:
    readout = network.readout
    return {
        "type": INTEGRATORS,
        **_shape(readout.weight),
        **_weights("weight", readout.weight, readout.fraction),
        "neuron": {
            "type": "LEAKY_INTEGRATOR",
            "keep": (1 << readout.leak_exponent) - readout.leak,
            "fraction": readout.leak_exponent,
            "state_bits": network.arithmetic.state_bits,
        },
    }


def _shape(synapses: Synapses) -> Tree:
    return {"shape": [synapses.targets], "inFeatures": synapses.sources, "outFeatures": synapses.targets}


def _weights(name: str, synapses: Synapses, fraction: int) -> Tree:
    return {name: synapses.mantissa, f"{name}_shift": synapses.shift(fraction)}
