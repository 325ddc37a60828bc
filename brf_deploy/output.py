"""What a command leaves: tables for people, JSON for machines."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich.console import Console

from brf_deploy.whole_file import write_whole

STANDARD_OUTPUT = Path("-")


def console(json_file: Path | None = None) -> Console:
    """Where tables go: standard output, or standard error when JSON takes standard output."""
    return Console(stderr=json_file == STANDARD_OUTPUT, highlight=False)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON; the file appears whole or not at all, and ``-`` is standard output."""
    text = json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
    if path == STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    write_whole(path, text.encode())


def plain(value: Any) -> Any:
    """`value` in JSON's own types: numpy scalars and arrays unpacked, NaN and infinity as null, the rest as text."""
    match value:
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case np.ndarray() | np.generic():
            return plain(value.tolist())
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
    return str(value)
