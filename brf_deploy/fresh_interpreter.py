"""Run a program of this project in a fresh interpreter that leaves nothing behind, however it ends.

For libraries that change the program they are imported into, fork it, or hang. The interpreter has a session and a
directory for temporary files of its own; both are gone when the program has ended, failed, run out of time or been
interrupted.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from brf_deploy import errors
from brf_deploy.errors import BackendFailure, BrfError

OUTPUT, FAILURE = "output.txt", "failure.txt"
TAIL = 4000  # characters of a program's output that an error message shows
PARENT_CHECK_SECONDS = 1.0


def run_module(module: str, arguments: Sequence[str], directory: Path, seconds: float, more_time: str) -> None:
    """Run ``python -m module *arguments directory parent`` in `directory`, which the caller made and will remove.

    The program ends itself with `serve`. more_time: what to do to allow more `seconds`. Raises what the program raised
    where that is one of this project's errors, else `BackendFailure` with the cause.
    """
    with (directory / OUTPUT).open("wb") as output:
        program = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments, str(directory), str(os.getpid())],
            cwd=directory,
            env=_environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        status = _wait(program, seconds)
    if status is None:
        raise BackendFailure(f"no result after {seconds:g} s; {more_time}{_tail(directory)}")
    if status != 0:
        raise _error(directory, status)


def serve(work: Callable[[], None], directory: Path, parent: int) -> int:
    """Inside the fresh interpreter: do the work; returns the exit status.

    One of this project's errors goes to the caller of `run_module`; any other failure is a traceback on stderr.
    """
    with _ended_with(parent, directory):
        try:
            work()
        except BrfError as error:
            (directory / FAILURE).write_text(f"{type(error).__name__}\n{error}")
            return 1
    return 0


def _environment(directory: Path) -> dict[str, str]:
    """The same import path as here; one thread for each process, of which there are more than cores anyway."""
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    return {**os.environ, **threads, "PYTHONPATH": path, "TMPDIR": str(directory)}


def _wait(program: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """The program's exit status, None if time ran out; nothing of its session is left afterwards."""
    try:
        return program.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError):  # where nothing of it is left
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _error(directory: Path, status: int) -> BrfError:
    tail = _tail(directory)
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
