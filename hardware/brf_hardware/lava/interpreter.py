"""Run one Lava job in a fresh interpreter.

Importing Lava sets the start method of `multiprocessing` for the whole program, and its processes are forks of it;
neither is wanted in a program that has torch, threads or a GPU.
"""

import tempfile
from pathlib import Path

import numpy as np

from brf_deploy.fresh_interpreter import run_module
from brf_deploy.trace import Trace
from brf_hardware.lava.limits import TOTAL_VARIABLE
from brf_hardware.lava.request import Request
from brf_hardware.lava.worker import REQUEST, TRACE


def run_job(job: str, request: Request, seconds: float) -> Trace:
    """The trace of ``MODULE:FUNCTION`` for a request.

    Raises what the job raises where that is one of this project's errors, else `BackendFailure` with the cause.
    """
    with tempfile.TemporaryDirectory(prefix="brf-lava-") as name:
        directory = Path(name)
        request.save(directory / REQUEST)
        more_time = f"allow more with {TOTAL_VARIABLE}=SECONDS"
        run_module("brf_hardware.lava.worker", [job], directory, seconds, more_time)
        with np.load(directory / TRACE, allow_pickle=False) as file:
            return Trace.from_fields({field: file[field] for field in file.files})
