"""`brf-deploy estimate`: what a network costs on a chip, counted, timed and priced."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from brf_deploy.options import backend_option, data_option, json_option, samples_option
from brf_deploy.output import console, write_json
from brf_hardware.commands.target_options import allocation_option, rate_option, set_option, step_period, target_option

if TYPE_CHECKING:
    from brf_hardware.cost.estimate import Estimate

EXAMPLES = """\b
Examples:
  brf-deploy estimate ecg.nir --target loihi1,loihi2 --data data
  brf-deploy estimate ecg.nir --target loihi2 --samples 10 --rate 250 --fail-over-budget
  brf-deploy estimate net.nir --target loihi1 --set energy.barriers=0 --json cost.json --csv cost.csv

\b
Exit status: 0; 1 with --fail-over-budget where a budget is exceeded or cannot be told; 2 on bad input, and where the
network fits on none of the targets.
"""


@click.command("estimate", epilog=EXAMPLES)
@click.argument("net", type=click.Path(path_type=Path))
@click.option("--task", metavar="NAME", help="Task whose test samples run.  [default: the network's]")
@target_option
@samples_option
@rate_option
@click.option("--fail-over-budget", is_flag=True, help="Exit with 1 unless every target has time for what fires.")
@allocation_option
@set_option
@backend_option
@json_option
@click.option(
    "--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Also write rows as CSV."
)
@data_option
def estimate_command(
    net: Path,
    task: str | None,
    targets: str,
    samples: int | None,
    rate: float | None,
    fail_over_budget: bool,
    allocation: str,
    settings: tuple[str, ...],
    backend: str | None,
    json_file: Path | None,
    csv_file: Path | None,
    data: Path | None,
) -> None:
    """Estimate what NET costs on a chip.

    Runs the test samples, counts exactly what they did on the mapped network, and then prices the counts: latency,
    dynamic and static energy as low, nominal and high, spike budgets, and dense networks beside it. A count without a
    price makes the total refuse.
    """
    from brf_deploy.backend import load_backend
    from brf_deploy.errors import Unsupported
    from brf_deploy.evaluation import load_test
    from brf_deploy.network_file import load_network
    from brf_deploy.whole_file import write_whole
    from brf_hardware.cost.as_data import as_csv, as_dict
    from brf_hardware.cost.estimate import Costing, place
    from brf_hardware.cost.sampling import estimate_samples
    from brf_hardware.targets.load import load_targets

    network, chosen = load_network(net), load_targets(targets, settings)
    which, test = load_test(network, task, samples, data)
    period = step_period(rate, which, test)
    show = console(json_file)
    costings: list[Costing] = []
    misfits: dict[str, str] = {}
    for target in chosen:
        try:
            costings.append(Costing.of(network, target, place(network, target, allocation), period))
        except Unsupported as error:
            if len(misfits) == len(chosen) - 1:
                raise
            misfits[target.name] = str(error)
    estimates = estimate_samples(costings, test, load_backend(backend))
    for found in estimates:
        _print(show, found)
    for misfit in misfits.values():
        show.print(misfit, style="yellow")
    if json_file is not None:
        priced = [as_dict(found) for found in estimates]
        write_json(json_file, {"network": net, "task": which.name, "estimates": priced, "misfits": misfits})
    if csv_file is not None:
        write_whole(csv_file, as_csv(estimates).encode())
    if fail_over_budget:
        failures = [failure for found in estimates for failure in _failures(found)]
        for failure in failures:
            show.print(failure, style="red")
        click.get_current_context().exit(1 if failures or misfits else 0)


def _failures(found: "Estimate") -> list[str]:
    """Why a target's budget does not hold, or is not known."""
    name = found.target.name
    if found.over_budget is None:
        return [f"target '{name}': no time known for {', '.join(found.untimed)}, so whether it keeps up cannot be told"]
    return [f"target '{name}': {failure}" for failure in found.budget_failures]


def _print(show: Console, estimate: "Estimate") -> None:
    from brf_hardware.cost.tables import tables
    from brf_hardware.report.numbers import plural

    fabric, mapping = estimate.costing.fabric, estimate.costing.mapping
    placed = f"{plural(fabric.cores, 'core')} of {plural(fabric.chips, 'chip')}"
    where = "a price table without cores" if mapping is None else placed
    show.rule(f"{estimate.target.title}: {where}", align="left")
    show.print(" ".join(estimate.target.description.split()), style="dim")
    for table in tables(estimate):
        show.print(table)
    for what, terms in (("energy", estimate.unpriced), ("time", estimate.untimed)):
        if terms:
            show.print(
                f"{', '.join(terms)}: no {what} known for target '{estimate.target.name}', so totals that need it are "
                f"refused; state your own with --set, such as {_key(what, terms[0])}=LOW:NOMINAL:HIGH",
                style="yellow",
            )
    for assumption in estimate.target.assumptions:
        show.print(f"  assumed: {assumption}", style="dim")


def _key(what: str, term: str) -> str:
    """As --set names it."""
    return term if term == "static_power" else f"{what}.{term}"
