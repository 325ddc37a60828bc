"""QT Database electrocardiograms, level-crossing encoded, a label at every step (Yin et al. 2021)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.data_directory import require_file
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidFile
from brf_deploy.task import Decision, Samples, Split
from brf_training.tasks.matlab import read_matlab

Array = npt.NDArray[Any]


ADVICE = "fetch it again with: brf-deploy data fetch ecg"


@dataclass(frozen=True, eq=False)
class ECGTask:
    """618 training and 141 test records of 1,300 steps, 4 binary inputs, 6 wave segments P, PQ, QR, RS, ST, TP.

    Files ``ecg/QTDB_train.mat`` and ``ecg/QTDB_test.mat``: x (records, steps, 4) and one-hot y (records, steps, 6).
    The last step is padding and is dropped. A step without a label (10 % of them) counts as class 0, as published.
    """

    name: str = "ecg"
    description: str = "QT Database ECG, 1,300 steps of 4 level-crossing events, wave segment at every step"
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = 4
    classes: int = 6
    decision: Decision = Decision.EVERY_STEP

    def load(self, split: Split, data: Path | None) -> Samples:
        """All records of a split. Raises `MissingData`, or `InvalidFile` naming file and record."""
        path = require_file(data, f"ecg/QTDB_{split}.mat", self.name)
        events, labels = _read(path)
        self._check_shape(path, "x", events, (*labels.shape[:2], self.inputs))
        self._check_shape(path, "y", labels, (*events.shape[:2], self.classes))
        events, labels = events[:, :-1], labels[:, :-1]
        _check_records(path, "x", ~np.isin(events, (0, 1)), "a value that is neither 0 nor 1")
        _check_records(path, "y", ~np.isin(labels, (0, 1)), "a value that is neither 0 nor 1")
        _check_records(path, "y", labels.sum(axis=2) > 1, "more than one label")
        return Samples(
            np.ascontiguousarray(events.transpose(1, 0, 2)).astype(np.uint8),
            np.ascontiguousarray(labels.argmax(axis=2).T).astype(np.int64),
        )

    def _check_shape(self, path: Path, name: str, found: Array, expected: tuple[int, ...]) -> None:
        if found.shape != expected or found.size == 0:
            raise InvalidFile(f"'{path}': {name} has shape {found.shape}, expected {expected}; {ADVICE}")


def _read(path: Path) -> tuple[Array, Array]:
    content = read_matlab(path)
    for name in ("x", "y"):
        if name not in content:
            raise InvalidFile(f"'{path}': no variable '{name}', found {', '.join(content) or 'none'}; {ADVICE}")
        if content[name].ndim != 3:
            axes = content[name].ndim
            raise InvalidFile(f"'{path}': {name} has {axes} axes, expected (records, steps, width); {ADVICE}")
    return content["x"], content["y"]


def _check_records(path: Path, name: str, bad: Array, complaint: str) -> None:
    """Refuse where `bad` (records, steps, ...) is true anywhere."""
    found = np.argwhere(bad)
    if len(found):
        record, step = found[0][:2]
        raise InvalidFile(f"'{path}': {name} of record {record} has {complaint} at step {step}; {ADVICE}")


ECG = ECGTask()
