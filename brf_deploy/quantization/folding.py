"""Weights in the units of the states: what the integer network's weights stand for (arithmetic.md section 4.2)."""

import numpy as np
import numpy.typing as npt

from brf_deploy.float_network import FloatNetwork, FloatReadout
from brf_deploy.quantization.poles import require_brf

Real = npt.NDArray[np.float64]


def input_scale(network: FloatNetwork, index: int) -> float:
    """Factor of layer `index`'s input weights: ``dt``, and for the first layer ``2**g / full_scale`` as well.

    Messages are integers in units of ``2**-g``, where the float network divides them by full_scale.
    """
    dt = require_brf(network.layers[index]).dt
    return dt * ((1 << graded_bits(network, index)) / network.encoding.full_scale if index == 0 else 1.0)


def graded_bits(network: FloatNetwork, index: int) -> int:
    """g of what layer `index` receives: 0 for spikes."""
    return network.encoding.graded_bits if index == 0 else 0


def folded_input(network: FloatNetwork, index: int) -> Real:
    """Input weights of layer `index`, `input_scale` inside."""
    return np.asarray(network.layers[index].input_weight.astype(np.float64) * input_scale(network, index))


def folded_recurrent(network: FloatNetwork, index: int) -> Real | None:
    """Recurrent weights of layer `index` times dt; None where it is not recurrent."""
    layer = network.layers[index]
    if layer.recurrent_weight is None:
        return None
    return np.asarray(layer.recurrent_weight.astype(np.float64) * require_brf(layer).dt)


def forgetting(readout: FloatReadout) -> Real:
    """``1 - alpha = 1 - exp(-1 / tau)`` (outputs)."""
    with np.errstate(divide="ignore"):
        return np.asarray(-np.expm1(-1 / readout.tau.astype(np.float64)))


def folded_readout(readout: FloatReadout) -> Real:
    """Weights of the readout times ``1 - alpha``."""
    return np.asarray(readout.weight.astype(np.float64) * forgetting(readout)[:, None])
