"""External programs: whether they are here, and running one so that it can neither hang nor fail unheard."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brf_deploy.backend import Availability
from brf_deploy.errors import BackendFailure

TAIL = 4000  # characters of a failed program's output that are shown
# Of a `make` that this program runs under: its job server is not there for the tools.
FOREIGN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")


@dataclass(frozen=True)
class Tools:
    """Programs that are needed together, each with the Debian package that has it."""

    packages: Mapping[str, str]

    def availability(self) -> Availability:
        """Whether all are on the search path; else which are not, and how to get them."""
        absent = [program for program in self.packages if shutil.which(program) is None]
        if absent:
            wanted = " ".join(dict.fromkeys(self.packages[program] for program in absent))
            verb = "is" if len(absent) == 1 else "are"
            return Availability(False, f"{', '.join(absent)} {verb} not installed: apt install {wanted}")
        return Availability(True, ", ".join(str(shutil.which(program)) for program in self.packages))


def run_tool(command: Sequence[str], folder: Path, seconds: float, purpose: str) -> str:
    """What a program prints, run in `folder`; it and its children are killed after `seconds`.

    Raises `BackendFailure` with the end of its output where it fails, is killed or does not end.
    """
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise BackendFailure(f"{purpose}: {command[0]} cannot be started ({error.strerror})") from error
    try:
        output, _ = process.communicate(timeout=seconds)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise BackendFailure(
                f"{purpose}: {command[0]} did not end within {seconds:.0f} s and was killed; {_tail(output)}"
            ) from None
        raise
    if process.returncode != 0:
        raise BackendFailure(f"{purpose}: {command[0]} failed with status {process.returncode}; {_tail(output)}")
    return output


def _tail(output: str) -> str:
    text = output.strip()
    return f"the end of its output:\n{text[-TAIL:]}" if text else "it printed nothing"
