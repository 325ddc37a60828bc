"""Event files of the Heidelberg data sets, read and binned; a program too, since HDF5 crashes on some damaged files.

``python -m brf_training.tasks.event_file FILE CLASSES DIRECTORY PARENT`` writes what `read_events` gives, as
``bits.npy`` and ``labels.npy``; `heidelberg` runs it with `run_module`.
"""

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidFile
from brf_deploy.fresh_interpreter import serve
from brf_training.tasks.heidelberg import BITS, LABELS, UNITS

Array = npt.NDArray[Any]

STEPS, DT = 250, 4e-3  # steps of DT seconds
BLOCK = 256  # records held as events together


def read_events(path: Path, classes: int) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Binned spikes, packed (records, 250, 88), and labels.

    The file has the lists ``spikes/times`` (s), ``spikes/units`` and ``labels``, with an entry for each record. Raises
    `InvalidFile` naming the record: times that are negative or NaN, units outside 0..699, labels outside
    ``0 .. classes - 1``, times and units of different number; or saying what is not there.
    """
    try:
        with h5py.File(path, "r") as file:
            times, units, stored = (_list(file, name) for name in ("spikes/times", "spikes/units", "labels"))
            if not len(times) == len(units) == len(stored) > 0:
                raise InvalidFile(f"{len(times)} records of times, {len(units)} of units, {len(stored)} labels")
            if len(stored) > path.stat().st_size:
                raise InvalidFile(f"{len(stored)} records in {path.stat().st_size} bytes")
            labels = _checked_labels(stored[:], classes)
            blocks = [slice(start, start + BLOCK) for start in range(0, len(labels), BLOCK)]
            bits = [_packed(block.start, times[block], units[block]) for block in blocks]
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(f"not a whole HDF5 file of events ({error})") from error
    return np.concatenate(bits), labels


def bin_events(times: Array, units: Array) -> npt.NDArray[np.bool_]:
    """Spikes of one record as (250, 700): step i has those with ``(i - 1) DT < t <= i DT``, unit u at input 700 - u.

    As published: unit 0 and what comes after 0.996 s are left out, more than one spike of a unit in a step is one, and
    the bounds are rounded to the type of the times, float16 in the official files.
    """
    bounds = (np.arange(STEPS) * DT).astype(times.dtype)
    steps = np.searchsorted(bounds, times, side="left")
    kept = (steps < STEPS) & (units > 0)
    binned = np.zeros((STEPS, UNITS), np.bool_)
    binned[steps[kept], UNITS - units[kept].astype(np.int64)] = True
    return binned


def _list(file: h5py.File, name: str) -> Any:
    found = file.get(name)
    if not isinstance(found, h5py.Dataset) or found.ndim != 1:
        raise InvalidFile(f"no list '{name}' in it")
    return found


def _checked_labels(labels: Array, classes: int) -> Ints:
    if labels.dtype.kind not in "iu":
        raise InvalidFile(f"labels are {labels.dtype}, not integers")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise InvalidFile(f"record {wrong[0]} has label {labels[wrong[0]]}, outside 0..{classes - 1}")
    return labels.astype(np.int64)


def _packed(first: int, times: Array, units: Array) -> npt.NDArray[np.uint8]:
    """Steps of some records (records, 250, 88); `first` is the number of the first."""
    steps = []
    for record, (when, which) in enumerate(zip(times, units, strict=True), first):
        complaint = _complaint(when, which)
        if complaint is not None:
            raise InvalidFile(f"record {record} has {complaint}")
        steps.append(np.packbits(bin_events(when, which), axis=1))
    return np.stack(steps)


def _complaint(times: Any, units: Any) -> str | None:
    """What is wrong with a record, or None."""
    if not all(isinstance(values, np.ndarray) and values.ndim == 1 for values in (times, units)):
        return "times or units that are no list"
    if times.dtype.kind != "f" or units.dtype.kind not in "iu":
        return f"times that are {times.dtype} and units that are {units.dtype}, not real numbers and integers"
    if len(times) != len(units):
        return f"{len(times)} times and {len(units)} units"
    wrong = np.flatnonzero(~(np.isfinite(times) & (times >= 0)))
    if len(wrong):
        return f"the time {times[wrong[0]]} s at spike {wrong[0]}"
    wrong = np.flatnonzero((units < 0) | (units >= UNITS))
    if len(wrong):
        return f"unit {units[wrong[0]]} at spike {wrong[0]}, outside 0..{UNITS - 1}"
    return None


def _main(file: str, classes: str, directory: str, parent: str) -> int:
    def work() -> None:
        bits, labels = read_events(Path(file), int(classes))
        np.save(Path(directory) / BITS, bits)
        np.save(Path(directory) / LABELS, labels)

    return serve(work, Path(directory), int(parent))


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
