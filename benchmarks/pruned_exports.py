"""What pruning takes off the exported C: the published networks with a share of the synapses of every source.

Run: python benchmarks/pruned_exports.py --data DIR [--out benchmarks/results]. Writes pruned_exports.json and .md. The
networks are pruned without training on, so they say nothing about accuracy; fewer synapses also mean other spikes.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from published import CALIBRATION_SAMPLES, read

from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import count_operations
from brf_deploy.options import data_option
from brf_deploy.output import console, write_json
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_deploy.task import load_task
from brf_deploy.trace import Record
from brf_deploy.whole_file import write_whole
from brf_hardware.c.facts import flash_bytes
from brf_hardware.c.plan import plan_network
from brf_hardware.c.speed import instructions
from brf_training.extract import from_float_network, to_float_network
from brf_training.pruning import Pruning, prune

COMMAND = "python benchmarks/pruned_exports.py --data DIR"
KEPT = (1.0, 0.5, 0.25, 0.125)


@dataclass(frozen=True)
class Row:
    """keep: share of the targets of a source. Of the first test sample: spikes, synaptic operations without the
    input's, and instructions of a Cortex-M4 a step."""

    network: str
    keep: float
    flash_bytes: int
    synapses: int
    spikes: int
    synaptic_operations: int
    instructions_a_step: float


def pruned(checkpoint: str, task: str, keep: float, data: Path) -> IntegerNetwork:
    """A published checkpoint, pruned and then quantised with the defaults."""
    source, which = read(checkpoint, "brf", task, data), load_task(task)
    model = from_float_network(source)
    prune(model, Pruning(keep), progress=1.0)
    network = to_float_network(model, task, source.encoding)
    ranges = measure_ranges(network, which.load("train", data).take(slice(CALIBRATION_SAMPLES)).messages)
    return quantize(network, QuantizationConfig(), ranges)


def measure(task: str, keep: float, data: Path) -> Row:
    """A row of the table."""
    network = pruned(f"{task}_brf", task, keep, data)
    messages = load_task(task).load("test", data).messages[:, :1]
    plan, trace = plan_network(network), REFERENCE.run(network, messages, Record.SPIKES)
    first, *others = count_operations(network, network.encoding.present(messages), trace)
    return Row(
        network=task,
        keep=keep,
        flash_bytes=flash_bytes(plan),
        synapses=sum(int(np.count_nonzero(synapses.weights)) for synapses in plan.synapses),
        spikes=first.spikes + sum(part.spikes for part in others),
        synaptic_operations=first.recurrent_operations + sum(part.synaptic_operations for part in others),
        instructions_a_step=float(instructions(network, messages).mean()),
    )


def as_markdown(rows: list[Row]) -> str:
    """The table and its command."""
    lines = [f"Made by `{COMMAND}`. Of the first test sample; instructions a step.", ""]
    lines += [
        "| network | targets kept | flash, bytes | synapses | spikes | synaptic operations | instructions a step |"
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    lines += [
        f"| {row.network} | {row.keep:.1%} | {row.flash_bytes:,} | {row.synapses:,} | {row.spikes:,} | "
        f"{row.synaptic_operations:,} | {row.instructions_a_step:,.0f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


@click.command()
@data_option
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def main(data: Path | None, out: Path) -> None:
    """Measure, print and write."""
    if data is None:
        raise click.UsageError("--data DIR or BRF_DATA names the data directory")
    rows = [measure(task, keep, data) for task in ("ecg", "smnist") for keep in KEPT]
    text = as_markdown(rows)
    console().print(text, markup=False, soft_wrap=True)
    write_json(out / "pruned_exports.json", {"command": COMMAND, "rows": [asdict(row) for row in rows]})
    write_whole(out / "pruned_exports.md", text.encode())


if __name__ == "__main__":
    main()
