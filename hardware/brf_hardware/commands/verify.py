"""`brf-deploy verify`: the proof that the deployed network is the trained one, on every backend."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from brf_deploy.options import data_option, json_option, samples_option
from brf_deploy.output import console, write_json

if TYPE_CHECKING:
    from brf_hardware.equivalence.verification import Verification

EXAMPLES = """\b
Examples:
  brf-deploy verify model.safetensors net.nir
  brf-deploy verify ecg.safetensors ecg.nir --task ecg --data data --backends torch,lava --json verify.json
  brf-deploy verify --case difference/lava

\b
Exit status: 0 when every hard gate holds, 1 when one does not, 2 on bad input.
"""


@click.command("verify", epilog=EXAMPLES)
@click.argument("model", type=click.Path(path_type=Path), required=False)
@click.argument("net", type=click.Path(path_type=Path), required=False)
@click.option("--task", metavar="NAME", help="Task: digits, ecg, smnist, psmnist.  [default: the network's]")
@samples_option
@click.option(
    "--backends",
    default="quick",
    show_default=True,
    metavar="A,B",
    help="Compared with the reference: names, 'all' present ones, or 'quick': those without seconds a sample.",
)
@click.option(
    "--jitter-runs", default=5, show_default=True, type=click.IntRange(min=0), help="Float runs for the noise floor."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("difference"),
    show_default=True,
    help="Folder for the first difference of each backend.",
)
@click.option("--case", type=click.Path(path_type=Path), metavar="FOLDER", help="Run a kept difference again.")
@json_option
@data_option
def verify_command(
    model: Path | None,
    net: Path | None,
    task: str | None,
    samples: int | None,
    backends: str,
    jitter_runs: int,
    keep: Path,
    case: Path | None,
    json_file: Path | None,
    data: Path | None,
) -> None:
    """Prove that NET is the trained MODEL, on every backend.

    Bit equality of every backend with the reference on every spike and state, certificate, silence, shadow
    equivalence with the float network, and free-run counts against the float noise floor.
    """
    if case is not None:
        click.get_current_context().exit(_run_case_again(case))
    if model is None or net is None:
        raise click.UsageError("MODEL and NET are needed (or --case FOLDER)")
    from brf_deploy.backend import choose_backends
    from brf_deploy.progress import spinner
    from brf_hardware.equivalence.case import Case, keep_case
    from brf_hardware.equivalence.verification import load_subject, verify

    subject, test = load_subject(model, net, task, samples, data)
    chosen, absent = choose_backends(backends)
    with spinner() as tell:
        result = verify(subject, test, chosen, absent, jitter_runs, tell)
    show = console(json_file)
    _print(show, result)
    for found in result.cases:
        kept = Case(found.backend, subject.network, found.messages)
        folder = keep_case(keep / found.backend, kept, found.expected, found.found, found.difference)
        show.print(f"kept in {folder}; run it again with: brf-deploy verify --case {folder}")
    if json_file is not None:
        write_json(json_file, result.as_dict())
    click.get_current_context().exit(0 if result.passed else 1)


def _print(show: Console, result: "Verification") -> None:
    show.print(summary_table(result))
    show.print(gate_table(result))
    for name, backend in result.backends.items():
        if backend.status != "equal":
            show.print(f"{name}: {backend.status}: {backend.detail}", style="yellow")
    show.print(
        "PASSED: every hard gate holds" if result.passed else "FAILED", style="green" if result.passed else "red"
    )


def summary_table(result: "Verification") -> Table:
    """Accuracy and spikes, float beside integer."""
    table = Table(title=f"{result.samples} samples of '{result.task}'", title_justify="left")
    for name in ("", "float", "integer"):
        table.add_column(name, justify="right" if name else "left")
    before, after = result.before, result.after
    table.add_row("accuracy", f"{before.accuracy:.3%}", f"{after.accuracy:.3%}")
    table.add_row("hidden spikes", f"{before.total_spikes:,}", f"{after.total_spikes:,}")
    table.add_row(
        "  a sample", f"{before.total_spikes / before.samples:,.1f}", f"{after.total_spikes / after.samples:,.1f}"
    )
    return table


def gate_table(result: "Verification") -> Table:
    """One row a gate; those with a star inform and decide nothing."""
    table = Table(
        title="equivalence (docs/arithmetic.md, section 5; * informs, decides nothing)",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for name in ("gate", "what", "found", "limit", ""):
        table.add_column(name, justify="right" if name in ("found", "limit") else "left", no_wrap=name != "what")
    for gate in result.gates:
        star, colour = ("*", "yellow") if gate.kind == "soft" else ("", "red")
        verdict = "[green]holds[/]" if gate.holds else f"[{colour}]{'exceeds' if star else 'fails'}[/]"
        table.add_row(gate.id + star, gate.statement, gate.found, gate.limit, verdict)
    return table


def _run_case_again(folder: Path) -> int:
    from brf_deploy.backend import load_backend
    from brf_deploy.reference import REFERENCE
    from brf_hardware.equivalence.case import load_case
    from brf_hardware.equivalence.difference import first_difference

    case = load_case(folder)
    found = load_backend(case.backend).run(case.network, case.messages)
    difference = first_difference(REFERENCE.run(case.network, case.messages), found)
    console().print(f"{case.backend}: {difference or 'equal to the reference'}")
    return 0 if difference is None else 1
