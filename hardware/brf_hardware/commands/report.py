"""`brf-deploy report`: one self-contained HTML page about a deployed network."""

import shlex
import sys
from datetime import date
from pathlib import Path

import click

from brf_deploy.options import data_option, samples_option, task_option
from brf_deploy.output import console

EXAMPLES = """\b
Examples:
  brf-deploy report net.nir --task digits --out report.html
  brf-deploy report ecg.nir --model ecg.safetensors --task ecg --data data --out report.html
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
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE.html")
@data_option
def report_command(
    net: Path,
    task: str,
    model: Path | None,
    backends: str,
    samples: int | None,
    raster: int,
    synthesis: bool,
    out: Path,
    data: Path | None,
) -> None:
    """Write one HTML page about the network NET.

    What it is, spikes and rasters, state ranges, poles and the divergence boundary, equivalence, operation counts, and
    what it takes as C and as hardware. The page needs nothing else: no network, no script.
    """
    from brf_deploy.backend import choose_backends
    from brf_deploy.evaluation import load_test
    from brf_deploy.network_file import load_network
    from brf_deploy.progress import spinner
    from brf_hardware.equivalence.verification import load_subject, verify
    from brf_hardware.report import Provenance, build_report, installed_versions, write_report

    command = shlex.join(["brf-deploy", *sys.argv[1:]])
    provenance = Provenance(date.today().isoformat(), command, installed_versions())
    with spinner() as tell:
        if model is None:
            network = load_network(net)
            which, test = load_test(network, task, samples, data)
            content = build_report(network, which, test, provenance, shown=raster, synthesis=synthesis)
        else:
            subject, test = load_subject(model, net, task, samples, data)
            verification = verify(subject, test, *choose_backends(backends), tell=tell)
            content = build_report(
                subject.network,
                subject.task,
                test,
                provenance,
                model=subject.model,
                verification=verification,
                shown=raster,
                synthesis=synthesis,
            )
        tell("drawing")
        write_report(content, out)
    console().print(f"wrote {out.resolve()} ({out.stat().st_size:,} bytes)", soft_wrap=True)
