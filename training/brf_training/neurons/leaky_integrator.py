"""The leaky integrators that read a network out."""

import torch
from torch import Tensor

from brf_training.initial import Normal

INITIAL_TAU = Normal(20, 5)  # Higuchi et al. 2024, Table 3: S-MNIST


def decay(tau: Tensor) -> Tensor:
    """``exp(-1 / |tau|)``, the decay a step of a time constant in steps."""
    return torch.exp(-1 / tau.abs())


def leaky_step(x: Tensor, y: Tensor, alpha: Tensor) -> Tensor:
    """``y' = alpha y + (1 - alpha) x``: weighted spikes x of this same step (batch, outputs), alpha (outputs)."""
    return alpha * y + (1 - alpha) * x
