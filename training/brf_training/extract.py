"""The door between tensors and arrays: torch modules to the ground's float networks and back."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from brf_deploy.encoding import Encoding
from brf_deploy.float_network import FloatLayer, FloatNetwork, FloatReadout
from brf_training.cell_loop import Cell, Integrators
from brf_training.model import LeakyReadout, RecurrentLayer, RecurrentNetwork
from brf_training.neurons import NEURONS
from brf_training.own_model import network_of


def to_float_network(
    model: nn.Module, task: str, encoding: Encoding, skip_steps: int = 0, notes: dict[str, str] | None = None
) -> FloatNetwork:
    """The float network a model computes: raw values become absolute, dtypes stay.

    `encoding` tells how messages become the model's real inputs. The model is a `RecurrentNetwork` or anything that
    `network_of` takes for one; raises what that raises, and `InvalidNetwork` for NaN or infinite parameters and where
    ``dt * omega > 1``.
    """
    network = network_of(model)
    layers = tuple(_layer(layer) for layer in network.chain)
    readout = FloatReadout(np.abs(array_of(network.readout.tau)), array_of(network.readout.weight))
    return FloatNetwork(task, encoding, layers, readout, skip_steps, notes or {})


def from_float_network(network: FloatNetwork) -> RecurrentNetwork:
    """The trainable model of a float network; `to_float_network` gives the same arrays back, bit for bit.

    Weights that are exactly 0 are what pruning left out; training keeps them at 0.
    """
    integrators = Integrators(tensor_of(network.readout.tau), tensor_of(network.readout.weight))
    model = RecurrentNetwork([_module(layer) for layer in network.layers], LeakyReadout(integrators))
    model.hold_zeros()
    return model


def array_of(tensor: Tensor) -> npt.NDArray[Any]:
    """The values of a tensor, in its dtype."""
    return np.asarray(tensor.detach().cpu().numpy())


def tensor_of(array: npt.NDArray[Any]) -> Tensor:
    """A tensor with its own copy of an array."""
    return torch.from_numpy(array.copy())


def _layer(layer: RecurrentLayer) -> FloatLayer:
    neurons = layer.neuron.to_ground({name: array_of(value) for name, value in layer.raw.items()})
    recurrent = None if layer.recurrent_weight is None else array_of(layer.recurrent_weight)
    return FloatLayer(layer.name, neurons, array_of(layer.input_weight), recurrent)


def _module(layer: FloatLayer) -> RecurrentLayer:
    neuron, values = NEURONS[layer.neurons.kind].from_ground(layer.neurons)
    raw = {name: tensor_of(value) for name, value in values.items()}
    recurrent = None if layer.recurrent_weight is None else tensor_of(layer.recurrent_weight)
    return RecurrentLayer(Cell(neuron, raw, tensor_of(layer.input_weight), recurrent), layer.name)
