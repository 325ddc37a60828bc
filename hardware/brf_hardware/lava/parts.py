"""What the Lava processes of a network are made of, for integer and float networks alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.backend import check_inputs
from brf_deploy.errors import Unsupported
from brf_deploy.float_network import BRFNeurons, FloatLayer, FloatNetwork
from brf_deploy.float_reference import presented
from brf_deploy.layers import ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.lava.dynamics import (
    FixedIntegrator,
    FixedResonator,
    FloatIntegrator,
    FloatResonator,
    Integrator,
    Resonator,
)

FIXED, FLOATING = "fixed_pt", "floating_pt"


@dataclass(frozen=True, eq=False)
class Weights:
    """Of a `BatchDense`: weights (targets, sources) and, for integers, the left shift of each row's sum."""

    weights: npt.NDArray[Any]
    shift: Ints | int = 0


@dataclass(frozen=True, eq=False)
class LayerParts:
    """Of one layer."""

    name: str
    resonator: Resonator
    into: Weights
    recurrent: Weights | None


@dataclass(frozen=True, eq=False)
class NetworkParts:
    """Of a network; messages (time, batch, inputs) as the network sees them. tag: the models to select."""

    messages: npt.NDArray[Any]
    layers: list[LayerParts]
    readout: Weights
    integrator: Integrator
    tag: str


def integer_parts(network: IntegerNetwork, inputs: Ints) -> NetworkParts:
    """The parts for models of tag fixed_pt."""
    readout = network.readout
    return NetworkParts(
        messages=check_inputs(network, inputs),
        layers=[_integer_layer(network, index, layer) for index, layer in enumerate(network.layers)],
        readout=_shifted(readout.weight, readout.fraction),
        integrator=FixedIntegrator(readout, network.arithmetic),
        tag=FIXED,
    )


def float_parts(network: FloatNetwork, inputs: Ints) -> NetworkParts:
    """The parts for models of tag floating_pt; raises `Unsupported` for neurons that are not BRF."""
    return NetworkParts(
        messages=presented(network.encoding, network.inputs, inputs, np.float64),
        layers=[_float_layer(layer) for layer in network.layers],
        readout=Weights(network.readout.weight),
        integrator=FloatIntegrator(network.readout),
        tag=FLOATING,
    )


def _integer_layer(network: IntegerNetwork, index: int, layer: ResonatorLayer) -> LayerParts:
    return LayerParts(
        name=layer.name,
        resonator=FixedResonator(layer, network.arithmetic),
        into=_shifted(layer.input, network.input_fraction(index)),
        recurrent=None if layer.recurrent is None else _shifted(layer.recurrent, layer.state_fraction),
    )


def _shifted(synapses: Synapses, fraction: int) -> Weights:
    return Weights(synapses.mantissa, synapses.shift(fraction))


def _float_layer(layer: FloatLayer) -> LayerParts:
    if not isinstance(layer.neurons, BRFNeurons):
        raise Unsupported(
            f"layer '{layer.name}': {layer.neurons.kind} neurons found, the Lava processes here are brf; "
            "run it with `brf_deploy.float_reference`"
        )
    recurrent = None if layer.recurrent_weight is None else Weights(layer.recurrent_weight)
    return LayerParts(layer.name, FloatResonator(layer.neurons), Weights(layer.input_weight), recurrent)
