"""`brf-deploy report`: one self-contained HTML page about a deployed network."""

import shlex
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from brf_deploy.options import data_option, json_option, samples_option, task_option
from brf_deploy.output import STANDARD_OUTPUT, console, write_json
from brf_hardware.commands.target_options import (
    allocation_option,
    optional_target_option,
    rate_option,
    set_option,
    step_period,
)

if TYPE_CHECKING:
    from brf_deploy.network import IntegerNetwork
    from brf_hardware.report import ReportContent
    from brf_hardware.report.target_cost import Placement

EXAMPLES = """\b
Examples:
  brf-deploy report net.nir --task digits --out report.html
  brf-deploy report ecg.nir --model ecg.safetensors --task ecg --data data --out report.html
  brf-deploy report ecg.nir --task ecg --target loihi1,loihi2 --out report.html --json report.json --csv costs.csv
"""


@click.command("report", epilog=EXAMPLES)
@click.argument("net", type=click.Path(path_type=Path))
@task_option
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="The float network NET was quantised from; the page then holds the equivalence and what was lost.",
)
@click.option("--backends", default="quick", show_default=True, metavar="A,B", help="Compared when MODEL is given.")
@samples_option
@click.option(
    "--raster", default=0, show_default=True, type=click.IntRange(min=0), help="Sample whose raster is drawn."
)
@click.option("--synthesis", is_flag=True, help="Count the cells of the Verilog export with yosys; up to minutes.")
@optional_target_option
@allocation_option
@rate_option
@set_option
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE.html")
@json_option
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also write counts and energies of the targets as CSV.",
)
@data_option
def report_command(
    net: Path,
    task: str,
    model: Path | None,
    backends: str,
    samples: int | None,
    raster: int,
    synthesis: bool,
    targets: str | None,
    allocation: str,
    rate: float | None,
    settings: tuple[str, ...],
    out: Path,
    json_file: Path | None,
    csv_file: Path | None,
    data: Path | None,
) -> None:
    """Write one HTML page about the network NET.

    What it is, spikes and rasters, state ranges, poles and the divergence boundary, equivalence, operation counts, and
    what it takes as C and as hardware. With --target, whether it fits those chips and what it costs there: mapping,
    latency, energy with its uncertainty, spike budget, and the source of every figure. The page needs nothing else: no
    network, no script.
    """
    if targets is None and (rate is not None or settings or csv_file is not None):
        raise click.UsageError("--rate, --set and --csv are about targets: name some with --target")
    from brf_deploy.backend import choose_backends
    from brf_deploy.evaluation import load_test
    from brf_deploy.float_file import load_float_network
    from brf_deploy.network_file import load_network
    from brf_deploy.progress import spinner
    from brf_hardware.equivalence import Subject, verify
    from brf_hardware.report import Provenance, build_report, installed_versions, write_report
    from brf_hardware.report.as_data import as_dict

    command = shlex.join(["brf-deploy", *sys.argv[1:]])
    provenance = Provenance(date.today().isoformat(), command, installed_versions())
    with spinner() as tell:
        network = load_network(net)
        which, test = load_test(network, task, samples, data)
        trained = None if model is None else load_float_network(model)
        placements: tuple[Placement, ...] = ()
        if targets is not None:
            tell("placing on targets")
            placements = _placements(network, targets, settings, allocation, step_period(rate, which, test))
        verification = None
        if trained is not None:
            verification = verify(Subject(trained, network, which), test, *choose_backends(backends), tell=tell)
        tell("measuring")
        content = build_report(
            network,
            which,
            test,
            provenance,
            model=trained,
            verification=verification,
            shown=raster,
            synthesis=synthesis,
            placements=placements,
        )
        tell("drawing")
        write_report(content, out)
    if json_file is not None:
        write_json(json_file, as_dict(content))
    if csv_file is not None:
        _write_csv(csv_file, content)
    for path in filter(None, (out, json_file if json_file != STANDARD_OUTPUT else None, csv_file)):
        console(json_file).print(f"wrote {path.resolve()} ({path.stat().st_size:,} bytes)", soft_wrap=True)


def _placements(
    network: "IntegerNetwork", targets: str, settings: tuple[str, ...], allocation: str, period: float | None
) -> tuple["Placement", ...]:
    from brf_hardware.report.target_cost import Placement
    from brf_hardware.targets.load import load_targets

    return tuple(Placement.of(network, target, allocation, period) for target in load_targets(targets, settings))


def _write_csv(path: Path, content: "ReportContent") -> None:
    from brf_deploy.whole_file import write_whole
    from brf_hardware.cost.as_data import as_csv

    write_whole(path, as_csv(cost.estimate for cost in content.targets if cost.estimate is not None).encode())
