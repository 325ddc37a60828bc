"""Tasks: labelled data as integer messages, and how a readout becomes an answer."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.registry import load_entry, names

GROUP = "brf_deploy.tasks"
Split = Literal["train", "test"]


class Decision(Enum):
    """Which readout steps decide a sample's class."""

    EVERY_STEP = "every_step"
    LAST_STEP = "last_step"
    MEAN = "mean"


@dataclass(frozen=True, eq=False)
class Samples:
    """Messages (time, samples, inputs) and labels: (time, samples) when every step is labelled, else (samples,)."""

    messages: Ints
    labels: Ints

    def __post_init__(self) -> None:
        if self.messages.ndim != 3 or self.labels.shape not in (self.messages.shape[:2], self.messages.shape[1:2]):
            raise InvalidInput(
                f"samples: messages {self.messages.shape} and labels {self.labels.shape}; expected (time, samples, "
                "inputs) with (time, samples) or (samples,)"
            )

    @property
    def count(self) -> int:
        """Number of samples."""
        return int(self.messages.shape[1])

    def take(self, which: slice | Ints) -> "Samples":
        """Some of the samples, in the given order."""
        return Samples(self.messages[:, which], self.labels[..., which])


class Task(Protocol):
    """A data set with its encoding and the rule that turns a readout into a class."""

    name: str
    description: str
    encoding: Encoding
    inputs: int
    classes: int
    decision: Decision

    def load(self, split: Split, data: Path | None) -> Samples:
        """The whole split; `data` is the data directory. Raises `MissingData` or `InvalidFile`."""
        ...


def task_names() -> list[str]:
    """Every declared task."""
    return names(GROUP)


def load_task(name: str) -> Task:
    """The task of that name; raises `InvalidInput` for an unknown one."""
    task: Task = load_entry(GROUP, name, "task")
    return task


def check_steps(steps: int, skip_steps: int) -> None:
    """Refuse a run of which the network skips every step."""
    if steps <= skip_steps:
        raise InvalidInput(f"readout: {steps} steps, of which the network skips {skip_steps}; none is left")


def predict(readout: npt.NDArray[Any], decision: Decision, skip_steps: int = 0) -> Ints:
    """Classes from a readout (time, batch, outputs): (time - skip, batch) or (batch,); ties go to the lowest class."""
    check_steps(len(readout), skip_steps)
    kept = readout[skip_steps:]
    if decision is Decision.EVERY_STEP:
        return np.asarray(kept.argmax(axis=2))
    if decision is Decision.LAST_STEP:
        return np.asarray(kept[-1].argmax(axis=1))
    total = kept.sum(axis=0, dtype=np.int64 if kept.dtype.kind == "i" else np.float64)
    return np.asarray(total.argmax(axis=1))


def correct(readout: npt.NDArray[Any], labels: Ints, decision: Decision, skip_steps: int = 0) -> npt.NDArray[np.bool_]:
    """Which predictions from a readout equal the label: (time - skip, batch) or (batch,)."""
    return matches(predict(readout, decision, skip_steps), labels, decision, skip_steps)


def matches(predictions: Ints, labels: Ints, decision: Decision, skip_steps: int = 0) -> npt.NDArray[np.bool_]:
    """Which predictions, as `predict` gives them, equal the label."""
    wanted = labels[skip_steps:] if decision is Decision.EVERY_STEP else labels
    return np.asarray(predictions == wanted)
