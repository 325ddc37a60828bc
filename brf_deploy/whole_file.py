"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from brf_deploy.errors import InvalidInput


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write `data` beside `path`, then rename; folders are made. Raises `InvalidInput` where that is impossible.

    A device or a pipe is written to as it is, and behind a link the file that it names is replaced.
    """
    place = path.resolve()
    part = _part(place)
    try:
        if place.exists() and not place.is_file():
            place.write_bytes(data)
            return
        place.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(place)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InvalidInput(
            f"file '{path}': cannot be written ({error.strerror}); name a file in a folder that you may write to"
        ) from error


def write_whole_folder(path: Path, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write files, by path relative to it, into a new folder beside `path`, then rename it.

    replace: put it in the place of a folder that is there. Raises `InvalidInput` where something is there otherwise,
    an empty folder apart, or where writing is impossible.
    """
    if path.exists() and (not path.is_dir() or (any(path.iterdir()) and not replace)):
        raise InvalidInput(f"folder '{path}': something is there already; name another, or replace it with --force")
    part = _part(path)
    try:
        for name, data in files.items():
            file = part / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        if path.exists():
            old = part.with_suffix(".old")
            path.replace(old)
            part.replace(path)
            shutil.rmtree(old)
        else:
            part.replace(path)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise InvalidInput(
            f"folder '{path}': cannot be written ({error.strerror}); name one in a folder that you may write to"
        ) from error


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.{os.getpid()}.part")
