"""The fresh interpreter's program: ``python -m brf_hardware.lava.worker MODULE:FUNCTION DIRECTORY PARENT``.

Reads DIRECTORY/request.npz, gives it to FUNCTION and writes the trace to DIRECTORY/trace.npz. One of this project's
errors goes to DIRECTORY/failure.txt, class name first; any other failure is a traceback on stderr.
"""

import importlib
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from brf_deploy.errors import BrfError
from brf_hardware.lava.request import Request

REQUEST, TRACE, FAILURE = "request.npz", "trace.npz", "failure.txt"
PARENT_CHECK_SECONDS = 1.0


def main(job: str, directory: Path, parent: int) -> int:
    """Do one job; returns the exit status."""
    module, function = job.split(":")
    with _ended_with(parent, directory):
        try:
            trace = getattr(importlib.import_module(module), function)(Request.load(directory / REQUEST))
        except BrfError as error:
            (directory / FAILURE).write_text(f"{type(error).__name__}\n{error}")
            return 1
        np.savez(directory / TRACE, **trace.fields())
    return 0


@contextmanager
def _ended_with(parent: int, directory: Path) -> Iterator[None]:
    """Leave, and leave nothing, once the process that wants the result is gone, even when it was killed."""

    def check(signal_number: int, frame: Any) -> None:
        if os.getppid() != parent:
            shutil.rmtree(directory, ignore_errors=True)
            raise SystemExit(1)

    signal.signal(signal.SIGALRM, check)
    signal.setitimer(signal.ITIMER_REAL, PARENT_CHECK_SECONDS, PARENT_CHECK_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
