"""Tasks: labelled data as integer messages, and how a readout becomes an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.packed_bits import PackedBits
from brf_deploy.registry import load_entry, names

GROUP = "brf_deploy.tasks"
FILES = "brf_deploy.task_files"
Split = Literal["train", "test"]


class Decision(Enum):
    """Which readout steps decide a sample's class."""

    EVERY_STEP = "every_step"
    LAST_STEP = "last_step"
    MEAN = "mean"


@dataclass(frozen=True, eq=False)
class Samples:
    """Messages and labels: (time, samples) when every step is labelled, else (samples,).

    stored: messages (time, samples, inputs) as integers of any width, or packed. They stay as narrow as they are, and
    may be a memory map; `Encoding.present` makes int64 of the few that a network is to see together.
    validation: which samples (bool) whoever made the data set wants to be validated on, or None.
    """

    stored: npt.NDArray[Any] | PackedBits
    labels: Ints
    validation: Bools | None = None

    def __post_init__(self) -> None:
        shape = self.stored.shape
        if len(shape) != 3 or self.labels.shape not in (shape[:2], shape[1:2]):
            raise InvalidInput(
                f"samples: messages {shape} and labels {self.labels.shape}; expected (time, samples, "
                "inputs) with (time, samples) or (samples,)"
            )
        if self.validation is not None and self.validation.shape != shape[1:2]:
            raise InvalidInput(f"samples: validation {self.validation.shape} for {shape[1]} samples")

    @property
    def messages(self) -> npt.NDArray[Any]:
        """All messages (time, samples, inputs), unpacked; `take` a few first where there are many."""
        return self.stored.unpack() if isinstance(self.stored, PackedBits) else self.stored

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What they are stored as: messages, labels, and validation where there is one."""
        messages = self.stored.bits if isinstance(self.stored, PackedBits) else self.stored
        return (messages, self.labels) if self.validation is None else (messages, self.labels, self.validation)

    @property
    def steps(self) -> int:
        """Length of a sample."""
        return int(self.stored.shape[0])

    @property
    def count(self) -> int:
        """Number of samples."""
        return int(self.stored.shape[1])

    def take(self, which: slice | Ints) -> "Samples":
        """Some of the samples, in the given order."""
        messages = self.stored.take(which) if isinstance(self.stored, PackedBits) else self.stored[:, which]
        validation = None if self.validation is None else self.validation[which]
        return Samples(messages, self.labels[..., which], validation)


class Task(Protocol):
    """A data set with its encoding and the rule that turns a readout into a class.

    Anything with these attributes is one: `train_network`, `evaluate_integer` and `verify` take it as it is. Commands
    find one by name where it is declared as an entry point of the group `brf_deploy.tasks`. With no code at all, a
    file of arrays is a task (``brf_deploy.task_files``; `.npz` in `brf_training.tasks.own`).

    name: what networks remember it by. encoding: what messages are. inputs, classes: widths of messages and readout.
    decision: which steps of the readout decide; ``EVERY_STEP`` goes with labels of steps, the others with labels of
    samples. Splits that do not fit these are refused by `check_samples` (`brf_deploy.sample_check`).
    """

    name: str
    description: str
    encoding: Encoding
    inputs: int
    classes: int
    decision: Decision

    def load(self, split: Split, data: Path | None) -> Samples:
        """The whole split, at least a sample; `data` is the data directory. Raises `MissingData` or `InvalidFile`."""
        ...


def task_names() -> list[str]:
    """Every declared task; a file is one more."""
    return names(GROUP)


def load_task(name: str) -> Task:
    """The task of that name, or that a file holds.

    Raises `InvalidInput` for an unknown name, `MissingData` or `InvalidFile` for a file that is absent or ill.
    """
    suffix = Path(name).suffix.removeprefix(".")
    if suffix:
        read: Callable[[str], Task] = load_entry(FILES, suffix, "task file of suffix")
        return read(name)
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
    return np.asarray(predict(readout, decision, skip_steps) == decided(labels, decision, skip_steps))


def decided(labels: Ints, decision: Decision, skip_steps: int = 0) -> Ints:
    """The labels that predictions stand beside: of the steps that are not skipped, or of the samples."""
    return labels[skip_steps:] if decision is Decision.EVERY_STEP else labels
