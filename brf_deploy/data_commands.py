"""`brf-deploy data`: what is in the data directory, and fetching what is not."""

from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from brf_deploy.data_directory import data_root
from brf_deploy.data_integrity import State, dataset_state, file_state
from brf_deploy.data_sources import DATASETS, Dataset, dataset
from brf_deploy.errors import InvalidInput, MissingData
from brf_deploy.options import data_option, json_option
from brf_deploy.output import console, write_json

STYLES = {State.PRESENT: "green", State.ABSENT: "dim", State.INCOMPLETE: "yellow", State.CORRUPT: "bold red"}


@click.group("data")
def data_command() -> None:
    """List and fetch data sets and published checkpoints.

    They lie in one data directory, named with --data or the environment variable BRF_DATA.
    """


@data_command.command("list")
@data_option
@click.option("--check", is_flag=True, help="Also verify every checksum; exit status 1 if a file is corrupt.")
@json_option
def list_command(data: Path | None, check: bool, json_file: Path | None) -> None:
    """Show which data sets are there."""
    root = data_root(data)
    states = {entry.name: {f.path: file_state(f, root, check) for f in entry.files} for entry in DATASETS}
    out = console(json_file)
    out.print(_table(root, states, check))
    for line in _faults(states):
        out.print(line, soft_wrap=True, markup=False)
    if json_file is not None:
        write_json(json_file, _json(root, states, check))
    click.get_current_context().exit(int(any(State.CORRUPT in files.values() for files in states.values())))


@data_command.command("fetch")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@data_option
@click.option("--mirror", metavar="URL", help="Fetch from here instead, laid out like a data directory (http, https).")
def fetch_command(names: tuple[str, ...], data: Path | None, mirror: str | None) -> None:
    """Fetch data sets from their official source: ecg, checkpoints, mnist, fsdd, shd, ssc, gsc.

    Checksums are verified, an interrupted download goes on where it stopped, and what is already there stays.
    """
    from brf_deploy.data_fetch import fetch

    datasets = [dataset(name) for name in names]
    root = data_root(data)
    if root is None:
        raise MissingData("no data directory is set; name one with --data DIR or the environment variable BRF_DATA")
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        raise InvalidInput(f"--mirror '{mirror}': not a URL that begins with http:// or https://")
    for entry in datasets:
        fetch(entry, root, mirror)


def _table(root: Path | None, states: dict[str, dict[str, State]], check: bool) -> Table:
    where = escape(f"data directory {root}") if root else "no data directory set (--data DIR or BRF_DATA)"
    table = Table(title=where + (", checksums verified" if check else ""), title_justify="left")
    for name in ("name", "state", "files", "MB", "licence", "what"):
        table.add_column(name, justify="right" if name in ("files", "MB") else "left")
    for entry in DATASETS:
        files = states[entry.name]
        state = dataset_state(list(files.values()))
        present = sum(found is not State.ABSENT for found in files.values())
        size = _size(entry)
        shown = f"[{STYLES[state]}]{state.value}[/]"
        table.add_row(
            entry.name,
            shown,
            f"{present}/{len(files)}",
            "?" if size is None else f"{size / 1e6:.1f}",
            entry.licence,
            entry.description,
        )
    return table


def _size(entry: Dataset) -> int | None:
    """Bytes in all, where they are known."""
    sizes = [file.size for file in entry.files if file.size is not None]
    return sum(sizes) if len(sizes) == len(entry.files) else None


def _faults(states: dict[str, dict[str, State]]) -> list[str]:
    """One line for every corrupt file and every one missing from a set that is partly there."""
    return [
        f"{path}: {state.value}; get it with: brf-deploy data fetch {name}"
        for name, files in states.items()
        if set(files.values()) != {State.ABSENT}
        for path, state in files.items()
        if state is not State.PRESENT
    ]


def _json(root: Path | None, states: dict[str, dict[str, State]], check: bool) -> dict[str, Any]:
    return {
        "directory": root,
        "checked": check,
        "datasets": {
            entry.name: {
                "state": dataset_state(list(states[entry.name].values())).value,
                "files": {path: state.value for path, state in states[entry.name].items()},
                "size": _size(entry),
                "licence": entry.licence,
                "origin": entry.origin,
            }
            for entry in DATASETS
        },
    }
