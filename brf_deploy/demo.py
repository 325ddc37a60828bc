"""`brf-deploy demo`: the whole road on data that needs no download, with the commands a user would type."""

import json
import shlex
import time
from pathlib import Path

import click
from rich.rule import Rule
from rich.table import Table

from brf_deploy.cli import main
from brf_deploy.errors import BrfError
from brf_deploy.output import console

EXAMPLES = """\b
Examples:
  brf-deploy demo
  brf-deploy demo --out /tmp/demo --epochs 3
"""


class DemoFailed(BrfError):
    """A step of the demo ended with another status than 0."""


@click.command("demo", epilog=EXAMPLES)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("demo"), show_default=True, metavar="DIR"
)
@click.option("--epochs", type=click.IntRange(min=1), help="Train for fewer epochs than the recipe says.")
def demo_command(out: Path, epochs: int | None) -> None:
    """Train, deploy, prove and report, on handwritten digits.

    Needs no download: the digits come with scikit-learn. Runs the commands a user would type and shows them.
    """
    model, net = out / "model.safetensors", out / "digits.nir"
    verdict, page = out / "verify.json", out / "report.html"
    shorter = ["--epochs", str(epochs)] if epochs else []
    started = time.monotonic()
    run_step("train", "digits", "--out", str(out), "--force", *shorter)
    run_step("quantize", str(model), "--out", str(net), "--calibrate", "digits")
    run_step("simulate", str(net), "--task", "digits", "--backend", "lava", "--out", str(out / "trace.npz"))
    run_step(
        "verify", str(model), str(net), "--task", "digits", "--json", str(verdict), "--keep", str(out / "difference")
    )
    run_step("report", str(net), "--model", str(model), "--task", "digits", "--out", str(page))
    _summary(json.loads(verdict.read_text(encoding="utf-8")), page, time.monotonic() - started)


def run_step(*arguments: str) -> None:
    """Show and run one command, in this process; its exit status decides whether the demo goes on."""
    console().print(Rule(style="dim"))
    console().print(f"$ brf-deploy {shlex.join(arguments)}", style="bold cyan", soft_wrap=True)
    status = main.main(list(arguments), prog_name="brf-deploy", standalone_mode=False)
    if status:
        raise DemoFailed(f"step '{arguments[0]}' ended with status {status}; its output above says why")


def _summary(verdict: dict[str, dict[str, float]], page: Path, seconds: float) -> None:
    table = Table(title=f"digits, from training to proof in {seconds:.0f} s", title_justify="left")
    for name in ("", "float", "integer"):
        table.add_column(name, justify="right" if name else "left")
    accuracy, spikes = verdict["accuracy"], verdict["spikes"]
    table.add_row("accuracy", f"{accuracy['float']:.2%}", f"{accuracy['integer']:.2%}")
    table.add_row("hidden spikes", f"{spikes['float']:,}", f"{spikes['integer']:,}")
    table.add_row("neurons outside the boundary", "", f"{verdict['certificate']['violations']}")
    table.add_row("neurons firing after 20,000 silent steps", "", f"{verdict['silence']['firing']}")
    for name, backend in verdict["backends"].items():
        table.add_row(f"{name}: every spike and state", "", str(backend["status"]))  # type: ignore[index]
    show = console()
    show.print(Rule(style="dim"))
    show.print(table)
    show.print(f"open the report: {page.resolve()}", soft_wrap=True)
