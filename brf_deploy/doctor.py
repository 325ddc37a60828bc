"""`brf-deploy doctor`: what is present on this machine, what is absent, and how to get it."""

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from brf_deploy.backend import FLOAT_GROUP as FLOAT_BACKENDS
from brf_deploy.backend import GROUP as BACKENDS
from brf_deploy.backend import Named, backend_names
from brf_deploy.data_directory import data_root
from brf_deploy.data_integrity import State, dataset_state, file_state
from brf_deploy.data_sources import DATASETS
from brf_deploy.errors import BrfError
from brf_deploy.float_backend import float_backend_names
from brf_deploy.native_library import GROUP as NATIVE
from brf_deploy.options import data_option, json_option
from brf_deploy.output import console, write_json
from brf_deploy.registry import EXTRA_OF_MODULE, how_to_install, load_entry, names

DISTRIBUTION_OF_MODULE = {"sklearn": "scikit-learn", "lava": "lava-nc"}
SECTIONS = {"backend": BACKENDS, "float backend": FLOAT_BACKENDS}  # entry points of backends
TOOLS = ("gcc", "make", "yosys")
# Run in a process of its own: the ground never imports torch, and a broken installation cannot take this one down.
ASK_TORCH = "import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')"
PATIENCE = 60  # seconds; a cold import of torch takes up to ten


@dataclass(frozen=True)
class Finding:
    """One thing looked for: whether it is there, and its version or how to get it."""

    section: str
    name: str
    present: bool
    detail: str


@click.command("doctor")
@data_option
@click.option("--strict", is_flag=True, help="Exit status 1 if a declared backend is absent.")
@json_option
def doctor_command(data: Path | None, strict: bool, json_file: Path | None) -> None:
    """Show what is installed, and how to get the rest.

    Looks for packages, backends, native libraries, a GPU, data sets and tools.
    """
    findings = examine(data_root(data))
    console(json_file).print(_table(findings))
    if json_file is not None:
        write_json(json_file, _json(findings))
    absent = [finding for finding in findings if finding.section in SECTIONS and not finding.present]
    click.get_current_context().exit(int(strict and bool(absent)))


def examine(data: Path | None) -> list[Finding]:
    """Everything `doctor` reports, section by section."""
    backends = [*_backends("backend", backend_names()), *_backends("float backend", float_backend_names())]
    return [_python(), *_packages(), *backends, *_native(), _cuda(), *_datasets(data), *_tools()]


def _python() -> Finding:
    return Finding("python", "python", True, f"{platform.python_version()} at {sys.executable}")


def _packages() -> Iterator[Finding]:
    for module, extra in EXTRA_OF_MODULE.items():
        distribution = DISTRIBUTION_OF_MODULE.get(module, module)
        found = _version(distribution)
        yield Finding(f"extra {extra}", distribution, found is not None, found or how_to_install(module))


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _backends(section: str, declared: list[str]) -> Iterator[Finding]:
    for name in declared:
        try:
            backend: Named = load_entry(SECTIONS[section], name, "backend")
            found = backend.availability()
            yield Finding(section, name, found.present, found.detail)
        except (BrfError, ImportError, AttributeError) as error:
            yield Finding(section, name, False, str(error))


def _native() -> Iterator[Finding]:
    for name in names(NATIVE):
        try:
            present, detail = load_entry(NATIVE, name, "native library")()
            yield Finding("native", name, present, detail)
        except BrfError as error:
            yield Finding("native", name, False, str(error))


def _cuda() -> Finding:
    if _version("torch") is None:
        return Finding("device", "CUDA", False, "torch is not installed: pip install 'brf-deploy[train]'")
    answer = _ask([sys.executable, "-c", ASK_TORCH])
    if answer is None:
        return Finding("device", "CUDA", False, "torch does not import; `python -c 'import torch'` shows why")
    return Finding("device", "CUDA", answer != "", answer or "torch sees no CUDA device; the CPU is used")


def _datasets(data: Path | None) -> Iterator[Finding]:
    for entry in DATASETS:
        state = dataset_state([file_state(file, data, check=False) for file in entry.files])
        present = state is State.PRESENT
        fetch = f"{state.value}: brf-deploy data fetch {entry.name} --data {data or 'DIR'}"
        yield Finding("data", entry.name, present, f"in {data}" if present else fetch)


def _tools() -> Iterator[Finding]:
    for name in TOOLS:
        answer = _ask([name, "--version"]) if shutil.which(name) else None
        install = f"install it with the system's packages, for example: apt install {name}"
        yield Finding("tool", name, answer is not None, answer or install)


def _ask(command: list[str]) -> str | None:
    """First line a program prints, or None where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.partition("\n")[0].strip()


def _table(findings: list[Finding]) -> Table:
    table = Table()
    table.add_column("what", no_wrap=True)
    table.add_column("name", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("version, or how to get it", overflow="fold")
    for above, finding in zip([None, *findings], findings, strict=False):
        repeated = above is not None and above.section == finding.section
        if above is not None and not repeated:
            table.add_section()
        state = "[green]present[/]" if finding.present else "[yellow]absent[/]"
        table.add_row("" if repeated else finding.section, finding.name, state, escape(finding.detail))
    return table


def _json(findings: list[Finding]) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for finding in findings:
        entry = {"present": finding.present, "detail": finding.detail}
        sections.setdefault(finding.section, {})[finding.name] = entry
    return sections
