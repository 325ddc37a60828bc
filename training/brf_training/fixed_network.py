"""An integer network as the training engines run it: the same bits, in real units and float64."""

from dataclasses import replace

import torch
from torch import Tensor

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.fixed_point import to_real
from brf_deploy.layers import Readout, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_training.cell_loop import Cell, FixedIntegrators
from brf_training.extract import tensor_of
from brf_training.kernels.events import Events
from brf_training.neurons.fixed_brf import FixedBRF
from brf_training.neurons.leaky_integrator import FixedLeaky

# Messages come as `message / full_scale` in float32, off by 2^-24 of itself at most; twice that is let pass.
ROUNDED_MESSAGE = 2.0**-23


def fixed_cells(network: IntegerNetwork, device: torch.device | None = None) -> list[Cell]:
    """Layers of a network; their weights are the real numbers that the integers stand for."""
    return [
        Cell(
            FixedBRF.of(layer, network.arithmetic),
            {name: value.to(device) for name, value in _poles(layer).items()},
            weight_of(layer.input).to(device),
            None if layer.recurrent is None else weight_of(layer.recurrent).to(device),
        )
        for layer in network.layers
    ]


def fixed_integrators(network: IntegerNetwork, device: torch.device | None = None) -> FixedIntegrators:
    """The readout of a network."""
    readout, unit = network.readout, 2.0**-network.readout.fraction
    kind = FixedLeaky(unit, network.arithmetic.limit * unit)
    return FixedIntegrators(_alpha(readout).to(device), weight_of(readout.weight).to(device), kind)


def fixed_inputs(inputs: Tensor | Events, encoding: Encoding) -> Tensor | Events:
    """Messages in units of ``2**-g``, float64, of a float network's input ``message / full_scale``.

    Raises `InvalidInput` where that is not a message of the encoding.
    """
    if isinstance(inputs, Events):
        return replace(inputs, values=_messages(inputs.values, encoding))
    return _messages(inputs, encoding)


def weight_of(synapses: Synapses) -> Tensor:
    """``mantissa * 2**-exponent`` (targets, sources), exact in float64."""
    return tensor_of(to_real(synapses.mantissa, synapses.exponent[:, None]))


def _messages(values: Tensor, encoding: Encoding) -> Tensor:
    scaled = values.detach().double() * encoding.full_scale
    messages = scaled.round()
    near = (scaled - messages).abs() <= ROUNDED_MESSAGE * messages  # never so for a negative number, or NaN
    fits = near & (messages <= encoding.maximum)
    if not bool(fits.all()):
        worst = float(values[~fits].flatten()[0])
        raise InvalidInput(
            f"input sequence: {worst} found, which is no message 0..{encoding.maximum} divided by "
            f"{encoding.full_scale}; the integer network receives messages of its encoding only"
        )
    return messages * 2.0**-encoding.graded_bits


def _poles(layer: ResonatorLayer) -> dict[str, Tensor]:
    damping, rotation = to_real(layer.damping, layer.damping_exponent), to_real(layer.rotation, layer.rotation_exponent)
    return {"damping": tensor_of(damping), "rotation": tensor_of(rotation)}


def _alpha(readout: Readout) -> Tensor:
    return 1 - tensor_of(to_real(readout.leak, readout.leak_exponent))
