"""`brf-deploy map`: which neuron lies on which core, how full the cores are, and how far messages go."""

from collections.abc import Mapping as Dict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.options import json_option
from brf_deploy.output import console, write_json
from brf_hardware.commands.target_options import allocation_option, set_option, target_option

if TYPE_CHECKING:
    from brf_hardware.mapping import Mapping, Topology
    from brf_hardware.mapping.topology import Firing
    from brf_hardware.targets.target import Limits, Target

SHOWN_CORES = 32

EXAMPLES = """\b
Examples:
  brf-deploy map smnist.nir --target loihi2
  brf-deploy map smnist.nir --target loihi2 --allocation optimistic --plot cores.svg
  brf-deploy simulate ecg.nir --task ecg --samples 20 --spikes-only --out trace.npz
  brf-deploy map ecg.nir --target loihi1,loihi2 --trace trace.npz --json map.json

\b
Exit status: 0, or 2 on bad input and where the network fits onto no such target.
"""


@click.command("map", epilog=EXAMPLES)
@click.argument("net", type=click.Path(path_type=Path))
@target_option
@allocation_option
@set_option
@click.option(
    "--trace",
    "trace_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="TRACE.npz",
    help="Spikes of a run, which say how often each neuron sends.  [default: all alike]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the partitioner, 0 or more.")
@json_option
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.svg|png",
    help="Also draw the cores on their mesh, coloured by load.",
)
def map_command(
    net: Path,
    targets: str,
    allocation: str,
    settings: tuple[str, ...],
    trace_file: Path | None,
    seed: int,
    json_file: Path | None,
    plot: Path | None,
) -> None:
    """Map NET onto the cores of a chip.

    Every limit of a core holds. Cores and ways of messages are shown for both allocations, how full each core is for
    the chosen one.
    """
    from brf_deploy.network_file import load_network
    from brf_deploy.trace import Trace
    from brf_hardware.mapping import Topology, map_network
    from brf_hardware.mapping.topology import Firing
    from brf_hardware.targets.load import load_targets

    chosen = load_targets(targets, settings)
    if plot is not None:
        _check_plot(plot, chosen)
    trace = None if trace_file is None else Trace.load(trace_file)
    topology, firing = Topology.of(load_network(net), trace), Firing.of(trace)
    show, written = console(json_file), []
    for target in chosen:
        found = {name: _mapped(topology, target, name, seed, name == allocation) for name in target.allocations}
        mapping = found.get(allocation) or map_network(topology, target, allocation, seed)
        show.print(_summary(topology, target, found, firing))
        if target.limits is not None:
            _print_cores(show, mapping, target.limits)
        written += [as_dict(topology, mapping) for mapping in found.values() if mapping is not None]
        if plot is not None and target.limits is not None:
            from brf_hardware.mapping.picture import write_picture

            write_picture(plot, mapping, target.limits)
    if json_file is not None:
        write_json(json_file, {"network": net, "seed": seed, "trace": trace_file, "rates": firing, "mappings": written})


def _check_plot(plot: Path, chosen: tuple["Target", ...]) -> None:
    from brf_hardware.mapping.picture import check_suffix

    if len(chosen) > 1:
        raise InvalidInput(f"plot '{plot}': {len(chosen)} targets found, a picture shows one; call once for each")
    check_suffix(plot)


def _mapped(topology: "Topology", target: "Target", allocation: str, seed: int, needed: bool) -> "Mapping | None":
    """The mapping; None where there is none and the user did not ask for this allocation."""
    from brf_hardware.mapping import map_network

    try:
        return map_network(topology, target, allocation, seed)
    except Unsupported:
        if needed:
            raise
        return None


def _summary(topology: "Topology", target: "Target", found: Dict[str, "Mapping | None"], firing: "Firing") -> Table:
    table = _table(target.title, "", *found)
    table.caption = f"messages and links when {firing}"
    columns = [_facts(topology, mapping, target) for mapping in found.values()]
    for label in dict.fromkeys(label for column in columns for label in column):
        table.add_row(label, *(column.get(label, "") for column in columns))
    return table


def _facts(topology: "Topology", mapping: "Mapping | None", target: "Target") -> dict[str, str]:
    from brf_hardware.mapping.route import passage
    from brf_hardware.mapping.utilisation import fullness
    from brf_hardware.report.numbers import count, percent

    if mapping is None or target.limits is None:
        return {"cores": "does not fit"}
    sent = passage(topology, mapping)
    return {
        "cores": count(len(mapping.cores)),
        "chips": count(mapping.chips),
        "fullest core": percent(float(fullness(mapping.load, target.limits).max()), 0),
        "messages between neurons": count(sent.messages),
        "  within a router": count(sent.within_router),
        "hops east-west": count(sent.hops_east_west),
        "hops north-south": count(sent.hops_north_south),
        "chip crossings": count(sent.chip_crossings),
        "links passed": count(mapping.links),
        "  in neuron order": count(mapping.links_in_order),
        "found by": mapping.method,
    }


def _print_cores(show: Console, mapping: "Mapping", limits: "Limits") -> None:
    from brf_hardware.mapping.utilisation import fullness, utilisation
    from brf_hardware.report.numbers import count, percent, plural

    load, shares = mapping.load, utilisation(mapping.load, limits)
    table = _table(
        f"allocation '{mapping.allocation}': shares of a core's limits; place: chip/column/row/core",
        "place", "neurons", *(name for name in shares if name != "neurons"), "fullest",
    )  # fmt: skip
    full = fullness(load, limits)
    for index, core in enumerate(mapping.cores[:SHOWN_CORES]):
        neurons = count(int(load.neurons[index]))
        if "neurons" in shares:
            neurons += f" ({percent(float(shares['neurons'][index]), 0)})"
        table.add_row(
            f"{core.chip}/{core.column}/{core.row}/{core.slot}",
            neurons,
            *(percent(float(share[index]), 0) for name, share in shares.items() if name != "neurons"),
            percent(float(full[index]), 0),
        )
    show.print(table)
    if len(mapping.cores) > SHOWN_CORES:
        show.print(f"{plural(len(mapping.cores) - SHOWN_CORES, 'more core')}: see --json or --plot", style="dim")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def as_dict(topology: "Topology", mapping: "Mapping") -> dict[str, Any]:
    """A mapping as JSON data: places and loads of all cores, the core of every neuron, and what messages pass."""
    from brf_hardware.mapping.route import passage

    return {
        "target": mapping.target,
        "allocation": mapping.allocation,
        "method": mapping.method,
        "chips": mapping.chips,
        "mesh": mapping.mesh,
        "passage": vars(passage(topology, mapping)),
        "links": mapping.links,
        "links_in_order": mapping.links_in_order,
        "cores": [vars(core) for core in mapping.cores],
        "load": vars(mapping.load),
        "placement": [
            {"population": part.name, "core_of": core_of}
            for part, core_of in zip(topology.populations, mapping.placement, strict=True)
        ],
    }
