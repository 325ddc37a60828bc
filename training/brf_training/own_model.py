"""A torch model of one's own that is made of this package's layers, as the chain that is trained and deployed."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from brf_deploy.errors import BrfError, InvalidNetwork, Unsupported
from brf_training.cell_loop import SequenceRun
from brf_training.model import LeakyReadout, RecurrentLayer, RecurrentNetwork

# Sequences on which model and chain are compared: long enough for recurrent spikes to come round, with all weights as
# they are and up to so many times larger, so that layers of any threshold are silent in some and fire in others.
STEPS, BATCH, SCALES = 48, 3, (1.0, 10.0, 100.0, 1000.0)
# Both run in float64; sums in another order differ by this share of the largest readout at most.
TOLERANCE = 1e-9


def network_of(model: nn.Module) -> RecurrentNetwork:
    """The chain of layers and readout in a model, with the model's own parameters, so that training one trains both.

    The model may be any module, such as ``nn.Sequential(layer, readout)``, that has `RecurrentLayer`s and one
    `LeakyReadout` as submodules, no other parameters, and a forward pass from inputs (time, batch, inputs) to the
    readout (time, batch, outputs). Chips run chains: raises `Unsupported` where the model has other parameters or, on
    sample inputs, does not compute what its layers in the order of their registration do; `InvalidNetwork` where their
    widths do not fit or names repeat.
    """
    inner = getattr(model, "network", None)
    if isinstance(inner, RecurrentNetwork):  # of a `QuantizedNetwork`, and itself of a `RecurrentNetwork`
        return inner
    layers = [part for part in model.modules() if isinstance(part, RecurrentLayer)]
    readouts = [part for part in model.modules() if isinstance(part, LeakyReadout)]
    what = f"model {type(model).__name__}"
    if not layers or len(readouts) != 1:
        raise InvalidNetwork(
            f"{what}: {len(layers)} RecurrentLayer and {len(readouts)} LeakyReadout found in it; at least one and "
            "exactly one needed"
        )
    known = {id(parameter) for part in (*layers, *readouts) for parameter in part.parameters()}
    foreign = [name for name, parameter in model.named_parameters() if id(parameter) not in known]
    if foreign:
        raise Unsupported(
            f"{what}: '{foreign[0]}' is a parameter outside of its layers and readout, which no integer network has a "
            "place for; leave it out, or fold it into input_weight"
        )
    network = RecurrentNetwork(layers, readouts[0])
    _check_same(model, network, what)
    return network


def _check_same(model: nn.Module, network: RecurrentNetwork, what: str) -> None:
    """Refuse a model whose forward pass is not that of its chain."""
    width = network.chain[0].input_weight.shape[1]
    generator = torch.Generator().manual_seed(0)
    inputs = (torch.rand(STEPS, BATCH, width, generator=generator) < 0.5).double()
    for scale in SCALES:
        expected, found = _readout(network, inputs, scale, what), _readout(model, inputs, scale, what)
        if found.shape != expected.shape:
            raise Unsupported(
                f"{what}: its forward pass gives a tensor {tuple(found.shape)}, where the readout "
                f"{tuple(expected.shape)}, which is (time, batch, outputs), is needed"
            )
        if not torch.allclose(found, expected, rtol=0, atol=TOLERANCE * max(1.0, float(expected.abs().max()))):
            raise Unsupported(
                f"{what}: its forward pass differs from that of its layers one after the other "
                f"({', '.join(layer.name for layer in network.chain)}, readout), by up to "
                f"{float((found - expected).abs().max()):.3g}; networks that deploy are chains, with nothing between "
                "the layers, around them or past them"
            )


@torch.no_grad()
def _readout(model: nn.Module, inputs: Tensor, scale: float, what: str) -> Tensor:
    """What a copy of the model in float64 gives with weights so many times larger; dropout and its like rest."""
    copy = deepcopy(model).cpu().double().eval()
    for name, parameter in copy.named_parameters():
        if name.endswith("weight"):
            parameter.mul_(scale)
    try:
        found = copy(inputs)
    except (BrfError, RuntimeError, TypeError, ValueError, IndexError) as error:
        raise Unsupported(
            f"{what}: its forward pass does not take inputs of shape {tuple(inputs.shape)}, which is (time, batch, "
            f"inputs): {error}"
        ) from error
    readout = found.readout if isinstance(found, SequenceRun) else found
    if not isinstance(readout, Tensor):
        raise Unsupported(
            f"{what}: its forward pass gives a {type(readout).__name__}; let it return the tensor of its LeakyReadout"
        )
    return readout.double()
