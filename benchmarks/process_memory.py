"""The memory that a piece of work takes, as the system counts it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_of(work: Callable[[], Any]) -> float:
    """Resident memory of this process at its highest during `work`, less that before, bytes; NaN off Linux."""
    if not STATUS.exists():
        work()
        return float("nan")
    RESET.write_text("5")  # the highest so far is the present one
    before = _kilobytes("VmRSS")
    work()
    return 1024.0 * (_kilobytes("VmHWM") - before)


def _kilobytes(field: str) -> int:
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(field))
