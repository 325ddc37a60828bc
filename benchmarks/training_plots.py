"""Figures of the studies of `training_results.py`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from training_studies import PUBLISHED_SPIKES, epoch_reaching, threshold

mpl.use("agg")
from matplotlib import pyplot as plt

Result = dict[str, Any]
PUBLISHED_ACCURACY = 0.862106  # of the ECG checkpoint, benchmarks/results/published.md


def curves(results: Sequence[Result], path: Path) -> None:
    """Validation accuracy and spikes against epochs, a colour a recipe, a line a seed."""
    figure, _ = _curves(results)
    _save(figure, path)


def marked_curves(results: Sequence[Result], path: Path) -> None:
    """`curves`, with a mark where each run first comes near the paper's final accuracy."""
    figure, axis = _curves(results)
    for index, result in enumerate(results):
        accuracy = threshold(result["task"])
        axis.axhline(100 * accuracy, color=f"C{index}", linestyle=":", linewidth=1)
        if (epoch := epoch_reaching(accuracy, result["epochs"])) is not None:
            reached = 100 * result["epochs"][epoch - 1]["validation_accuracy"]
            axis.plot([epoch], [reached], f"C{index}o", label=f"95 % of the paper's: epoch {epoch}")
    axis.legend()
    _save(figure, path)


def _curves(results: Sequence[Result]) -> tuple[Any, Any]:
    """The figure, and its axes of accuracy."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    colours: dict[str, str] = {}
    for result in results:
        recipe = result["name"].split("-seed")[0]
        label = recipe if recipe not in colours else None
        colour = colours.setdefault(recipe, f"C{len(colours)}")
        epochs = [epoch["epoch"] for epoch in result["epochs"]]
        accuracy = [100 * epoch["validation_accuracy"] for epoch in result["epochs"]]
        spikes = [epoch["spikes_per_sample"] for epoch in result["epochs"]]
        axes[0].plot(epochs, accuracy, colour, label=label, alpha=0.7, linewidth=1)
        axes[1].plot(epochs, spikes, colour, alpha=0.7, linewidth=1)
    axes[0].set(xlabel="epoch", ylabel="validation accuracy, %")
    axes[1].set(xlabel="epoch", ylabel="spikes a sample")
    axes[0].legend()
    return figure, axes[0]


def bits(results: Sequence[Result], path: Path) -> None:
    """Validation accuracy of the quantised network against epochs."""
    figure, axis = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    for result in results:
        epochs = [epoch["epoch"] for epoch in result["epochs"]]
        axis.plot(epochs, [100 * epoch["validation_accuracy"] for epoch in result["epochs"]], label=result["name"])
    axis.set(xlabel="epoch", ylabel="validation accuracy, %")
    axis.legend()
    _save(figure, path)


def spending(results: Sequence[Result], path: Path) -> None:
    """Test accuracy against the spikes spent."""
    figure, axis = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
    for kind, marker in (("float", "o"), ("integer", "x")):
        spikes = [result[kind]["spikes_per_sample"] for result in results]
        accuracy = [100 * result[kind]["accuracy"] for result in results]
        axis.plot(spikes, accuracy, marker=marker, label=kind)
    axis.plot([PUBLISHED_SPIKES], [100 * PUBLISHED_ACCURACY], "k*", markersize=11, label="published")
    axis.set(xlabel="hidden spikes a record", ylabel="test accuracy, %")
    axis.set_xlim(left=0)
    axis.legend()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path)
    plt.close(figure)


PLOTS: dict[str, Callable[[Sequence[Result], Path], None]] = {
    "ecg": curves,
    "qat": bits,
    "budget": spending,
    "fsdd": curves,
    "mnist": marked_curves,
}
