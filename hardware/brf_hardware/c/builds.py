"""Compiled programs, one for each network, target and program of the harness, in a private folder.

The folder goes when this program ends.
"""

import atexit
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

from brf_hardware.c.targets import Program, Target, harness_files

KEPT = 16  # builds; the one that was not used for the longest time goes first


class Builds:
    """Makes and keeps builds; equal files are built once for a target."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self._builds: OrderedDict[str, tuple[Path, list[str]]] = OrderedDict()
        self._lock = Lock()

    def command(self, target: Target, files: Mapping[str, bytes], name: str, program: Program) -> list[str]:
        """What runs a program of the harness with an export under `name`, in a folder with messages.bin.

        files: those of the export, and ``trace.c`` and ``speed.c`` for it. Raises `BackendFailure` where the compiler
        refuses them.
        """
        key = _digest(repr(target), program, files)
        with self._lock:
            if key not in self._builds:
                self._builds[key] = _build(target, files, name, program)
            self._builds.move_to_end(key)
            while len(self._builds) > self.kept:
                _, (oldest, _) = self._builds.popitem(last=False)
                shutil.rmtree(oldest, ignore_errors=True)
            return self._builds[key][1]


@cache
def private_folder() -> Path:
    """A folder of this program alone, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="brf-deploy-c-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _build(target: Target, files: Mapping[str, bytes], name: str, program: Program) -> tuple[Path, list[str]]:
    folder = Path(tempfile.mkdtemp(prefix=f"{target.name}-", dir=private_folder()))
    try:
        for file, data in {**files, **harness_files()}.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder, target.build(folder, name, program)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _digest(target: str, program: str, files: Mapping[str, bytes]) -> str:
    content = sha256(f"{target} {program}".encode())
    for file in sorted(files):
        content.update(sha256(file.encode()).digest() + sha256(files[file]).digest())
    return content.hexdigest()
