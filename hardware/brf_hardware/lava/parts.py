"""What the Lava processes of a network are made of, for integer and float networks alike."""

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from brf_hardware.lava.dynamics import Integrator, Ints, Resonator

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
