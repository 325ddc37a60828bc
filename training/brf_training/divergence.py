"""Why a run cannot go on: which number is no longer finite, and what to change."""

from collections.abc import Sequence

import torch
from torch import Tensor

from brf_training.cell_loop import SequenceRun
from brf_training.model import RecurrentLayer, RecurrentNetwork
from brf_training.poles import pole_radii

# An epoch's training loss above this many times that of guessing is divergence: readouts of the published networks stay
# within 106, so that being wrong on every step costs at most some 60 times what guessing does.
HOPELESS = 100.0


def first_cause(network: RecurrentNetwork, run: SequenceRun | None) -> str:
    """The first thing in the way of the signal that is NaN or infinite, in words; a gradient if nothing else.

    run: of the batch, or None where it is not known.
    """
    names = {f"layers.{index}": layer.name for index, layer in enumerate(network.chain)}
    parameters = {_spoken(name, names): value for name, value in network.named_parameters()}
    for name, value in parameters.items():
        if bad := _not_finite(value):
            return f"{bad} of {value.numel()} values of {name} are NaN or infinite"
    for layer, states in zip(network.chain, () if run is None else run.carry.states, strict=run is not None):
        if _not_finite(states):
            return f"the states of layer '{layer.name}' overflow{_growth([layer])}"
    for name, value in parameters.items():
        if value.grad is not None and (bad := _not_finite(value.grad)):
            where = f"the gradient of {name} is NaN or infinite in {bad} of {value.numel()} places"
            return where + _growth(network.chain)
    return "the readout is larger than the loss can take" + _growth(network.chain)


def _growth(layers: Sequence[RecurrentLayer]) -> str:
    """The neuron farthest outside the divergence boundary, if there is one."""
    radii = [pole_radii(layer) for layer in layers]
    layer, worst = max(zip(layers, radii, strict=True), key=lambda pair: float(pair[1].max()))
    neuron = int(worst.argmax())
    if worst[neuron] <= 1:
        return ""
    return (
        f"; neuron {neuron} of layer '{layer.name}' has pole radius {worst[neuron]:.6g}, outside the divergence "
        "boundary 1, and grows at every step: a smaller dt helps, and BRF neurons have the boundary built in"
    )


def _not_finite(tensor: Tensor) -> int:
    return int((~torch.isfinite(tensor.detach())).sum())


def _spoken(name: str, layers: dict[str, str]) -> str:
    """``layers.0.omega`` as ``hidden omega``."""
    owner, _, parameter = name.rpartition(".")
    return f"{layers.get(owner, owner)} {parameter}"
