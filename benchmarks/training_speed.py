"""Training and inference speed: our kernels and our fallback against the plain loop, eager and TorchScript.

Every variant runs once a round, in turn, in one process; ratios are medians over rounds of times within one round, so
that other load on the machine hits all alike. Memory is measured in a process of its own. Run:

    python benchmarks/training_speed.py --data DIR [--quick] [--threads 2] [--workload ecg ...]
"""

import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from math import isnan
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import click
import numpy as np
import torch
from machine_limits import limits, load
from process_memory import peak_of
from reference_loop import ReferenceLoop, stepwise_loss
from rich.table import Table
from torch import Tensor
from training_workloads import WORKLOADS, Workload

from brf_deploy.data_directory import data_root
from brf_deploy.options import data_option
from brf_deploy.output import console
from brf_training import Loss
from brf_training.cell_loop import run_chain, run_sequence
from brf_training.kernels.events import Events
from brf_training.kernels.native import NativeEngine, one_torch_thread

REFERENCES = ("eager", "script")
OURS = ("torch", "native")
MEASURES = ("train", "infer", "infer_batch_1")
# What the plain loop must be beaten by: measure -> reference -> workload -> ratio.
TARGETS = {
    "train": {"eager": {"ecg": 120, "shd": 24, "smnist": 12}, "script": {"ecg": 70, "shd": 16, "smnist": 10}},
    "infer_batch_1": {"script": {"ecg": 500, "shd": 40, "smnist": 130}},
}
# A variant's turn in a round, seconds, and the most runs in it: a run of a few milliseconds would otherwise suffer from
# threads that the variant before left spinning.
TURN, MOST_REPEATS = 0.3, 25
Run = Callable[[Tensor | Events, Tensor], Tensor]


def scripted(module: torch.nn.Module) -> torch.nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript; still what the published code runs on
        return torch.jit.script(module)


def runs(workload: Workload, names: tuple[str, ...]) -> dict[str, Run]:
    """Per variant, a function from inputs and labels to the loss."""
    reference = ReferenceLoop(workload.network)
    modules = {"eager": reference, "script": scripted(reference) if "script" in names else reference}
    last_step = workload.objective.loss is Loss.LAST_STEP

    def plain(name: str) -> Run:
        return lambda inputs, labels: stepwise_loss(modules[name](inputs)[0], labels, last_step)

    def ours(name: str) -> Run:
        network = workload.network
        cells, integrators = [layer.cell for layer in network.layers], network.readout.integrators
        frozen = network.freeze().chain

        def run(inputs: Tensor | Events, labels: Tensor) -> Tensor:
            if torch.is_grad_enabled():
                found = run_sequence(cells, integrators, inputs, engine=name)
            else:
                found = run_chain(frozen, inputs, engine=name)  # what a frozen network does
            return workload.objective(found.readout, labels)

        return run

    return {name: plain(name) if name in REFERENCES else ours(name) for name in names}


def check_equal(workload: Workload) -> dict[str, float]:
    """Largest difference of the float32 outputs on a few samples, relative to the largest output."""
    inputs = workload.inputs[:, :4]
    with torch.no_grad():
        expected = torch.stack(ReferenceLoop(workload.network)(inputs)[0])
        network = workload.network
        cells, integrators = [layer.cell for layer in network.layers], network.readout.integrators
        found = {name: run_sequence(cells, integrators, inputs, engine=name).readout for name in ("loop", *OURS)}
    return {name: float((y - expected).abs().max() / expected.abs().max()) for name, y in found.items()}


def timed(name: str, task: Callable[[], Any], clock: Callable[[], float], repeats: int) -> float:
    """Median seconds of a task; the native kernel runs as `brf-deploy train` runs it, beside one thread of torch."""
    times = []
    with one_torch_thread() if name == "native" else nullcontext():
        for _ in range(repeats):
            start = clock()
            task()
            times.append(clock() - start)
    return median(times)


def tasks(workload: Workload, name: str, run: Run) -> dict[str, Callable[[], Any]]:
    """A training step, inference of the batch and inference of one sample."""
    inputs = workload.inputs if name in REFERENCES else workload.fast_inputs
    one = workload.inputs[:, :1].contiguous()
    single = Events.of(one) if isinstance(inputs, Events) else one
    label = workload.labels[..., :1]

    @torch.no_grad()
    def infer(sequence: Tensor | Events, labels: Tensor) -> None:
        run(sequence, labels)

    return {
        "train": lambda: run(inputs, workload.labels).backward(),
        "infer": lambda: infer(inputs, workload.labels),
        "infer_batch_1": lambda: infer(single, label),
    }


def measure(workload: Workload, rounds: int, clock: Callable[[], float]) -> dict[str, dict[str, list[float]]]:
    """Seconds per measure and variant, round by round."""
    names = (*REFERENCES, *OURS)
    table = {name: tasks(workload, name, run) for name, run in runs(workload, names).items()}
    seconds: dict[str, dict[str, list[float]]] = {what: {name: [] for name in names} for what in MEASURES}
    for what in MEASURES:
        repeats = {}
        for name in names:
            for _ in range(2):  # TorchScript optimises on its second run
                once = timed(name, table[name][what], clock, 1)
            repeats[name] = max(1, min(MOST_REPEATS, round(TURN / once)))
        for _ in range(rounds):
            for name in names:
                seconds[what][name].append(timed(name, table[name][what], clock, repeats[name]))
    return seconds


def peak_memory(workload_name: str, variant: str, data: Path | None) -> float | None:
    """Peak extra resident memory, MB, of a training step in a fresh process; None where the system does not tell."""
    command = [sys.executable, __file__, "--memory-of", workload_name, variant]
    done = subprocess.run([*command, *(["--data", str(data)] if data else [])], capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 and done.stdout.strip() else None


def measure_memory(workload: Workload, variant: str) -> float | None:
    """In this process: peak extra resident memory of a step, MB."""
    run = runs(workload, (variant,))[variant]
    inputs = workload.inputs if variant in REFERENCES else workload.fast_inputs
    first = Events.of(workload.inputs[:, :1]) if isinstance(inputs, Events) else inputs[:, :1]
    run(first, workload.labels[..., :1]).backward()
    peak = peak_of(lambda: run(inputs, workload.labels).backward()) / 1e6
    return None if isnan(peak) else peak


def ratios(seconds: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Per measure, ours and reference: the median of the ratio within a round."""
    return {
        what: {
            ours: {
                reference: median(a / b for a, b in zip(times[reference], times[ours], strict=True))
                for reference in REFERENCES
            }
            for ours in OURS
        }
        for what, times in seconds.items()
    }


def backward_floor(workload: Workload, threads: int) -> dict[str, float]:
    """The dense product of the backward pass: its size, this machine's rate at that shape, and the time at best."""
    steps, batch, _ = workload.inputs.shape
    neurons, outputs = len(workload.network.layers[0].omega), len(workload.labels.unique())
    operations = 2 * steps * batch * (neurons + outputs) * neurons
    rate = NativeEngine().product_rate(min(8, batch), neurons + outputs, neurons)
    return {"gflop": operations / 1e9, "gflops_one_thread": rate, "seconds": operations / 1e9 / rate / threads}


def report(results: dict[str, Any], screen: Any) -> None:
    """The table for people."""
    for what in MEASURES:
        table = Table(title=f"{what}: ms (median), and times faster than eager | script")
        for column in ("network", *REFERENCES, *OURS, "target"):
            table.add_column(column)
        for name, result in results["workloads"].items():
            cells = [f"{1e3 * median(result['seconds'][what][variant]):.2f}" for variant in REFERENCES]
            for variant in OURS:
                ratio = result["ratios"][what][variant]
                time = 1e3 * median(result["seconds"][what][variant])
                cells.append(f"{time:.2f}  ({ratio['eager']:.1f}x | {ratio['script']:.1f}x)")
            goal = TARGETS.get(what, {})
            wanted = [f"{goal[reference][name]}x" if reference in goal else "-" for reference in REFERENCES]
            table.add_row(name, *cells, " | ".join(wanted))
        screen.print(table)
    for name, result in results["workloads"].items():
        floor, train = result["backward_floor"], median(result["seconds"]["train"]["native"])
        memory = ", ".join(f"{k} {v:.0f}" for k, v in result["memory_mb"].items() if v is not None)
        share = f"{100 * floor['seconds'] / train:.0f} % of a training step"
        screen.print(
            f"{name} ({result['source']}): dense product of the backward pass {floor['gflop']:.2f} GFLOP, "
            f"{1e3 * floor['seconds']:.1f} ms at this machine's {floor['gflops_one_thread']:.0f} GFLOP/s a thread, is "
            f"{share}; peak extra memory of a step, MB: {memory or 'not measured'}"
        )
    screen.print(f"limits: {results['limits']}; load {results['load']}")


def plot(results: dict[str, Any], path: Path) -> None:
    """Times faster than the eager loop, training and inference."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    names = list(results["workloads"])
    figure, axes = plt.subplots(1, len(MEASURES), figsize=(4 * len(MEASURES), 3.2), layout="constrained")
    for axis, what in zip(axes, MEASURES, strict=True):
        for index, variant in enumerate(OURS):
            heights = [results["workloads"][name]["ratios"][what][variant]["eager"] for name in names]
            bars = axis.bar(np.arange(len(names)) + 0.4 * index, heights, 0.38, label=variant)
            axis.bar_label(bars, fmt="%.0fx")
        axis.set_xticks(np.arange(len(names)) + 0.2, names)
        axis.set_yscale("log")
        axis.set_title(what.replace("_", " "))
    axes[0].set_ylabel("times faster than the eager loop")
    axes[0].legend()
    figure.savefig(path, dpi=130)


@click.command()
@data_option
@click.option("--workload", "names", multiple=True, type=click.Choice(list(WORKLOADS)), help="Default: all.")
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", type=click.IntRange(min=1), help="Default: 5, or 1 with --quick.")
@click.option("--cpu-time", is_flag=True, help="Processor time instead of wall time: for one thread on a busy machine.")
@click.option("--quick", is_flag=True, help="One round, and S-MNIST with a quarter of the batch.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
@click.option("--memory-of", nargs=2, hidden=True)
def main(
    data: Path | None,
    names: tuple[str, ...],
    threads: int,
    rounds: int | None,
    cpu_time: bool,
    quick: bool,
    out: Path,
    memory_of: tuple[str, str] | None,
) -> None:
    """Measure, print a table, and write training_speed.json and .png."""
    torch.set_num_threads(threads)
    root = data_root(data)
    if memory_of:
        print(measure_memory(WORKLOADS[memory_of[0]](root), memory_of[1]) or "")
        return
    clock = process_time if cpu_time else perf_counter
    results: dict[str, Any] = {
        "threads": threads,
        "clock": clock.__name__,
        "load": load(),
        "limits": limits(threads),
        "workloads": {},
    }
    for name in names or WORKLOADS:
        make = WORKLOADS[name]
        workload = make(root, 64) if quick and name == "smnist" else make(root)
        seconds = measure(workload, rounds or (1 if quick else 5), clock)
        variants = () if quick else (*REFERENCES, *OURS)
        results["workloads"][name] = {
            "source": workload.source,
            "shape": list(workload.inputs.shape),
            "difference": check_equal(workload),
            "seconds": seconds,
            "ratios": ratios(seconds),
            "memory_mb": {variant: peak_memory(name, variant, root) for variant in variants},
            "backward_floor": backward_floor(workload, threads),
        }
    results["load"] += f" to {load()}"
    out.mkdir(parents=True, exist_ok=True)
    (out / "training_speed.json").write_text(json.dumps(results, indent=1) + "\n")
    plot(results, out / "training_speed.png")
    report(results, console())


if __name__ == "__main__":
    main()
