"""How near a layer is to the divergence boundary."""

import numpy as np
import numpy.typing as npt
import torch

from brf_training.extract import array_of
from brf_training.model import RecurrentLayer

SMALL = 2.0**-40  # far below any threshold, and a power of two: multiplying by it rounds nothing


def pole_radii(layer: RecurrentLayer) -> npt.NDArray[np.float64]:
    """``max |lambda|`` (neurons,) of the linear map that a step without input and spikes is; 1 is the boundary.

    For resonating neurons lambda is the pole ``1 + dt (b + i omega)``, or the decay of the refractory state.
    """
    raw = {name: value.detach().cpu().double() for name, value in layer.raw.items()}
    silence = layer.neuron.initial_state(torch.zeros(1, len(layer.input_weight), dtype=torch.float64))
    count = len(silence)
    basis = [torch.zeros(count, *state.shape[1:], dtype=torch.float64) for state in silence]
    for index, state in enumerate(basis):
        state[index] = SMALL
    still = torch.zeros_like(basis[0])
    _, after = layer.neuron.step(still, type(silence)(*basis), layer.neuron.parameters(raw))
    steps = array_of(torch.stack(tuple(after)) / SMALL)  # (new state, old state, neurons)
    return np.asarray(np.abs(np.linalg.eigvals(steps.transpose(2, 0, 1))).max(axis=1))
