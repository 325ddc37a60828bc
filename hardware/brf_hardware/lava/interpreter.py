"""Run one Lava job in a fresh interpreter that leaves nothing behind, however it ends.

Importing Lava sets the start method of `multiprocessing` for the whole program, and its processes are forks of it;
neither is wanted in a program that has torch, threads or a GPU. So Lava gets an interpreter, a session and a directory
for temporary files of its own; all three are gone when the job has ended, failed, run out of time or been interrupted.
"""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from brf_deploy import errors
from brf_deploy.errors import BackendFailure, BrfError
from brf_deploy.trace import Trace
from brf_hardware.lava.limits import TOTAL_VARIABLE
from brf_hardware.lava.request import Request
from brf_hardware.lava.worker import FAILURE, REQUEST, TRACE

OUTPUT = "output.txt"
TAIL = 4000  # characters of a worker's output that an error message shows


def run_job(job: str, request: Request, seconds: float) -> Trace:
    """The trace of ``MODULE:FUNCTION`` for a request.

    Raises what the job raises where that is one of this project's errors, else `BackendFailure` with the cause.
    """
    with tempfile.TemporaryDirectory(prefix="brf-lava-") as name:
        directory = Path(name)
        request.save(directory / REQUEST)
        with (directory / OUTPUT).open("wb") as output:
            worker = subprocess.Popen(
                [sys.executable, "-P", "-m", "brf_hardware.lava.worker", job, name, str(os.getpid())],
                cwd=name,
                env=_environment(directory),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            status = _wait(worker, seconds)
        if status != 0:
            raise _error(directory, status, seconds)
        with np.load(directory / TRACE, allow_pickle=False) as file:
            return Trace.from_fields({field: file[field] for field in file.files})


def _environment(directory: Path) -> dict[str, str]:
    """The same import path as here; one thread for each process, of which there are more than cores anyway."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return {**os.environ, **threads, "PYTHONPATH": path, "TMPDIR": str(directory)}


def _wait(worker: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """The worker's exit status, None if time ran out; nothing of its session is left afterwards."""
    try:
        return worker.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):  # where nothing of it is left
            os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def _error(directory: Path, status: int | None, seconds: float) -> BrfError:
    tail = _tail(directory)
    if status is None:
        return BackendFailure(f"no result after {seconds:g} s; allow more with {TOTAL_VARIABLE}=SECONDS{tail}")
    if (directory / FAILURE).exists():
        name, message = (directory / FAILURE).read_text().split("\n", 1)
        kind: type[BrfError] = getattr(errors, name, BackendFailure)
        return kind(message)
    if status < 0:
        name = signal.Signals(-status).name
        return BackendFailure(f"the interpreter was killed by {name}; if memory ran out, run fewer samples{tail}")
    return BackendFailure(f"the interpreter ended with exit status {status}{tail}")


def _tail(directory: Path) -> str:
    text = (directory / OUTPUT).read_text(errors="replace").strip()
    return f"; the end of its output:\n{text[-TAIL:]}" if text else ""
