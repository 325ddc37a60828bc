"""How fast the integer network runs: the fast backend against numpy, torch, ONNX Runtime and Lava, and how it scales.

Neuron-steps a second at spike rates near 5 % and 20 %, at batch 1 and 64, on one and two threads; Lava's cost of a
step without its start-up, from runs of two lengths; accuracy, spikes and time of all 10,000 test images; time over
steps, neurons, samples, threads and spikes. Cases are interleaved, medians are shown. Run: python
benchmarks/integer_speed.py --data DIR [--out benchmarks/results]
"""

import json
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import click
from integer_figures import image_table, lava_table, plot, plot_scaling, scaling_tables, speed_table
from integer_scaling import scaling
from integer_workloads import Workload, at_rate, published_smnist, spike_rate
from rich.console import Console

from brf_deploy.arrays import Ints
from brf_deploy.backend import Backend, load_backend
from brf_deploy.data_directory import data_root
from brf_deploy.errors import InvalidInput, MissingData, Unavailable
from brf_deploy.evaluation import evaluate_float, evaluate_integer
from brf_deploy.network import IntegerNetwork
from brf_deploy.options import data_option
from brf_deploy.output import console
from brf_deploy.progress import spinner
from brf_deploy.reference import REFERENCE
from brf_deploy.task import load_task
from brf_deploy.trace import Record, Trace
from brf_hardware.fast.backend import FAST, FastBackend
from brf_hardware.fast.native import LEVEL, engine
from brf_hardware.lava.backend import LAVA, LAVA_PROCESSES
from brf_hardware.torch_backend import TORCH

OUT = Path(__file__).parent / "results"
RATES = (0.05, 0.20)
BATCHES = (1, 64)
# 10,000 images by docs/arithmetic.md section 5: accuracy in %, spikes a sample.
EXPECTED = {"float": (99.15, 16100.2), "integer": (99.05, 16099.5)}
PATIENCE = 0.25  # seconds
ONNX = "ONNX Runtime, 1 thread"
SHORT, LONG = 64, 784  # steps of the two runs of Lava whose difference is the cost of a step


Cost = tuple[float, float]  # wall and processor seconds


class OlderProcessor(FastBackend):
    """The fast backend on one thread, in the build for processors of a lower x86-64 level."""

    def __init__(self, level: int) -> None:
        super().__init__(threads=1)
        self.level = level

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """As `FastBackend` does."""
        os.environ[LEVEL] = str(self.level)
        try:
            return super().run(network, inputs, record)
        finally:
            del os.environ[LEVEL]


@dataclass(eq=False)
class Case:
    """One backend at one rate and batch; `seconds` of every repetition, by the wall and of processor time."""

    backend: str
    rate: float
    batch: int
    neuron_steps: int
    run: Callable[[], Any] = field(repr=False)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run for `PATIENCE` seconds, once at least, and keep the medians of wall and processor time."""
        time.sleep(PATIENCE)  # threads that torch or BLAS left spinning have gone to sleep by then
        wall, cpu, started = [], [], time.perf_counter()
        while not wall or time.perf_counter() - started < PATIENCE:
            before = time.perf_counter(), time.process_time()
            self.run()
            wall.append(time.perf_counter() - before[0])
            cpu.append(time.process_time() - before[1])
        self.seconds.append(median(wall))
        self.cpu_seconds.append(median(cpu))

    def as_dict(self) -> dict[str, Any]:
        """Medians and the best, as neuron-steps a second."""
        return {
            "backend": self.backend,
            "rate": round(self.rate, 4),
            "batch": self.batch,
            "repetitions": len(self.seconds),
            "median_seconds": median(self.seconds),
            "neuron_steps_per_second": self.neuron_steps / median(self.seconds),
            "best_neuron_steps_per_second": self.neuron_steps / min(self.seconds),
            "neuron_steps_per_cpu_second": self.neuron_steps / median(self.cpu_seconds),
        }


def speed_cases(workload: Workload, onnx: Backend | None) -> list[Case]:
    """Every backend that runs in this process, at every rate and batch; spikes and readout are recorded."""
    levels = range(2, int(engine().brf_cpu_level()))
    backends: dict[str, Backend] = {
        "fast, 1 thread": FastBackend(1),
        "fast, 2 threads": FastBackend(2),
        **{f"fast, 1 thread, v{level}": OlderProcessor(level) for level in levels},
        "reference": REFERENCE,
        "torch": TORCH,
        **({} if onnx is None else {ONNX: onnx}),
    }
    messages, cases = workload.test.messages[:, : max(BATCHES)], []
    for wanted in RATES:
        network = at_rate(workload.network, messages, wanted)
        for batch in BATCHES:
            part = messages[:, :batch]
            rate, neuron_steps = spike_rate(network, part), part.shape[0] * batch * network.layers[0].count
            for name, backend in backends.items():
                cases.append(Case(name, rate, batch, neuron_steps, _runner(backend, network, part)))
    return cases


def speeds(workload: Workload, repetitions: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """Rows of every case; an absent ONNX Runtime has rows that say so."""
    try:
        onnx, absent = load_backend("onnx"), ""
    except (InvalidInput, Unavailable) as error:
        onnx, absent = None, str(error)
    rows = interleave(speed_cases(workload, onnx), repetitions, tell)
    if absent:
        places = dict.fromkeys((row["rate"], row["batch"]) for row in rows)
        rows += [{"backend": ONNX, "rate": rate, "batch": batch, "absent": absent} for rate, batch in places]
    return rows


def _runner(backend: Backend, network: IntegerNetwork, messages: Ints) -> Callable[[], Any]:
    return lambda: backend.run(network, messages, Record.SPIKES)


def interleave(cases: list[Case], repetitions: int, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """A, B, C, A, B, C, ...: so that a busy machine slows every case alike. The first round only warms up."""
    for repetition in range(repetitions + 1):
        for case in cases:
            tell(f"round {repetition} of {repetitions}: {case.backend}, rate {case.rate:.3f}, batch {case.batch}")
            case.measure()
        if repetition == 0:
            for case in cases:
                case.seconds.clear(), case.cpu_seconds.clear()
    return [case.as_dict() for case in cases]


def lava_costs(workload: Workload, tell: Callable[[str], None], repetitions: int) -> list[dict[str, Any]]:
    """Lava's cost of a step, start-up and read-out of results left out, and the fast backend's on all cores."""
    rows = []
    for batch in BATCHES:
        for backend in (LAVA_PROCESSES, LAVA):
            ours, short, long = [], [], []
            for repetition in range(repetitions):
                tell(f"{backend.name}, batch {batch}, run {repetition + 1} of {repetitions}")
                short.append(_cost(backend, workload, SHORT, batch))
                long.append(_cost(backend, workload, LONG, batch))
                ours += [_cost(FAST, workload, LONG, batch) for _ in range(25)]
            rows.append({"backend": backend.name, "batch": batch} | _ratios(ours, short, long))
    return rows


def _ratios(ours: list[Cost], short: list[Cost], long: list[Cost]) -> dict[str, float]:
    """Medians; the ratio of processor time does not depend on how busy the machine is."""
    wall, cpu = (
        (median(cost[kind] for cost in long) - median(cost[kind] for cost in short)) / (LONG - SHORT) for kind in (0, 1)
    )
    our_wall, our_cpu = (median(cost[kind] for cost in ours) for kind in (0, 1))
    return {
        "seconds_per_step": wall,
        "fast_seconds_per_step": our_wall / LONG,
        "ratio": wall / our_wall * LONG,
        "cpu_seconds_per_step": cpu,
        "fast_cpu_seconds_per_step": our_cpu / LONG,
        "ratio_of_cpu_time": cpu / our_cpu * LONG,
        "seconds_of_a_run": median(cost[0] for cost in long),
        "fast_seconds_of_a_run": our_wall,
        "ratio_of_runs": median(cost[0] for cost in long) / our_wall,
    }


def _cost(backend: Backend, workload: Workload, steps: int, batch: int) -> Cost:
    """Wall and processor seconds of a run, child processes included."""
    messages = workload.test.messages[:steps, :batch]
    wall, cpu = time.perf_counter(), _processor_seconds()
    backend.run(workload.network, messages, Record.SPIKES)
    return time.perf_counter() - wall, _processor_seconds() - cpu


def _processor_seconds() -> float:
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def all_images(workload: Workload, tell: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Accuracy, spikes a sample and seconds of the whole test set, float and integer."""
    task, found = load_task("smnist"), {}
    for kind in ("integer", "float"):
        tell(f"10,000 images, {kind}")
        wall, cpu = time.perf_counter(), time.process_time()
        if kind == "integer":
            result = evaluate_integer(workload.network, task, workload.test, FastBackend(2))
        else:
            result = evaluate_float(workload.model, task, workload.test)
        found[kind] = {
            "samples": result.samples,
            "accuracy_percent": round(100 * result.accuracy, 4),
            "spikes_per_sample": round(result.total_spikes / result.samples, 4),
            "expected_accuracy_percent": EXPECTED[kind][0],
            "expected_spikes_per_sample": EXPECTED[kind][1],
            "seconds": time.perf_counter() - wall,
            "cpu_seconds": time.process_time() - cpu,
        }
    return found


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "library": FAST.availability().detail,
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


PARTS = ("images", "speed", "lava", "scaling")


@click.command()
@data_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=OUT, show_default=True)
@click.option("--part", "parts", type=click.Choice(PARTS), multiple=True, help="Measure only this; the rest is kept.")
@click.option("--repetitions", type=click.IntRange(min=1), default=9, show_default=True)
@click.option("--lava-repetitions", type=click.IntRange(min=1), default=3, show_default=True)
def integer_speed(
    data: Path | None, out: Path, parts: tuple[str, ...], repetitions: int, lava_repetitions: int
) -> None:
    """Measure, print the tables, and write them with a plot."""
    root = data_root(data)
    if root is None:
        raise MissingData(
            "integer_speed needs the published checkpoint and MNIST; name their directory with --data DIR"
        )
    kept = out / "integer_speed.json"
    about: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    about["command"] = "python benchmarks/integer_speed.py --data DIR"
    with spinner() as tell:
        tell("network")
        workload = published_smnist(root)
        measures: dict[str, Callable[[], Any]] = {
            "images": lambda: all_images(workload, tell),
            "speed": lambda: speeds(workload, repetitions, tell),
            "lava": lambda: lava_costs(workload, tell, lava_repetitions),
            "scaling": lambda: scaling(workload, tell, repetitions),
        }
        for part in parts or PARTS:
            about[part] = {"machine": machine(), "results": measures[part]()}
            about[part]["load_average_afterwards"] = machine()["load_average"]
    out.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    show(about, out)


def show(about: dict[str, Any], out: Path) -> None:
    """Print and keep the tables of every part that was measured, and the plot."""
    tables: list[Any] = [about["command"]]
    shown = {"images": image_table, "speed": speed_table, "lava": lava_table, "scaling": scaling_tables}
    for part in filter(about.__contains__, PARTS):
        tables += [f"\n{about[part]['machine']}", shown[part](about[part]["results"])]
    with (out / "integer_speed.txt").open("w", encoding="utf-8") as file:
        for target in (console(), Console(file=file, width=160)):
            target.print(*tables, sep="\n")
    if "speed" in about:
        plot(about["speed"]["results"], out / "integer_speed.svg")
    if "scaling" in about:
        plot_scaling(about["scaling"]["results"]["rows"], out / "integer_scaling.svg")


if __name__ == "__main__":
    integer_speed()
