"""What rounding does to a resonator's poles: naive rounding, Lava's constants, and ours, on published checkpoints.

For 6, 8, 10 and 12 coefficient bits: neurons whose integer pole lies outside the unit circle (or on it), and neurons
that still fire after 20,000 silent steps. Run: python benchmarks/contrast.py --data DIR [--out benchmarks/results]
"""

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from rich.table import Table

from brf_deploy.certificate import certificate
from brf_deploy.data_directory import data_root
from brf_deploy.float_network import FloatNetwork
from brf_deploy.options import data_option
from brf_deploy.output import console
from brf_deploy.progress import spinner
from brf_deploy.quantization import QuantizationConfig, Ranges, Scheme, quantize_unsafe
from brf_deploy.silence import silence_test
from brf_deploy.task import load_task
from brf_training.published import read_published

# Checkpoint file -> the task it belongs to. State ranges as measured on the tasks' data (docs/arithmetic.md, 6);
# they only choose the fraction bits of the states.
CHECKPOINTS = {"ecg_brf": "ecg", "smnist_brf": "smnist"}
RANGES = Ranges((86.0,), 106.0)
BITS = (6, 8, 10, 12)


@dataclass(frozen=True)
class Row:
    """One checkpoint, width and scheme."""

    checkpoint: str
    neurons: int
    bits: int
    scheme: str
    outside: int
    on_circle: int
    firing: int


def measure(name: str, network: FloatNetwork, bits: int, scheme: Scheme) -> Row:
    """Quantise without certificate and count."""
    config = QuantizationConfig(coefficient_bits=bits, scheme=scheme)
    integer = quantize_unsafe(network, config, RANGES)
    layer = integer.layers[0]
    result = certificate(layer, integer.arithmetic)
    return Row(
        checkpoint=name,
        neurons=layer.count,
        bits=bits,
        scheme=scheme.value,
        outside=int((result.at_rest > result.disc).sum()),
        on_circle=int((result.at_rest == result.disc).sum()),
        firing=silence_test(layer, integer.arithmetic).count,
    )


@click.command()
@data_option
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def contrast(data: Path | None, out: Path) -> None:
    """Print the contrast table and write it as CSV and JSON."""
    rows: list[Row] = []
    with spinner() as tell:
        for name, task in CHECKPOINTS.items():
            path = (data_root(data) or Path("data")) / "checkpoints" / f"{name}.pt"
            if not path.is_file():
                console().print(f"{name}: not measured, {path} is absent")
                continue
            network = read_published(path, "brf", load_task(task))
            for bits in BITS:
                for scheme in (Scheme.NAIVE, Scheme.LAVA, Scheme.DWN):
                    tell(f"{name}, {bits} bits, {scheme.value}")
                    rows.append(measure(name, network, bits, scheme))
    console().print(table(rows))
    write(rows, out)


def table(rows: list[Row]) -> Table:
    """Outside / firing, one column a scheme, as in docs/arithmetic.md."""
    shown = Table(
        title="poles outside the circle (+ on it) / neurons firing after 20,000 silent steps", title_justify="left"
    )
    for name in ("checkpoint", "bits", "naive", "lava", "dwn"):
        shown.add_column(name, justify="left" if name == "checkpoint" else "right")
    for name, bits in dict.fromkeys((row.checkpoint, row.bits) for row in rows):
        cells = {r.scheme: r for r in rows if (r.checkpoint, r.bits) == (name, bits)}
        texts = [
            f"{r.outside}{f' (+{r.on_circle})' if r.on_circle else ''} / {r.firing}"
            for r in (cells[scheme] for scheme in ("naive", "lava", "dwn"))
        ]
        shown.add_row(f"{name} ({cells['dwn'].neurons})", str(bits), *texts)
    return shown


def write(rows: list[Row], out: Path) -> None:
    """`contrast.csv` and `contrast.json` with the command that made them."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "contrast.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(asdict(rows[0])) if rows else [])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
    about = {
        "command": "python benchmarks/contrast.py --data DIR",
        "numpy": np.__version__,
        "rows": [asdict(r) for r in rows],
    }
    (out / "contrast.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    contrast()
