"""Every backend against the reference, on every bit: networks made by Hypothesis, and the published checkpoints.

Run: python benchmarks/equality.py --data DIR [--out benchmarks/results]. Writes equality.json and equality.md; exits
with 1 where a spike, state or readout differs.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import click
from hypothesis import Phase, given, settings

from brf_deploy.arrays import Ints
from brf_deploy.backend import Backend, backend_names, load_backend
from brf_deploy.errors import BrfError
from brf_deploy.network import IntegerNetwork
from brf_deploy.options import data_option
from brf_deploy.output import console, write_json
from brf_deploy.task import load_task
from brf_deploy.trace import Trace
from brf_deploy.whole_file import write_whole
from brf_hardware.equivalence import first_difference

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from networks import integer_networks, messages_for
from published import deployed

COMMAND = "python benchmarks/equality.py --data DIR"
MADE, LARGEST = 50, 300  # networks, and the most neurons of a layer
STEPS, BATCH = 30, 2
# The most networks of those, and samples of a checkpoint, that a slow backend runs.
FEWER = {
    "lava": (15, 4),
    "lava-processes": (8, 1),
    "netx": (8, 1),
    "c-qemu": (12, 1),
    "verilator": (12, 2),
    "icarus": (12, 1),
}
SAMPLES = 20


@dataclass(frozen=True)
class Row:
    """What a backend ran: networks, samples, steps and the values compared, and the first difference, if any."""

    backend: str
    source: str
    networks: int
    samples: int
    steps: int
    values: int
    difference: str
    seconds: float


def made() -> list[tuple[IntegerNetwork, Ints]]:
    """Networks and stimuli; the same in every run."""
    found: list[IntegerNetwork] = []

    @settings(max_examples=MADE, derandomize=True, database=None, deadline=None, phases=[Phase.generate])
    @given(integer_networks(max_neurons=LARGEST))
    def collect(network: IntegerNetwork) -> None:
        found.append(network)

    collect()
    return [(network, messages_for(network, STEPS, BATCH, seed)) for seed, network in enumerate(found[:MADE])]


def compare(backend: Backend, source: str, cases: list[tuple[IntegerNetwork, Ints, Trace]]) -> Row:
    """A row of the table."""
    start, difference, values = perf_counter(), "", 0
    for network, messages, expected in cases:
        try:
            found = backend.run(network, messages)
        except BrfError as error:
            difference = difference or f"{type(error).__name__}: {error}"
            continue
        parted = first_difference(expected, found)
        difference = difference or (str(parted) if parted else "")
        values += sum(array.size for array in expected.fields().values())
    samples = sum(messages.shape[1] for _, messages, _ in cases)
    steps = sum(messages.shape[0] * messages.shape[1] for _, messages, _ in cases)
    return Row(backend.name, source, len(cases), samples, steps, values, difference, perf_counter() - start)


def as_markdown(rows: list[Row]) -> str:
    """The table and its command."""
    lines = [f"Made by `{COMMAND}`. Spikes, u, v, q and readout of every step, against the reference.", ""]
    lines += [
        "| backend | what | networks | samples | steps | values compared | equal |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        verdict = f"no: {row.difference}" if row.difference else "yes"
        counts = f"{row.networks} | {row.samples} | {row.steps:,} | {row.values:,}"
        lines.append(f"| `{row.backend}` | {row.source} | {counts} | {verdict} |")
    return "\n".join(lines) + "\n"


@click.command()
@data_option
@click.option("--backend", "only", multiple=True, help="Default: every one.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results", show_default=True)
def main(data: Path, only: tuple[str, ...], out: Path) -> None:
    """Compare, print and write."""
    reference = load_backend("reference")
    sources = {"made": [(*case, reference.run(*case)) for case in made()]}
    for task in ("ecg", "smnist"):
        network = deployed(f"{task}_brf", task, data)
        messages = load_task(task).load("test", data).take(slice(SAMPLES)).messages
        sources[task] = [(network, messages, reference.run(network, messages))]
    rows = []
    for name in only or [name for name in backend_names() if name != "reference"]:
        networks, samples = FEWER.get(name, (MADE, SAMPLES))
        backend = load_backend(name)
        for source, cases in sources.items():
            few = cases[:networks] if source == "made" else [_first(*case, samples) for case in cases]
            rows.append(compare(backend, source, few))
            console().print(f"{name:15} {source:7} {rows[-1].seconds:8.1f} s  {rows[-1].difference or 'equal'}")
    write_json(out / "equality.json", {"command": COMMAND, "rows": [asdict(row) for row in rows]})
    write_whole(out / "equality.md", as_markdown(rows).encode())
    click.get_current_context().exit(int(any(row.difference for row in rows)))


def _first(network: IntegerNetwork, messages: Ints, trace: Trace, samples: int) -> tuple[IntegerNetwork, Ints, Trace]:
    fields = {name: array[:, :samples] for name, array in trace.fields().items()}
    return network, messages[:, :samples], Trace.from_fields(fields)


if __name__ == "__main__":
    main()
