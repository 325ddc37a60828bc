"""The fresh interpreter's program: ``python -m brf_hardware.lava.worker MODULE:FUNCTION DIRECTORY PARENT``.

Reads DIRECTORY/request.npz, gives it to FUNCTION and writes the trace to DIRECTORY/trace.npz.
"""

import importlib
import sys
from pathlib import Path

import numpy as np

from brf_deploy.fresh_interpreter import serve
from brf_hardware.lava.request import Request

REQUEST, TRACE = "request.npz", "trace.npz"


def main(job: str, directory: Path, parent: int) -> int:
    """Do one job; returns the exit status."""
    module, function = job.split(":")

    def work() -> None:
        trace = getattr(importlib.import_module(module), function)(Request.load(directory / REQUEST))
        np.savez(directory / TRACE, **trace.fields())

    return serve(work, directory, parent)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
