"""What training reaches: ECG over seeds and neurons, few bits, spike budgets, spoken digits, the first MNIST epochs.

Every run is a `brf-deploy train` of its own; one that was interrupted goes on where it stopped, one that is done is not
trained again, but evaluated by the version that is installed. Run:

    python benchmarks/training_results.py --data DIR [--only ecg,qat,...] [--runs runs] [--jobs 2]

Writes benchmarks/results/training/: for each study a table, a figure, and the metrics of every epoch of every run.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from training_plots import PLOTS
from training_studies import STUDIES, Run, Study
from training_tables import TABLES

from brf_deploy.data_directory import data_root
from brf_deploy.errors import InvalidInput
from brf_deploy.float_file import load_float_network
from brf_deploy.options import data_option
from brf_deploy.output import console

COMMAND = Path(sys.executable).with_name("brf-deploy")
MODEL, NETWORK = "model.safetensors", "net.nir"
CHECKPOINT, SUMMARY, METRICS = "checkpoint.safetensors", "summary.json", "metrics.jsonl"
DIVERGED = "diverged.txt"


def brf_deploy(*arguments: str | Path) -> None:
    """Run the command line; what it says is shown only where it fails."""
    done = subprocess.run([COMMAND, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise InvalidInput(f"brf-deploy {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr[-2000:]}")


def carry_out(run: Run, folder: Path, data: Path) -> dict[str, Any]:
    """Train, or go on with it; evaluate the float and the integer network on the test split.

    A run that diverges keeps the best model of its earlier epochs, which is evaluated; its summary is None, and
    `diverged` says why.
    """
    if not ((folder / SUMMARY).is_file() or (folder / DIVERGED).is_file()):
        options = ["--threads", str(run.threads), "--data", data]
        try:
            if (folder / CHECKPOINT).is_file():
                brf_deploy("train", "--resume", folder, *run.conduct, *options)
            else:
                start: list[str | Path] = []
                if run.fine_tuned is not None:
                    start = ["--from", published(run, folder.parent, data)]
                where = ["--out", folder, "--force"]
                brf_deploy("train", run.task, *where, *run.arguments, *run.conduct, *start, *options)
        except InvalidInput as error:
            if not ("training on" in str(error) and (folder / MODEL).is_file()):
                raise
            (folder / DIVERGED).write_text(str(error))
    network = folder / NETWORK
    integer = load_float_network(folder / MODEL).layers[0].neurons.kind == "brf"  # the only one with an integer form
    if integer and not network.is_file():
        brf_deploy("quantize", folder / MODEL, "--out", network, "--data", data)
    finished = (folder / SUMMARY).is_file()
    return {
        "name": run.name,
        "task": run.task,
        "summary": json.loads((folder / SUMMARY).read_text()) if finished else None,
        "diverged": None if finished else diverged(folder),
        "float": evaluated(folder / MODEL, run.task, data),
        "integer": evaluated(network, run.task, data) if integer else None,
        "epochs": [json.loads(line) for line in (folder / METRICS).read_text().splitlines()],
    }


def published(run: Run, runs: Path, data: Path) -> Path:
    """The published checkpoint as a model."""
    path = runs / f"{run.fine_tuned}.safetensors"
    if not path.is_file():
        source = data / "checkpoints" / f"{run.fine_tuned}.pt"
        brf_deploy("import", source, "--neuron", "brf", "--task", run.task, "--out", path, "--force")
    return path


def diverged(folder: Path) -> str:
    """What the run said of its end, without the advice: which number, in which epoch."""
    text = (folder / DIVERGED).read_text()
    said = re.search(r"training on '[^']*': the (.+? in epoch \d+)", text)
    return said[1] if said else text.strip().splitlines()[-1]


def evaluated(network: Path, task: str, data: Path) -> dict[str, Any]:
    """What `brf-deploy evaluate` says now of a network on the whole test split; its file named within the runs."""
    result = network.with_name(f"{network.stem}-evaluation.json")
    brf_deploy("evaluate", network, "--task", task, "--data", data, "--json", result)
    return {**json.loads(result.read_text()), "file": f"{network.parent.name}/{network.name}"}


def carry_out_study(study: Study, runs: Path, data: Path, jobs: int, out: Path) -> str:
    """All runs of a study, `jobs` at a time; writes its files and returns its table."""
    for checkpoint in sorted({run.fine_tuned or "" for run in study.runs} - {""}):
        published(next(run for run in study.runs if run.fine_tuned == checkpoint), runs, data)
    at_once = 1 if any(run.threads > 1 for run in study.runs) else jobs
    with ThreadPoolExecutor(at_once) as pool:
        results = list(pool.map(lambda run: carry_out(run, runs / run.name, data), study.runs))
    for result in results:
        shutil.copyfile(runs / result["name"] / METRICS, out / f"{result['name']}.jsonl")
    table = TABLES[study.name](results, runs, data)
    text = f"# {study.title}\n\nMade by `python benchmarks/training_results.py --data DIR --only {study.name}`.\n\n"
    text += f"{table}\n{study.beside}\n"
    (out / f"{study.name}.md").write_text(text)
    kept = [{key: result[key] for key in result if key != "epochs"} for result in results]
    (out / f"{study.name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    PLOTS[study.name](results, out / f"{study.name}.svg")
    return text


def chosen(names: str) -> Sequence[Study]:
    """The studies named, all where none is."""
    unknown = [name for name in names.split(",") if name and name not in STUDIES]
    if unknown:
        raise click.UsageError(f"--only {unknown[0]}: there are {', '.join(STUDIES)}")
    return [STUDIES[name] for name in STUDIES if not names or name in names.split(",")]


@click.command()
@data_option
@click.option("--only", default="", metavar="A,B", help=f"Some of {', '.join(STUDIES)}.")
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Working folder."
)
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Runs at a time, a thread each.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results" / "training", show_default=True
)
def main(data: Path | None, only: str, runs: Path, jobs: int, out: Path) -> None:
    """Train, evaluate, and write tables and figures."""
    root = data_root(data)
    if root is None:
        raise click.UsageError("--data DIR or BRF_DATA names the data directory")
    runs.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    for study in chosen(only):
        console().print(carry_out_study(study, runs, root, jobs, out), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
