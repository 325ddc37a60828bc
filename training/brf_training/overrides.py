"""What the command line changes in a recipe."""

from dataclasses import dataclass, replace
from typing import Any

from brf_deploy.errors import InvalidInput
from brf_deploy.quantization import QuantizationConfig
from brf_training.budget import Budget
from brf_training.pruning import Pruning
from brf_training.recipe import Recipe

WIDTHS = ("weight_bits", "coefficient_bits", "state_bits")


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Values that stand in place of a recipe's own; None leaves it as it is."""

    epochs: int | None = None
    seed: int | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    patience: int | None = None
    weight_bits: int | None = None
    coefficient_bits: int | None = None
    state_bits: int | None = None
    spike_budget: float | None = None
    synop_budget: float | None = None
    keep: float | None = None

    def __post_init__(self) -> None:
        if self.spike_budget is not None and self.synop_budget is not None:
            raise InvalidInput(
                f"budget: {self.spike_budget:g} spikes and {self.synop_budget:g} synaptic operations asked for; a run "
                "holds one of them, give --spike-budget or --synop-budget"
            )

    @property
    def quantized(self) -> bool:
        """Whether they make the run a quantisation-aware one."""
        return bool(self._given(*WIDTHS))

    @property
    def lean(self) -> bool:
        """Whether they ask for a network that costs less."""
        return bool(self._given("spike_budget", "synop_budget", "keep"))

    def apply(self, recipe: Recipe) -> Recipe:
        """The recipe with these values in place of its own; raises `InvalidInput` for any out of range."""
        changes: dict[str, Any] = self._given("epochs", "seed", "learning_rate", "batch_size", "patience")
        if widths := self._given(*WIDTHS):
            changes["quantization"] = replace(recipe.quantization or QuantizationConfig(), **widths)
        if self.spike_budget is not None:
            changes["budget"] = Budget("spikes", self.spike_budget)
        if self.synop_budget is not None:
            changes["budget"] = Budget("synops", self.synop_budget)
        if self.keep is not None:
            changes["pruning"] = (
                Pruning(self.keep) if recipe.pruning is None else replace(recipe.pruning, keep=self.keep)
            )
        return replace(recipe, **changes)

    def _given(self, *names: str) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}
