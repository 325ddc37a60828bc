"""Which epoch is the best one."""

from brf_training.monitor import EpochMetrics
from brf_training.recipe import Recipe

# Spending this much over its budget still counts as held: so much does it differ between samples.
TOLERANCE = 0.02


def standing(metrics: EpochMetrics, recipe: Recipe) -> tuple[float, float]:
    """The lower the better: first how much is missing of what the network is to fit, then the validation loss."""
    return _missing(metrics, recipe), metrics.validation_loss


def pruning_progress(epoch: int, epochs: int) -> float:
    """How far pruning is in the epoch after `epoch` of them: 0 in the first, 1 in the last."""
    return epoch / (epochs - 1) if epochs > 1 else 1.0


def _missing(metrics: EpochMetrics, recipe: Recipe) -> float:
    missing = 0.0
    if recipe.pruning is not None:
        missing += max(0.0, recipe.pruning.end - pruning_progress(metrics.epoch - 1, recipe.epochs))
    if recipe.budget is not None and metrics.spending is not None:
        missing += max(0.0, metrics.spending / recipe.budget.limit - 1 - TOLERANCE)
    return missing
