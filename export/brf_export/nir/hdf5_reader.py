"""Reads the contents of a `.nir` file behind a wall: `hdf5_program` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from brf_deploy.errors import InvalidFile
from brf_export.nir.contents import Contents
from brf_export.nir.hdf5_program import REFUSED

PROGRAM = Path(__file__).with_name("hdf5_program.py")
PROCESSOR_SECONDS = 10  # an honest gigabyte takes two
WALL_SECONDS = 120  # ends a reader that waits, as for a dead network disk
# "::" turns the loading of filter plug-ins off (HDF5 reference manual, H5PLset_loading_state).
ENVIRONMENT = {"HDF5_PLUGIN_PRELOAD": "::", "OPENBLAS_NUM_THREADS": "1"}
ADVICE = "the file is damaged or was not written as NIR: export the network again"


def read_contents(path: Path) -> Contents:
    """What a `.nir` file says; raises `InvalidFile` where it is not HDF5 with one NIR graph, or not safe to read."""
    with np.load(BytesIO(_run(path)), allow_pickle=False) as file:
        stored = {name: file[name] for name in file.files}
    described = json.loads(stored.pop("text").tobytes())
    nodes: dict[str, dict[str, Any]] = described["nodes"]
    for place, value in stored.items():
        name, field = place.split("/")
        nodes[name][field] = value
    return Contents(nodes, frozenset((source, target) for source, target in described["edges"]))


def _run(path: Path) -> bytes:
    # -P: no module of the current folder is imported in place of h5py or numpy.
    command = [sys.executable, "-P", str(PROGRAM), str(path.absolute()), str(PROCESSOR_SECONDS)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=WALL_SECONDS,
            env={**os.environ, **ENVIRONMENT},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InvalidFile(f"reading took longer than {WALL_SECONDS} s; copy the file to a local disk") from None
    if done.returncode != 0:
        raise InvalidFile(f"{_reason(done)}; {ADVICE}")
    return done.stdout


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    if sys.platform != "win32" and -done.returncode in (signal.SIGXCPU, signal.SIGKILL):
        return f"the HDF5 library found no end in {PROCESSOR_SECONDS} s"
    said = done.stderr.decode(errors="replace").strip().split("\n")[-1]
    if done.returncode < 0 or not said:
        return f"the HDF5 library crashed on it (status {done.returncode})"
    return said if done.returncode == REFUSED else f"HDF5 cannot read it ({said})"
