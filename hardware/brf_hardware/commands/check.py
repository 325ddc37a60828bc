"""`brf-deploy check`: does a network fit a chip, rule by rule."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from brf_deploy.options import json_option
from brf_deploy.output import console, write_json
from brf_hardware.commands.target_options import allocation_option, set_option, target_option
from brf_hardware.targets.figure import Grade

if TYPE_CHECKING:
    from brf_hardware.targets.rules import Verdict
    from brf_hardware.targets.target import Target

EXAMPLES = """\b
Examples:
  brf-deploy check ecg.nir --target loihi2
  brf-deploy check ecg.nir --target loihi1,loihi2,cortex-m4 --json check.json
  brf-deploy check net.nir --target loihi2 --set limits.axons_in_per_core=2048
  brf-deploy check net.nir --target my-board.toml

\b
Exit status: 0 when the network fits every target named, 1 when it does not, 2 on bad input.
"""


@click.command("check", epilog=EXAMPLES)
@click.argument("net", type=click.Path(path_type=Path))
@target_option
@allocation_option
@set_option
@json_option
def check_command(net: Path, targets: str, allocation: str, settings: tuple[str, ...], json_file: Path | None) -> None:
    """Check NET against a chip's design rules.

    Word widths by range analysis of this very network, memory, fan-in and fan-out, delays, operations, and whether the
    mapper finds room. Every violation comes with a way out; docs/design-rules.md explains each rule.
    """
    from brf_deploy.network_file import load_network
    from brf_hardware.targets.load import load_targets
    from brf_hardware.targets.rules import check_rules

    network = load_network(net)
    show = console(json_file)
    results = [(target, check_rules(network, target, allocation)) for target in load_targets(targets, settings)]
    for target, verdicts in results:
        _print(show, target, verdicts)
    if json_file is not None:
        write_json(json_file, {"network": net, "targets": [_as_dict(*result, allocation) for result in results]})
    fits = not any(verdict.violations for _, verdicts in results for verdict in verdicts)
    click.get_current_context().exit(0 if fits else 1)


def _print(show: Console, target: "Target", verdicts: tuple["Verdict", ...]) -> None:
    show.print(_table(target, verdicts))
    for verdict in verdicts:
        if verdict.violations:
            show.print(f"[red]{verdict.rule}[/] is broken: {verdict.message}", soft_wrap=True)
        for demand in verdict.violations:
            text = f"  {demand.where}: {demand.found}, limit {demand.limit}. Way out: {demand.remedy}."
            show.print(text, soft_wrap=True, markup=False)
    broken = sum(len(verdict.violations) for verdict in verdicts)
    show.print(f"{target.name}: {_conclusion(broken)}", style="red" if broken else "green")
    assumed = [name for name, origin in target.origins.items() if origin.grade is Grade.ASSUMED]
    show.print(f"Assumed, not published: {', '.join(assumed) or 'none'}\n", soft_wrap=True)


def _conclusion(broken: int) -> str:
    return f"does not fit: {broken} violation{'s' if broken > 1 else ''}" if broken else "fits"


def _table(target: "Target", verdicts: tuple["Verdict", ...]) -> Table:
    table = Table(title=target.title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("rule", "nearest to its limit", "found", "limit", ""):
        table.add_column(name, justify="right" if name in ("found", "limit") else "left", no_wrap=name == "rule")
    for verdict in verdicts:
        if (tightest := verdict.tightest) is None:
            table.add_row(verdict.rule, "nothing to check")
            continue
        word = "[red]broken[/]" if verdict.violations else "[green]holds[/]"
        table.add_row(verdict.rule, tightest.where, tightest.found, tightest.limit, word)
    return table


def _as_dict(target: "Target", verdicts: tuple["Verdict", ...], allocation: str) -> dict[str, object]:
    return {
        "target": target.name,
        "allocation": allocation,
        "fits": not any(verdict.violations for verdict in verdicts),
        "assumptions": target.assumptions,
        "rules": [
            {"rule": verdict.rule, "message": verdict.message, "demands": [vars(demand) for demand in verdict.demands]}
            for verdict in verdicts
        ],
    }
