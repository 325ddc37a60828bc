"""The published checkpoints of the BRF paper: float accuracy and spikes, and the deployed networks verified.

Run: python benchmarks/published.py --data DIR [--out benchmarks/results]. Writes published.json and published.md.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import click

from brf_deploy.backend import choose_backends
from brf_deploy.data_directory import require_file
from brf_deploy.evaluation import evaluate_float, first_samples
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.options import data_option
from brf_deploy.output import console, write_json
from brf_deploy.progress import spinner
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.task import load_task
from brf_deploy.whole_file import write_whole
from brf_hardware.equivalence import Subject, Verification, verify
from brf_training.published import read_published

# checkpoint, neuron, task, test samples of the float run (None: all)
FLOAT = (
    ("ecg_brf", "brf", "ecg", None),
    ("ecg_rf", "rf", "ecg", None),
    ("ecg_alif", "alif", "ecg", None),
    ("smnist_brf", "brf", "smnist", 1000),
)
# checkpoint, task, test samples that every backend runs
DEPLOYED = (("ecg_brf", "ecg", None), ("smnist_brf", "smnist", 100))
CALIBRATION_SAMPLES = 128
COMMAND = "python benchmarks/published.py --data DIR"


@dataclass(frozen=True)
class FloatRow:
    """A float network on its task."""

    checkpoint: str
    samples: int
    accuracy: float
    spikes: int


def read(checkpoint: str, neuron: str, task: str, data: Path) -> FloatNetwork:
    """A published checkpoint of the data directory."""
    path = require_file(data, f"checkpoints/{checkpoint}.pt", "checkpoints")
    return read_published(path, neuron, load_task(task))


def measure_float(checkpoint: str, neuron: str, task: str, count: int | None, data: Path) -> FloatRow:
    """Float32, with numpy."""
    which = load_task(task)
    samples = first_samples(which.load("test", data), count)
    result = evaluate_float(read(checkpoint, neuron, task, data), which, samples)
    return FloatRow(checkpoint, result.samples, result.accuracy, result.total_spikes)


def deployed(checkpoint: str, task: str, data: Path) -> IntegerNetwork:
    """A published checkpoint, quantised with the defaults."""
    model, which = read(checkpoint, "brf", task, data), load_task(task)
    ranges = measure_ranges(model, which.load("train", data).take(slice(CALIBRATION_SAMPLES)).messages)
    return quantize(model, QuantizationConfig(), ranges)


def measure_deployed(checkpoint: str, task: str, count: int | None, data: Path) -> Verification:
    """Verified on every backend that is present."""
    model, which = read(checkpoint, "brf", task, data), load_task(task)
    samples = first_samples(which.load("test", data), count)
    return verify(Subject(model, deployed(checkpoint, task, data), which), samples, *choose_backends("all"))


def as_markdown(floats: list[FloatRow], deployed: dict[str, Verification]) -> str:
    """Two tables and the command."""
    lines = [f"Made by `{COMMAND}`.", "", "| checkpoint | test samples | accuracy | hidden spikes a sample |"]
    lines += ["|---|---|---|---|"]
    lines += [f"| {r.checkpoint} | {r.samples} | {r.accuracy:.4%} | {r.spikes / r.samples:,.2f} |" for r in floats]
    lines += ["", "| deployed | " + " | ".join(deployed) + " |", "|---|" + "---|" * len(deployed)]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in _rows(list(deployed.values())).items()]
    return "\n".join(lines) + "\n"


def _rows(results: list[Verification]) -> dict[str, list[str]]:
    backends = dict.fromkeys(name for result in results for name in result.backends)
    rows = {
        "test samples": [f"{r.samples}" for r in results],
        "accuracy, float": [f"{r.before.accuracy:.3%}" for r in results],
        "accuracy, integer": [f"{r.after.accuracy:.3%}" for r in results],
        "hidden spikes, float": [f"{r.before.total_spikes:,}" for r in results],
        "hidden spikes, integer": [f"{r.after.total_spikes:,}" for r in results],
        "neurons outside the boundary": [f"{r.violations}" for r in results],
        "neurons firing after 20,000 silent steps": [f"{r.firing}" for r in results],
        "shadow: wrong decisions per spike": [f"{r.shadow.fraction:.4%}" for r in results],
        "shadow: largest margin / theta": [f"{r.shadow.margin:.2e}" for r in results],
        "shadow of the trained model": [f"{r.shadow_original.fraction:.3%}" for r in results],
        "spikes a sample, deviation / float floor": [
            f"{r.deviation.sample:.2%} / {r.floor.sample:.2%}" if r.floor else "-" for r in results
        ],
        "every hard gate holds": ["yes" if r.passed else "NO" for r in results],
    }
    for name in backends:
        rows[f"{name}: every spike and state"] = [
            f"{r.backends[name].status} ({r.backends[name].seconds:.1f} s)" for r in results
        ]
    return rows


@click.command()
@data_option
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def published(data: Path | None, out: Path) -> None:
    """Measure the published checkpoints and write the tables."""
    if data is None:
        raise click.UsageError("--data DIR or BRF_DATA names the data directory")
    with spinner() as tell:
        floats = []
        for row in FLOAT:
            tell(f"{row[0]}: float")
            floats.append(measure_float(*row, data))
        deployed = {}
        for row in DEPLOYED:
            tell(f"{row[0]}: quantised and verified")
            deployed[row[0]] = measure_deployed(*row, data)
    text = as_markdown(floats, deployed)
    console().print(text, markup=False, soft_wrap=True)
    write_whole(out / "published.md", text.encode())
    results = {name: result.as_dict() for name, result in deployed.items()}
    write_json(out / "published.json", {"command": COMMAND, "float": [asdict(r) for r in floats], "deployed": results})


if __name__ == "__main__":
    published()
