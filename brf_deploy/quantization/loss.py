"""What quantisation lost, layer by layer, and how near the boundary the worst neuron is."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brf_deploy.certificate import certificate
from brf_deploy.errors import InvalidInput
from brf_deploy.fixed_point import to_real
from brf_deploy.float_network import FloatNetwork
from brf_deploy.layers import Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization.folding import folded_input, folded_readout, folded_recurrent
from brf_deploy.quantization.poles import float_poles, integer_poles, require_brf


@dataclass(frozen=True)
class LayerLoss:
    """One layer against its float original.

    input_sqnr, recurrent_sqnr: signal to quantisation noise of the weights, dB. pole_error_median, pole_error_max:
    ``|lambda_int - lambda| / rho``, relative to each neuron's own damping. worst_neuron: the one nearest the boundary,
    with its float and integer pole radius. violations: neurons that break the certificate.
    """

    name: str
    neurons: int
    state_fraction: int
    input_sqnr: float
    recurrent_sqnr: float | None
    pole_error_median: float
    pole_error_max: float
    worst_neuron: int
    float_radius: float
    integer_radius: float
    violations: int


def quantization_loss(network: FloatNetwork, integer: IntegerNetwork) -> tuple[LayerLoss, ...]:
    """Compare every hidden layer with the float layer it came from; refuses networks of another build."""
    builds = [
        [network.inputs, *(layer.neurons.count for layer in network.layers), network.outputs],
        [integer.inputs, *(layer.count for layer in integer.layers), integer.outputs],
    ]
    if builds[0] != builds[1]:
        raise InvalidInput(
            f"the model has widths {builds[0]}, the integer network {builds[1]}; it was made from another"
        )
    return tuple(_layer_loss(network, integer, index) for index in range(len(network.layers)))


def readout_sqnr(network: FloatNetwork, integer: IntegerNetwork) -> float:
    """Signal to quantisation noise of the readout's weights, dB."""
    return _sqnr(folded_readout(network.readout), integer.readout.weight)


def _layer_loss(network: FloatNetwork, integer: IntegerNetwork, index: int) -> LayerLoss:
    source, layer = network.layers[index], integer.layers[index]
    before, after = float_poles(require_brf(source)), integer_poles(layer)
    error = np.abs(after.value - before.value) / np.maximum(before.decay, np.finfo(float).tiny)
    result = certificate(layer, integer.arithmetic)
    worst = int(result.radius.argmax())
    recurrent = folded_recurrent(network, index)
    return LayerLoss(
        name=layer.name,
        neurons=layer.count,
        state_fraction=layer.state_fraction,
        input_sqnr=_sqnr(folded_input(network, index), layer.input),
        recurrent_sqnr=None if recurrent is None or layer.recurrent is None else _sqnr(recurrent, layer.recurrent),
        pole_error_median=float(np.median(error)),
        pole_error_max=float(error.max()),
        worst_neuron=worst,
        float_radius=float(np.abs(before.value[worst])),
        integer_radius=float(result.radius[worst]),
        violations=int(result.violations.sum()),
    )


def _sqnr(weight: npt.NDArray[np.floating], synapses: Synapses) -> float:
    """Signal to quantisation noise ratio, dB; infinite where nothing was lost."""
    signal = float(np.square(weight.astype(np.float64)).sum())
    noise = float(np.square(to_real(synapses.mantissa, synapses.exponent[:, None]) - weight).sum())
    return float("inf") if noise == 0 else 10 * float(np.log10(max(signal, np.finfo(float).tiny) / noise))
