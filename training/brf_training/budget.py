"""A limit on what a sample may cost, held during training by an augmented Lagrangian."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import torch
from torch import Tensor

from brf_deploy.errors import InvalidInput
from brf_training.cell_loop import SequenceRun
from brf_training.model import RecurrentNetwork

Kind = Literal["spikes", "synops"]
KINDS: tuple[Kind, ...] = ("spikes", "synops")

# Found on ECG, with the same values for budgets of 800 to 5,000 spikes (0020).
PENALTY = 0.3  # rho, weight of the quadratic term, in nats a decision
RATE = 0.003  # eta, what one optimiser step adds to the multiplier at an excess of 1
MEMORY = 0.9  # share of the smoothed excess that a batch leaves as it was
MARGIN = 0.02  # share of the limit that is not spent: validation, test and batches differ by so much


@dataclass(frozen=True)
class Budget:
    """What a sample may cost in the hidden layers, mean over samples.

    kind "spikes": spikes. kind "synops": synaptic operations, each spike times the non-zero weights it meets in its own
    layer, the next one and the readout; operations of the input cannot be budgeted, since data decide them. limit: of
    them, more than 0. Raises `InvalidInput` for another kind or limit.
    """

    kind: Kind
    limit: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidInput(f"budget: kind '{self.kind}' found; there are {' and '.join(KINDS)}")
        if not (isfinite(self.limit) and self.limit > 0):
            raise InvalidInput(f"budget: {self.limit:g} {self.kind} a sample found, a positive number needed")


def fan_out(network: RecurrentNetwork) -> tuple[Tensor, ...]:
    """Non-zero weights that a spike of each neuron meets, per layer (neurons,)."""
    chain = network.chain
    above = [*(layer.input_weight for layer in chain[1:]), network.readout.weight]
    counts = []
    for layer, weight in zip(chain, above, strict=True):
        total = torch.count_nonzero(weight.detach(), dim=0)
        if layer.recurrent_weight is not None:
            total = total + torch.count_nonzero(layer.recurrent_weight.detach(), dim=0)
        counts.append(total)
    return tuple(counts)


def spending(kind: Kind, counts: Sequence[Tensor], network: RecurrentNetwork) -> Tensor:
    """What a sample cost, mean over samples, of spike counts a layer (samples, neurons); differentiable.

    A recurrent synapse counts for a spike of the last step too, which no step follows.
    """
    if kind == "spikes":
        return torch.stack([layer.sum(dim=1).mean() for layer in counts]).sum()
    costs = zip(counts, fan_out(network), strict=True)
    return torch.stack([(layer @ fan.to(layer.dtype)).mean() for layer, fan in costs]).sum()


class BudgetController:
    """Moves the weight of a budget's penalty until the budget is just held.

    With ratio r of spending to the limit, the excess is ``g = ln r`` above the limit and ``r - 1`` below it, so that a
    far limit pulls no harder than a near one. The augmented Lagrangian of ``g <= 0`` (Nocedal and Wright 2006, section
    17.3) has the gradient ``max(0, lambda + rho g) dg``; lambda moves by ``eta g`` after each optimiser step and stays
    at 0 or above. Where g stands as a number it is smoothed over batches.

    decisions: how many terms the loss sums for a sample, 1 for a loss of the last step, the number of steps for one
    summed over them; the penalty is scaled by it, so that settings hold for both.
    """

    def __init__(self, budget: Budget, decisions: int = 1) -> None:
        self.budget, self.decisions = budget, decisions
        self._multiplier = 0.0
        self._excess: float | None = None
        self._spent: float | None = None

    def penalty(self, run: SequenceRun, network: RecurrentNetwork) -> Tensor:
        """What to add to the mean loss of a batch."""
        spent = spending(self.budget.kind, run.spike_counts, network)
        excess = self._excess_of(spent)
        self._spent = float(spent.detach())
        self._excess = self._smoothed(float(excess.detach()))
        return self.decisions * max(0.0, self._multiplier + PENALTY * self._excess) * excess

    def update(self) -> None:
        """Move the multiplier; call it after each optimiser step."""
        self._multiplier = max(0.0, self._multiplier + RATE * (self._excess or 0.0))

    def state_dict(self) -> dict[str, float | None]:
        """All that it remembers."""
        return {"multiplier": self._multiplier, "excess": self._excess, "spending": self._spent}

    def load_state_dict(self, state: Mapping[str, float | None]) -> None:
        """Go on from what `state_dict` gave."""
        self._multiplier, self._excess, self._spent = state["multiplier"] or 0.0, state["excess"], state["spending"]

    def figures(self) -> dict[str, float]:
        """For metrics: multiplier, limit, and spending of the last batch once there was one."""
        figures = {"multiplier": self._multiplier, "limit": self.budget.limit}
        return figures if self._spent is None else {**figures, "spending": self._spent}

    def _excess_of(self, spent: Tensor) -> Tensor:
        ratio = spent / (self.budget.limit * (1 - MARGIN))
        return ratio.clamp(min=1).log() + ratio.clamp(max=1) - 1

    def _smoothed(self, excess: float) -> float:
        return excess if self._excess is None else MEMORY * self._excess + (1 - MEMORY) * excess
