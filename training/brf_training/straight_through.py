"""The integer network's values with the gradients of the float network they were made from.

Forward each value is the integer one, bit for bit; backward it counts as the real number that was rounded, as a
function of the float network's own parameters (straight-through estimator, Bengio et al. 2013). A weight that its grid
clips passes its gradient too, or it could never return.
"""

import torch

from brf_deploy.errors import Unsupported
from brf_training.cell_loop import Cell, FixedIntegrators
from brf_training.model import LeakyReadout, RecurrentLayer
from brf_training.neurons.brf import BRF
from brf_training.neurons.leaky_integrator import decay
from brf_training.rounding import straight_through


def through_layer(layer: RecurrentLayer, fixed: Cell, input_scale: float) -> Cell:
    """The fixed cell of a BRF layer. input_scale: of its input weights, `brf_deploy.quantization.folding`."""
    if not isinstance(layer.neuron, BRF):
        raise Unsupported(f"layer '{layer.name}': {layer.neuron.kind} neurons have no integer form, only brf has one")
    dt = layer.neuron.dt
    rotation = dt * layer.raw["omega"].double().abs()
    damping = 1 - torch.sqrt(1 - rotation**2) + dt * layer.raw["b_offset"].double().abs()
    raw = {"damping": damping, "rotation": rotation}
    recurrent = None
    if layer.recurrent_weight is not None and fixed.recurrent_weight is not None:
        recurrent = straight_through(layer.recurrent_weight.double() * dt, fixed.recurrent_weight)
    return Cell(
        fixed.neuron,
        {name: straight_through(raw[name], value) for name, value in fixed.raw.items()},
        straight_through(layer.input_weight.double() * input_scale, fixed.input_weight),
        recurrent,
    )


def through_readout(readout: LeakyReadout, fixed: FixedIntegrators) -> FixedIntegrators:
    """The fixed readout."""
    alpha = decay(readout.tau.double())
    weight = readout.weight.double() * (1 - alpha)[:, None]
    return fixed._replace(alpha=straight_through(alpha, fixed.alpha), weight=straight_through(weight, fixed.weight))
