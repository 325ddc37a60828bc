"""Compiled simulations, one for each network and simulator, in a private folder that goes when the program ends."""

import atexit
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

from brf_hardware.verilog.simulators import Simulator

KEPT = 16  # builds; the one that was not used for the longest time goes first


@dataclass(frozen=True)
class Build:
    """A folder with the files of an export, and the command that runs the test bench in it."""

    folder: Path
    command: tuple[str, ...]


class Builds:
    """Makes and keeps builds; equal files are built once."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self._builds: OrderedDict[str, Build] = OrderedDict()
        self._lock = Lock()

    def get(self, simulator: Simulator, files: Mapping[str, bytes], name: str) -> Build:
        """The build of an export's files under a name; raises `BackendFailure` where the simulator refuses them."""
        key = _digest(simulator.name, name, files)
        with self._lock:
            if key not in self._builds:
                self._builds[key] = _build(simulator, files, name)
            self._builds.move_to_end(key)
            while len(self._builds) > self.kept:
                _, oldest = self._builds.popitem(last=False)
                shutil.rmtree(oldest.folder, ignore_errors=True)
            return self._builds[key]


@cache
def private_folder() -> Path:
    """A folder of this program alone, removed at its end."""
    folder = Path(tempfile.mkdtemp(prefix="brf-deploy-verilog-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _build(simulator: Simulator, files: Mapping[str, bytes], name: str) -> Build:
    folder = Path(tempfile.mkdtemp(prefix=f"{simulator.name}-", dir=private_folder()))
    try:
        for file, data in files.items():
            (folder / file).write_bytes(data)
        return Build(folder, tuple(simulator.build(folder, name)))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _digest(simulator: str, name: str, files: Mapping[str, bytes]) -> str:
    content = sha256(f"{simulator} {name}".encode())
    for file in sorted(files):
        content.update(sha256(file.encode()).digest() + sha256(files[file]).digest())
    return content.hexdigest()
