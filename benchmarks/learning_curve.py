"""The ECG recipe with the native kernels and with the plain loop: the first epochs, against the spread between seeds.

The same seed starts both at the same weights, with the same batches; rounding then flips a spike here and there, and
the two part as two seeds do. Run:

    python benchmarks/learning_curve.py --data DIR [--epochs 12] [--out benchmarks/results]
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rich.table import Table

from brf_deploy.data_directory import data_root
from brf_deploy.options import data_option
from brf_deploy.output import console
from brf_deploy.task import load_task
from brf_training.kernels.choice import ENGINES
from brf_training.kernels.native import one_torch_thread
from brf_training.recipe_file import load_recipe
from brf_training.trainer import Trainer

RECIPE = "ecg"
SEEDS = {"native": (0, 1, 2, 3, 4, 5, 6, 7), "loop": (0, 1)}


@contextmanager
def running_on(engine: str) -> Iterator[None]:
    """Within: training runs on one engine, and on the plain loop where there is none of that name."""
    kept = dict(ENGINES)
    for name in kept:
        if name != engine:
            del ENGINES[name]
    try:
        yield
    finally:
        ENGINES.clear()
        ENGINES.update(kept)


def curve(engine: str, seed: int, epochs: int, data: Path | None) -> list[dict[str, Any]]:
    """The metrics of the first epochs."""
    task = load_task(RECIPE)
    trainer = Trainer(replace(load_recipe(RECIPE), seed=seed), task, task.load("train", data))
    with running_on(engine), one_torch_thread():
        return [asdict(trainer.run_epoch()) for _ in range(epochs)]


def within(curves: dict[str, list[list[dict[str, Any]]]], what: str) -> tuple[float, float]:
    """Mean over epochs of the loop's distance from the mean of the native seeds, and of their standard deviation."""
    native = np.array([[epoch[what] for epoch in run] for run in curves["native"]])
    loop = np.array([[epoch[what] for epoch in run] for run in curves["loop"]])
    distance = np.abs(loop - native.mean(axis=0)).mean()
    return float(distance), float(native.std(axis=0, ddof=1).mean())


def plot(curves: dict[str, list[list[dict[str, Any]]]], path: Path) -> None:
    """Loss and accuracy against epochs, every seed."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for axis, what in zip(axes, ("loss", "validation_accuracy"), strict=True):
        for engine, colour in (("native", "C0"), ("loop", "C1")):
            for index, run in enumerate(curves[engine]):
                label = engine if index == 0 else None
                epochs = [epoch["epoch"] for epoch in run]
                axis.plot(epochs, [epoch[what] for epoch in run], colour, alpha=0.7, label=label)
        axis.set(xlabel="epoch", ylabel=what.replace("_", " "))
        axis.legend()
    figure.savefig(path)


@click.command()
@data_option
@click.option("--epochs", type=click.IntRange(min=2), default=12, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def main(data: Path | None, epochs: int, out: Path) -> None:
    """Train, print a table, and write learning_curve.json and .svg."""
    torch.set_num_threads(2)
    root = data_root(data)
    curves: dict[str, list[list[dict[str, Any]]]] = {"native": [], "loop": []}
    table = Table("engine", "seed", "s an epoch", "loss, first epoch", "loss, last", "validation accuracy, last")
    for engine, seeds in SEEDS.items():
        for seed in seeds:
            run = curve(engine, seed, epochs, root)
            curves[engine].append(run)
            seconds = sum(epoch["seconds"] for epoch in run) / epochs
            ends = (f"{run[0]['loss']:.2f}", f"{run[-1]['loss']:.2f}", f"{run[-1]['validation_accuracy']:.2%}")
            table.add_row(engine, str(seed), f"{seconds:.2f}", *ends)
    show = console()
    show.print(table)
    for what in ("loss", "validation_accuracy"):
        distance, spread = within(curves, what)
        show.print(
            f"{what}: loop from the mean of native {distance:.4g}, standard deviation between seeds {spread:.4g}"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "learning_curve.json").write_text(json.dumps({"epochs": epochs, "curves": curves}, indent=1) + "\n")
    plot(curves, out / "learning_curve.svg")


if __name__ == "__main__":
    main()
