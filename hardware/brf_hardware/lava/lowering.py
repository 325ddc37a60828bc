"""From a network and its messages to the parts of its Lava processes."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import Unsupported
from brf_deploy.float_network import BRFNeurons, FloatLayer, FloatNetwork
from brf_deploy.float_reference import leak_factor, p_omega, presented
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.lava.dynamics import FixedIntegrator, FixedResonator, FloatIntegrator, FloatResonator
from brf_hardware.lava.parts import FIXED, FLOATING, LayerParts, NetworkParts, Weights


def integer_parts(network: IntegerNetwork, messages: Ints) -> NetworkParts:
    """The parts for models of tag fixed_pt; messages (time, batch, inputs) as the network sees them."""
    readout = network.readout
    return NetworkParts(
        messages=messages,
        layers=[_integer_layer(network, index, layer) for index, layer in enumerate(network.layers)],
        readout=_shifted(readout.weight, readout.fraction),
        integrator=_fixed_integrator(readout, network.arithmetic),
        tag=FIXED,
    )


def float_parts(network: FloatNetwork, inputs: Ints) -> NetworkParts:
    """The parts for models of tag floating_pt; inputs (time, batch, inputs) in the order of the data set.

    Raises `Unsupported` for neurons that are not BRF.
    """
    return NetworkParts(
        messages=presented(network.encoding, network.inputs, inputs, np.float64),
        layers=[_float_layer(layer) for layer in network.layers],
        readout=Weights(network.readout.weight),
        integrator=FloatIntegrator(leak_factor(network.readout.tau, np.float64)),
        tag=FLOATING,
    )


def _integer_layer(network: IntegerNetwork, index: int, layer: ResonatorLayer) -> LayerParts:
    return LayerParts(
        name=layer.name,
        resonator=_fixed_resonator(layer, network.arithmetic),
        into=_shifted(layer.input, network.input_fraction(index)),
        recurrent=None if layer.recurrent is None else _shifted(layer.recurrent, layer.state_fraction),
    )


def _fixed_resonator(layer: ResonatorLayer, arithmetic: Arithmetic) -> FixedResonator:
    damping, rotation = layer.coefficients(arithmetic)
    refractory = layer.refractory
    return FixedResonator(
        keep=(1 << arithmetic.accumulator_fraction) - damping,
        rotation=rotation,
        fraction=arithmetic.accumulator_fraction,
        limit=arithmetic.limit,
        threshold=layer.threshold,
        state_fraction=layer.state_fraction,
        decay=refractory.decay,
        decay_exponent=refractory.decay_exponent,
        gain=refractory.gain,
        gain_shift=refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction),
        gain_up=arithmetic.accumulator_fraction - arithmetic.reset_fraction,
    )


def _fixed_integrator(readout: Readout, arithmetic: Arithmetic) -> FixedIntegrator:
    keep = (1 << readout.leak_exponent) - readout.leak
    return FixedIntegrator(keep, readout.leak_exponent, arithmetic.limit)


def _shifted(synapses: Synapses, fraction: int) -> Weights:
    return Weights(synapses.mantissa, synapses.shift(fraction))


def _float_layer(layer: FloatLayer) -> LayerParts:
    neurons = layer.neurons
    if not isinstance(neurons, BRFNeurons):
        raise Unsupported(
            f"layer '{layer.name}': {neurons.kind} neurons found, the Lava processes here are brf; "
            "run it with `brf_deploy.float_reference`"
        )
    omega = neurons.omega.astype(np.float64)
    growth = np.asarray(p_omega(omega, neurons.dt) - neurons.b_offset, np.float64)
    resonator = FloatResonator(omega, growth, neurons.dt, neurons.theta, neurons.gamma)
    recurrent = None if layer.recurrent_weight is None else Weights(layer.recurrent_weight)
    return LayerParts(layer.name, resonator, Weights(layer.input_weight), recurrent)
