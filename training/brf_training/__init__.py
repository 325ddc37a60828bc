"""Training of spiking networks: neurons, layers and networks in torch, recipes, and the way to the ground's types.

Names are imported when they are first used, so that tasks and commands that need no torch do not load it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brf_training.evaluation import evaluate
    from brf_training.extract import from_float_network, to_float_network
    from brf_training.frozen import FrozenNetwork
    from brf_training.model import LeakyReadout, RecurrentLayer, RecurrentNetwork
    from brf_training.neurons.alif import ALIF
    from brf_training.neurons.bhrf import BHRF
    from brf_training.neurons.brf import BRF
    from brf_training.neurons.lif import LIF
    from brf_training.neurons.rf import RF
    from brf_training.objective import Loss, Objective
    from brf_training.own_model import network_of
    from brf_training.published import read_published
    from brf_training.quantized import QuantizedNetwork
    from brf_training.recipe_file import load_recipe
    from brf_training.surrogate import spike
    from brf_training.train import train_network

__all__ = [
    "ALIF",
    "BHRF",
    "BRF",
    "LIF",
    "RF",
    "FrozenNetwork",
    "LeakyReadout",
    "Loss",
    "Objective",
    "QuantizedNetwork",
    "RecurrentLayer",
    "RecurrentNetwork",
    "evaluate",
    "from_float_network",
    "load_recipe",
    "network_of",
    "read_published",
    "spike",
    "to_float_network",
    "train_network",
]

_MODULE_OF = {
    "ALIF": "neurons.alif", "BHRF": "neurons.bhrf", "BRF": "neurons.brf", "LIF": "neurons.lif", "RF": "neurons.rf",
    "LeakyReadout": "model", "RecurrentLayer": "model", "RecurrentNetwork": "model",
    "FrozenNetwork": "frozen",
    "Loss": "objective", "Objective": "objective", "evaluate": "evaluation",
    "from_float_network": "extract", "to_float_network": "extract",
    "load_recipe": "recipe_file", "read_published": "published",
    "network_of": "own_model", "QuantizedNetwork": "quantized", "spike": "surrogate", "train_network": "train",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
