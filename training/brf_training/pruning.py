"""Pruning of synapses while training: every source keeps the same number of its strongest targets."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from brf_deploy.errors import InvalidInput
from brf_training.model import RecurrentNetwork


@dataclass(frozen=True)
class Pruning:
    """keep: share of its targets that each input and neuron keeps, in (0, 1].

    start, end: when the share begins to fall from 1 and when it has reached `keep`, as shares of the training. Raises
    `InvalidInput` for values out of range.
    """

    keep: float
    start: float = 0.0
    end: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise InvalidInput(f"pruning: keep = {self.keep:g} found, a share above 0 and up to 1 needed")
        if not 0 <= self.start <= self.end <= 1:
            raise InvalidInput(
                f"pruning: start = {self.start:g}, end = {self.end:g} found; 0 <= start <= end <= 1 needed"
            )

    def share(self, progress: float) -> float:
        """The share kept at this progress of the training: ``keep + (1 - keep) (1 - x)^3``, x from `start` to `end`.

        The cubic schedule of Zhu and Gupta 2017, equation 1.
        """
        if progress >= self.end:
            return self.keep
        if progress <= self.start:
            return 1.0
        x = (progress - self.start) / (self.end - self.start)
        return self.keep + (1 - self.keep) * (1 - x) ** 3


@torch.no_grad()
def prune(network: RecurrentNetwork, pruning: Pruning, progress: float) -> None:
    """Set the masks of all weights for this progress (0..1) of the training, and what they leave out to zero.

    What is pruned stays so. A source of n targets keeps ``ceil(share n)`` of them, those of largest magnitude.
    """
    share = pruning.share(progress)
    for layer in network.chain:
        layer.input_mask = strongest(layer.input_weight, share, layer.input_mask)
        if layer.recurrent_weight is not None:
            layer.recurrent_mask = strongest(layer.recurrent_weight, share, layer.recurrent_mask)
    network.readout.mask = strongest(network.readout.weight, share, network.readout.mask)
    network.project()


def strongest(weight: Tensor, share: float, mask: Tensor | None) -> Tensor:
    """Mask (targets, sources) of the largest magnitudes in each column, among those that `mask` still holds."""
    magnitude = weight.abs()
    if mask is not None:
        magnitude = magnitude.masked_fill(~mask, -1.0)
    chosen = torch.zeros_like(weight, dtype=torch.bool)
    # Stable, so that equal magnitudes are chosen alike on every run: the first of them.
    order = magnitude.argsort(dim=0, descending=True, stable=True)[: ceil(share * len(weight))]
    chosen.scatter_(0, order, True)
    return chosen if mask is None else chosen & mask
