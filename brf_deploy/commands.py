"""The commands of the ground: `quantize` and `evaluate`."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from brf_deploy.confusion import confusion_table, precision, recall
from brf_deploy.evaluation import check_task
from brf_deploy.options import data_option, either_backend_option, json_option, samples_option, task_option
from brf_deploy.output import console, write_json
from brf_deploy.quantization.loss import LayerLoss, quantization_loss
from brf_deploy.silence import silence_test

if TYPE_CHECKING:
    from brf_deploy.evaluation import Evaluation
    from brf_deploy.float_network import FloatNetwork
    from brf_deploy.network import IntegerNetwork

QUANTIZE_EXAMPLES = """\b
Examples:
  brf-deploy quantize model.safetensors --out net.nir
  brf-deploy quantize ecg.safetensors --out ecg.nir --weight-bits 6 --calibrate ecg --data data
  brf-deploy quantize ecg.safetensors --scheme naive --coefficient-bits 8 --unsafe
"""


@click.command("quantize", epilog=QUANTIZE_EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="NET.nir", help="Integer network to write."
)
@click.option("--weight-bits", default=8, show_default=True, help="Bits of a synapse, 2..16.")
@click.option("--coefficient-bits", default=12, show_default=True, help="Bits of damping and rotation, 4..16.")
@click.option("--state-bits", default=24, show_default=True, help="Bits of a state word, 12..32.")
@click.option(
    "--state-fraction", type=int, metavar="BITS", help="Fraction bits of the states; needs no calibration of them."
)
@click.option(
    "--calibrate", metavar="TASK", help="Task whose training samples show the state ranges.  [default: the model's]"
)
@click.option("--calibration-samples", default=128, show_default=True, type=click.IntRange(min=1), metavar="N")
@click.option(
    "--scheme",
    type=click.Choice(["dwn", "naive", "lava"]),
    default="dwn",
    show_default=True,
    help="dwn stays inside the divergence boundary; naive rounding and Lava's constants are baselines.",
)
@click.option(
    "--unsafe", is_flag=True, help="Show what a scheme that breaks the certificate does. Nothing can be written."
)
@json_option
@data_option
def quantize_command(
    model: Path,
    out: Path | None,
    calibrate: str | None,
    calibration_samples: int,
    unsafe: bool,
    json_file: Path | None,
    data: Path | None,
    scheme: str,
    **words: int | None,
) -> None:
    """Quantise MODEL inside the divergence boundary.

    MODEL is a float network (.safetensors). Prints what was lost per layer and how near the boundary the worst neuron
    is, and writes the certified integer network.
    """
    from brf_deploy.data_directory import data_root
    from brf_deploy.float_file import load_float_network
    from brf_deploy.network_file import save_network
    from brf_deploy.quantization import QuantizationConfig, Scheme, measure_ranges, quantize, quantize_unsafe
    from brf_deploy.sample_check import check_samples
    from brf_deploy.task import load_task

    if (out is None) != unsafe:
        raise click.UsageError(
            "--out NET.nir says where the integer network goes; --unsafe shows a network that no file may hold. "
            "Give one of the two"
        )
    config = QuantizationConfig(scheme=Scheme(scheme), **words)  # type: ignore[arg-type]
    network = load_float_network(model)
    task = load_task(calibrate or network.task)
    check_task(network, task)
    samples = check_samples(task, "train", task.load("train", data_root(data))).take(slice(calibration_samples))
    ranges = measure_ranges(network, samples.messages)
    integer = (quantize_unsafe if unsafe else quantize)(network, config, ranges)
    losses = quantization_loss(network, integer)
    firing = [silence_test(layer, integer.arithmetic).count for layer in integer.layers]
    show = console(json_file)
    show.print(f"{integer!r}\ncalibrated on {ranges.samples} training samples of '{task.name}'\n")
    show.print(_loss_table(losses, firing))
    if out is not None:
        save_network(integer, out)
        show.print(f"\nwrote {out} ({out.stat().st_size:,} bytes)")
    if json_file is not None:
        layers = [vars(loss) | {"firing_after_silence": count} for loss, count in zip(losses, firing, strict=True)]
        write_json(json_file, {"scheme": scheme, "layers": layers, "ranges": vars(ranges), "out": out})


def _loss_table(losses: Sequence[LayerLoss], firing: list[int]) -> Table:
    table = Table(title="what quantisation lost", title_justify="left", show_header=True)
    table.add_column("per layer")
    rows: dict[str, list[str]] = {
        "state fraction bits": [f"{loss.state_fraction}" for loss in losses],
        "input weights, signal to noise": [f"{loss.input_sqnr:.1f} dB" for loss in losses],
        "recurrent weights, signal to noise": [
            "-" if loss.recurrent_sqnr is None else f"{loss.recurrent_sqnr:.1f} dB" for loss in losses
        ],
        "pole error / own damping, median": [f"{loss.pole_error_median:.3%}" for loss in losses],
        "pole error / own damping, worst": [f"{loss.pole_error_max:.3%}" for loss in losses],
        "nearest the boundary: neuron": [f"{loss.worst_neuron}" for loss in losses],
        "  its pole radius, float": [f"{loss.float_radius:.8f}" for loss in losses],
        "  its pole radius, integer": [f"{loss.integer_radius:.8f}" for loss in losses],
        "neurons that break the certificate": [f"{loss.violations} of {loss.neurons}" for loss in losses],
        "neurons firing after 20,000 silent steps": [
            f"{count} of {loss.neurons}" for loss, count in zip(losses, firing, strict=True)
        ],
    }
    for loss in losses:
        table.add_column(loss.name, justify="right")
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


MODEL_SUFFIX = ".safetensors"

EVALUATE_EXAMPLES = """\b
Examples:
  brf-deploy evaluate model.safetensors --task digits
  brf-deploy evaluate ecg.safetensors --task ecg --data data --backend numpy
  brf-deploy evaluate ecg.nir --task ecg --data data --backend torch --json result.json
"""


@click.command("evaluate", epilog=EVALUATE_EXAMPLES)
@click.argument("network_file", metavar="MODEL|NET", type=click.Path(path_type=Path))
@task_option
@samples_option
@either_backend_option
@json_option
@data_option
def evaluate_command(
    network_file: Path, task: str, samples: int | None, backend: str | None, json_file: Path | None, data: Path | None
) -> None:
    """Accuracy, spikes and confusion of classes on the test split of a task.

    Takes an integer NET (.nir), whose result is the same on every backend, or a float MODEL (.safetensors), run in
    float32. Backends of a MODEL round and add in orders of their own, so its result may differ between them: on the
    published networks by up to a spike in 50,000 and a prediction in 1,000. `--backend numpy` has the order of
    operations of the published reference.
    """
    from brf_deploy.evaluation import load_test
    from brf_deploy.float_file import load_float_network
    from brf_deploy.network_file import load_network
    from brf_deploy.progress import sample_progress

    network = load_float_network(network_file) if network_file.suffix == MODEL_SUFFIX else load_network(network_file)
    kind, name, run = _runner(network, backend)
    which, test = load_test(network, task, samples, data)
    show = console(json_file)
    with sample_progress("evaluating", test.count) as done:
        result = run(task=which, samples=test, done=done)
    _tell(result, task, name, show)
    if json_file is not None:
        figures = {"file": network_file, "task": task, "kind": kind, "backend": name}
        write_json(json_file, {**figures, **_figures(result, network)})


def _runner(
    network: "FloatNetwork | IntegerNetwork", backend: str | None
) -> tuple[str, str, "Callable[..., Evaluation]"]:
    """The kind of the network, the name of the backend, and what evaluates the one on the other."""
    from brf_deploy.backend import load_backend
    from brf_deploy.evaluation import evaluate_float, evaluate_integer
    from brf_deploy.float_backend import load_float_backend
    from brf_deploy.float_network import FloatNetwork

    if isinstance(network, FloatNetwork):
        of_floats = load_float_backend(backend)
        return "float", of_floats.name, partial(evaluate_float, network, backend=of_floats)
    of_integers = load_backend(backend)
    return "integer", of_integers.name, partial(evaluate_integer, network, backend=of_integers)


def _tell(result: "Evaluation", task: str, backend: str, show: Console) -> None:
    show.print(f"accuracy  {result.accuracy:.4%}  on {result.samples} test samples of '{task}', run by {backend}")
    spikes = result.total_spikes
    show.print(f"spikes    {spikes:,}  ({spikes / result.samples:,.2f} a sample, hidden layers)")
    if result.operations:
        synaptic = sum(part.synaptic_operations for part in result.operations)
        show.print(f"synaptic  {synaptic:,} operations  ({synaptic / result.samples:,.0f} a sample, with fan-out)")
    show.print()
    show.print(confusion_table(result.confusion))


def _figures(result: "Evaluation", network: "FloatNetwork | IntegerNetwork") -> dict[str, Any]:
    """The evaluation as JSON has it; null where a share has no samples, and where operations are not counted."""
    layers = zip([layer.name for layer in network.layers], result.spikes, strict=True)
    return {
        "samples": result.samples,
        "accuracy": result.accuracy,
        "spikes": result.total_spikes,
        "spikes_per_sample": result.total_spikes / result.samples,
        "layer_spikes_per_sample": {name: spikes.sum() / result.samples for name, spikes in layers},
        "synaptic_operations": sum(part.synaptic_operations for part in result.operations) or None,
        "confusion": result.confusion,
        "recall": recall(result.confusion),
        "precision": precision(result.confusion),
    }
