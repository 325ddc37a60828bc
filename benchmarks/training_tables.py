"""Tables of the studies of `training_results.py`, in Markdown."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from training_studies import epoch_reaching, threshold

from brf_deploy.backend import load_backend
from brf_deploy.certificate import certificate
from brf_deploy.evaluation import evaluate_integer
from brf_deploy.float_file import load_float_network
from brf_deploy.network_file import load_network
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.task import load_task

Result = dict[str, Any]
CALIBRATION_SAMPLES = 128  # as `brf-deploy quantize` takes


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _spread(values: Sequence[float], scale: float = 1.0, digits: int = 2) -> str:
    """Mean and standard deviation (of a sample) of several runs."""
    array = scale * np.array(values)
    return f"{array.mean():,.{digits}f} +- {array.std(ddof=1):,.{digits}f}"


def ecg(results: Sequence[Result], runs: Path, data: Path) -> str:
    """A row a run, and one for the seeds of each recipe together."""
    rows, groups = [], dict[str, list[Result]]()
    for result in results:
        groups.setdefault(result["name"].rsplit("-", 1)[0], []).append(result)
    for recipe, group in groups.items():
        rows += [
            [
                result["name"],
                _percent(result["float"]["accuracy"]),
                f"{result['float']['spikes_per_sample']:,.1f}",
                _integer(result),
                _epoch(result),
                f"{sum(epoch['seconds'] for epoch in result['epochs']) / 60:.1f}",
            ]
            for result in group
        ]
        accuracy = _spread([result["float"]["accuracy"] for result in group], 100)
        spikes = _spread([result["float"]["spikes_per_sample"] for result in group], digits=1)
        rows.append([f"**{recipe}, {len(group)} seeds**", f"**{accuracy} %**", f"**{spikes}**", "", "", ""])
    return _markdown(("run", "accuracy, float", "spikes a record", "accuracy, integer", "best epoch", "minutes"), rows)


def _epoch(result: Result) -> str:
    summary, epochs = result["summary"], result["epochs"]
    if summary is not None:
        return f"{summary['best_epoch']} of {summary['epochs']}"
    best = min(epochs, key=lambda epoch: epoch["validation_loss"])["epoch"]
    return f"{best}; {result['diverged']}"


def _integer(result: Result) -> str:
    return _percent(result["integer"]["accuracy"]) if result["integer"] else "-"


def qat(results: Sequence[Result], runs: Path, data: Path) -> str:
    """Post-training quantisation beside quantisation-aware training."""
    task = load_task("ecg")
    model = load_float_network(runs / "ecg_brf.safetensors")
    ranges = measure_ranges(model, task.load("train", data).take(slice(CALIBRATION_SAMPLES)).messages)
    test, rows = task.load("test", data), []
    for result in results:
        network = load_network(runs / result["name"] / "net.nir")
        bits = network.arithmetic.weight_bits
        before = evaluate_integer(
            quantize(model, QuantizationConfig(weight_bits=bits), ranges), task, test, load_backend(None)
        )
        violations = sum(int(certificate(layer, network.arithmetic).violations.sum()) for layer in network.layers)
        rows.append(
            [
                f"{bits}",
                _percent(before.accuracy),
                f"{before.total_spikes / before.samples:,.1f}",
                _percent(result["integer"]["accuracy"]),
                f"{result['integer']['spikes_per_sample']:,.1f}",
                f"{violations}",
                f"{result['summary']['seconds'] / 60:.1f}",
            ]
        )
    head = ("weight bits", "accuracy, PTQ", "spikes, PTQ", "accuracy, QAT", "spikes, QAT", "violations", "minutes")
    return _markdown(head, rows)


def budget(results: Sequence[Result], runs: Path, data: Path) -> str:
    """Accuracy against the budget."""
    rows = [
        [
            result["name"].split("-")[1].removesuffix("spikes"),
            f"{result['float']['spikes_per_sample']:,.1f}",
            _percent(result["float"]["accuracy"]),
            _percent(result["integer"]["accuracy"]),
            f"{result['integer']['spikes_per_sample']:,.1f}",
        ]
        for result in results
    ]
    head = ("budget, spikes a record", "spent, float", "accuracy, float", "accuracy, integer", "spent, integer")
    return _markdown(head, rows)


def by_task(results: Sequence[Result], runs: Path, data: Path) -> str:
    """A row a run."""
    return _markdown(RUN, [_run(result) for result in results])


def mnist(results: Sequence[Result], runs: Path, data: Path) -> str:
    """A row a run, and how many epochs it took to come near the paper's final accuracy."""
    head = (*RUN, "95 % of the paper's final accuracy")
    return _markdown(head, [[*_run(result), _reached(result)] for result in results])


RUN = ("run", "epochs", "minutes", "accuracy, float", "spikes", "accuracy, integer", "spikes, integer")


def _run(result: Result) -> list[str]:
    return [
        result["name"],
        f"{len(result['epochs'])} of {result['summary']['epochs']}",
        f"{sum(epoch['seconds'] for epoch in result['epochs']) / 60:.1f}",
        _percent(result["float"]["accuracy"]),
        f"{result['float']['spikes_per_sample']:,.1f}",
        _percent(result["integer"]["accuracy"]),
        f"{result['integer']['spikes_per_sample']:,.1f}",
    ]


def _reached(result: Result) -> str:
    accuracy = threshold(result["task"])
    epoch = epoch_reaching(accuracy, result["epochs"])
    return f"{_percent(accuracy)} {'not reached' if epoch is None else f'in epoch {epoch}'}"


TABLES: dict[str, Callable[[Sequence[Result], Path, Path], str]] = {
    "ecg": ecg,
    "qat": qat,
    "budget": budget,
    "fsdd": by_task,
    "mnist": mnist,
}
