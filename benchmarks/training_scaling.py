"""How a training step of the native kernel grows with steps, neurons, batch and threads, and the memory of a long one.

Run: python benchmarks/training_scaling.py [--out benchmarks/results]. Writes training_scaling.json and .svg.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import click
import torch
from machine_limits import load
from process_memory import peak_of
from rich.table import Table
from torch import Tensor
from training_workloads import firing

from brf_deploy.output import console
from brf_training import Loss, Objective, RecurrentNetwork
from brf_training.cell_loop import run_sequence
from brf_training.kernels.native import NativeEngine

INPUTS, OUTPUTS, DENSITY, RATE = 16, 10, 0.1, 0.1


@dataclass(frozen=True)
class Size:
    """Of a training step."""

    steps: int = 500
    neurons: int = 128
    batch: int = 32
    threads: int = 2

    @property
    def neuron_steps(self) -> int:
        """Updates of a neuron."""
        return self.steps * self.neurons * self.batch


BASE = Size()
VARIED: dict[str, tuple[int, ...]] = {
    "steps": (125, 250, 500, 1000, 2000, 4000),
    "neurons": (16, 32, 64, 128, 256, 512),
    "batch": (1, 4, 16, 32, 64, 128),
    "threads": (1, 2),
}
LONG = Size(steps=32768, neurons=128, batch=8)  # must train within LONG_LIMIT
LONG_LIMIT = 2**31  # bytes


def workload(size: Size) -> tuple[RecurrentNetwork, Tensor, Tensor]:
    """A network that fires at `RATE`, inputs and labels."""
    generator = torch.Generator().manual_seed(0)
    inputs = (torch.rand(size.steps, size.batch, INPUTS, generator=generator) < DENSITY).float()
    short = inputs[:250, :8]
    network = firing(INPUTS, size.neurons, OUTPUTS, (5, 10), (2, 3), short, RATE)
    return network, inputs, torch.randint(0, OUTPUTS, (size.batch,), generator=generator)


def train_step(network: RecurrentNetwork, inputs: Tensor, labels: Tensor, threads: int) -> None:
    """Forward, loss over every step, backward."""
    cells, integrators = [layer.cell for layer in network.layers], network.readout.integrators
    run = run_sequence(cells, integrators, inputs, engine=NativeEngine(threads=threads))
    Objective(Loss.EVERY_STEP_SUM)(run.readout, labels).backward()


def seconds(size: Size, rounds: int) -> float:
    """Of a step, the median of a few."""
    parts = workload(size)
    times = []
    for _ in range(rounds + 1):
        start = perf_counter()
        train_step(*parts, size.threads)
        times.append(perf_counter() - start)
    return median(times[1:])


def long_memory() -> dict[str, float]:
    """Seconds and peak extra memory of a step of a long sequence, in this process."""
    network, inputs, labels = workload(LONG)
    train_step(network, inputs[:500], labels, LONG.threads)
    start = perf_counter()
    peak = peak_of(lambda: train_step(network, inputs, labels, LONG.threads))
    return {"seconds": perf_counter() - start, "bytes": peak}


def plot(series: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Milliseconds a step against each size."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, len(series), figsize=(3.2 * len(series), 3), layout="constrained")
    for axis, (name, rows) in zip(axes, series.items(), strict=True):
        axis.plot([row[name] for row in rows], [1e3 * row["seconds"] for row in rows], marker="o")
        axis.set(xscale="log", yscale="log", xlabel=name, title=f"other sizes: {_others(name)}")
        axis.title.set_fontsize(7)
        axis.grid(True, which="both", alpha=0.25)
        axis.set_xticks([row[name] for row in rows], [str(row[name]) for row in rows])
        axis.minorticks_off()
    axes[0].set_ylabel("ms a training step")
    figure.savefig(path)


def _others(name: str) -> str:
    return ", ".join(f"{other} {value}" for other, value in asdict(BASE).items() if other != name)


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
@click.option("--long", "only_long", is_flag=True, hidden=True)
def main(rounds: int, out: Path, only_long: bool) -> None:
    """Measure, print a table, and write training_scaling.json and .svg."""
    torch.set_num_threads(1)  # torch's own operators; the kernel's threads are given to it
    if only_long:
        print(json.dumps(long_memory()))
        return
    before = load()
    series: dict[str, list[dict[str, Any]]] = {}
    table = Table("varied", "value", "ms a step", "ns a neuron-step")
    for name, values in VARIED.items():
        sizes = [replace(BASE, **{name: value}) for value in values]
        series[name] = [{**asdict(size), "seconds": seconds(size, rounds)} for size in sizes]
        for size, row in zip(sizes, series[name], strict=True):
            per_update = 1e9 * row["seconds"] / size.neuron_steps
            table.add_row(name, str(row[name]), f"{1e3 * row['seconds']:.2f}", f"{per_update:.2f}")
    console().print(table)
    done = subprocess.run([sys.executable, __file__, "--long"], capture_output=True, text=True, check=True)
    long = json.loads(done.stdout)
    megabytes, within = long["bytes"] / 1e6, long["bytes"] < LONG_LIMIT
    console().print(
        f"{LONG}: {long['seconds']:.2f} s a step, peak extra memory {megabytes:,.0f} MB, "
        f"{'within' if within else 'ABOVE'} the limit of {LONG_LIMIT / 1e6:,.0f} MB"
    )
    results = {
        "base": asdict(BASE),
        "series": series,
        "long": {**asdict(LONG), **long},
        "load": f"{before} to {load()}",
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "training_scaling.json").write_text(json.dumps(results, indent=1) + "\n")
    plot(series, out / "training_scaling.svg")
    click.get_current_context().exit(int(not within))


if __name__ == "__main__":
    main()
