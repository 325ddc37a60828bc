"""Samples per second of every backend on the published checkpoints, on one thread, one sample at a time and in a batch.

Run: python benchmarks/backend_speed.py --data DIR [--out benchmarks/results]. Writes backend_speed.json and .md. What a
backend needs once for a network (compiling, building a graph) is left out and stands in a column of its own.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import click
import numpy as np
import torch
from machine_limits import load
from published import deployed

from brf_deploy.arrays import Ints
from brf_deploy.backend import Backend, backend_names, load_backend
from brf_deploy.network import IntegerNetwork
from brf_deploy.options import data_option
from brf_deploy.output import console, write_json
from brf_deploy.task import load_task
from brf_deploy.trace import Record
from brf_deploy.whole_file import write_whole
from brf_hardware.c.speed import instructions, nanoseconds
from brf_hardware.fast.backend import FastBackend

COMMAND = "python benchmarks/backend_speed.py --data DIR"
BATCH = 32
PATIENCE = 20.0  # seconds: a backend whose first sample takes longer runs no batch
ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """Samples per second, None where it was not run; preparation in seconds."""

    backend: str
    network: str
    preparation: float
    single: float
    batch: float | None


def measure(backend: Backend, name: str, network: IntegerNetwork, messages: Ints) -> Row:
    """A row of the table: medians over rounds."""
    one, many = messages[:, :1], messages[:, :BATCH]
    first = _seconds(backend, network, one)
    rounds = ROUNDS if first < 2 else 1
    single = median(_seconds(backend, network, one) for _ in range(rounds))
    batch = None if single * BATCH > PATIENCE else many.shape[1] / _seconds(backend, network, many)
    return Row(backend.name, name, max(0.0, first - single), 1 / single, batch)


def inside_the_program(name: str, network: IntegerNetwork, messages: Ints) -> Row:
    """The exported C, timed by itself: without its start, and without the files that the backend's runs go through."""
    times = nanoseconds(network, messages[:, 0], passes=20)
    return Row("c, inside the program", name, 0.0, 1e9 / float(np.median(times)), None)


def _seconds(backend: Backend, network: IntegerNetwork, messages: Ints) -> float:
    start = perf_counter()
    backend.run(network, messages, Record.SPIKES)
    return perf_counter() - start


def as_markdown(rows: list[Row], cortex: dict[str, float], loads: str) -> str:
    """The table and its command."""
    lines = [f"Made by `{COMMAND}` on one thread; load {loads}. Samples per second.", ""]
    lines += [f"| backend | network | once, s | one at a time | in a batch of {BATCH} |", "|---|---|---|---|---|"]
    for row in rows:
        batch = "-" if row.batch is None else f"{row.batch:,.2f}"
        lines.append(f"| `{row.backend}` | {row.network} | {row.preparation:.2f} | {row.single:,.2f} | {batch} |")
    counts = ", ".join(f"{name} {count:,.0f}" for name, count in cortex.items())
    lines += ["", f"Instructions of a Cortex-M4 for a step of the exported C, mean over a sample: {counts}."]
    return "\n".join(lines) + "\n"


@click.command()
@data_option
@click.option("--backend", "only", multiple=True, help="Default: every one.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def main(data: Path, only: tuple[str, ...], out: Path) -> None:
    """Measure, print and write."""
    torch.set_num_threads(1)
    before, rows, cortex = load(), [], {}
    for task in ("ecg", "smnist"):
        network = deployed(f"{task}_brf", task, data)
        messages = load_task(task).load("test", data).take(slice(BATCH)).messages
        for name in only or backend_names():
            backend = FastBackend(threads=1) if name == "fast" else load_backend(name)
            rows.append(measure(backend, task, network, messages))
            console().print(rows[-1])
        rows.append(inside_the_program(task, network, messages))
        cortex[task] = float(instructions(network, messages[:, :1]).mean())
    loads = f"{before} to {load()}"
    report = {
        "command": COMMAND,
        "load": loads,
        "rows": [asdict(row) for row in rows],
        "cortex_m4_instructions": cortex,
    }
    write_json(out / "backend_speed.json", report)
    write_whole(out / "backend_speed.md", as_markdown(rows, cortex, loads).encode())


if __name__ == "__main__":
    main()
