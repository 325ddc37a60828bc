"""A task of one's own: arrays in an `.npz` file."""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidFile, MissingData
from brf_deploy.task import Decision, Samples, Split

Array = npt.NDArray[Any]

TEST_FRACTION, SPLIT_SEED = 0.2, 0
LARGEST = 2**16 - 1  # message that an encoding carries; a label beyond it is taken for a mistake
MOST_MESSAGES = 2**33  # that events stand for: 8 GiB
EVENT = ("sample", "step", "input")


@dataclass(frozen=True, eq=False)
class OwnTask:
    """What `read_own_task` found; `load` needs no data directory."""

    name: str
    description: str
    encoding: Encoding
    inputs: int
    classes: int
    decision: Decision
    splits: Mapping[Split, Samples]

    def load(self, split: Split, data: Path | None = None) -> Samples:
        """A split."""
        return self.splits[split]


def read_own_task(name: str) -> OwnTask:
    """The task in the `.npz` file at path `name`, as `numpy.savez` writes it.

    x: messages (time, samples, inputs), whole numbers 0..65535; or events (events, 3), a row ``sample, step, input``
    each, together with the numbers `steps` and `inputs`: a message is how often its row is there.
    y: labels from 0, (samples,) or, one for each step, (time, samples). x_test, y_test: the same for testing; without
    them a fifth is kept for it, with all labels in proportion. decision: ``mean``, which decides where it is not given,
    or ``last_step``; ``every_step`` for labels of steps. full_scale: the message that is 1.0 to the float network; the
    largest found where it is not given. Raises `MissingData` or `InvalidFile` naming array and record.
    """
    file = _File(Path(name), _read(Path(name)))
    train, test = _splits(file)
    encoding = _encoding(file, train, test)
    inputs, classes = train.stored.shape[2], int(train.labels.max()) + 1
    description = f"{train.steps} steps of {inputs} inputs 0..{encoding.maximum}, {classes} classes"
    splits: dict[Split, Samples] = {"train": train, "test": test}
    return OwnTask(name, description, encoding, inputs, classes, _decision(file, train), splits)


@dataclass(frozen=True, eq=False)
class _File:
    """The arrays of a file by name."""

    path: Path
    arrays: Mapping[str, Array]

    def fail(self, name: str, found: str, needed: str) -> NoReturn:
        raise InvalidFile(f"'{self.path}': {name} {found}; needed: {needed}")

    def array(self, name: str) -> Array:
        if name not in self.arrays:
            raise InvalidFile(f"'{self.path}': no array '{name}' in it, found {', '.join(self.arrays) or 'none'}")
        return self.arrays[name]

    def whole_numbers(self, name: str, axis: int, record: str = "record") -> Array:
        """An array of whole numbers 0..65535, as narrow as they allow; records are counted along `axis`."""
        array = self.array(name)
        if array.dtype.kind not in "biuf":
            self.fail(name, f"has dtype {array.dtype}", "whole numbers from 0 on")
        if array.dtype.kind != "b":
            wrong = np.argwhere(~((array >= 0) & (array <= LARGEST) & (array == np.floor(array))))  # so NaN is wrong
            if len(wrong):
                self.fail(
                    name, f"has {array[tuple(wrong[0])]} in {record} {wrong[0][axis]}",
                    f"whole numbers 0..{LARGEST}, such as spikes 0 and 1 or samples of 8 bits",
                )  # fmt: skip
        return array.astype(np.min_scalar_type(int(array.max(initial=0))))

    def number(self, name: str, largest: int) -> int:
        """A single whole number ``1 .. largest``."""
        array = self.array(name)
        if array.size != 1 or array.dtype.kind not in "iu" or not 1 <= int(array.item()) <= largest:
            self.fail(name, f"is {array}", f"a whole number 1..{largest}")
        return int(array.item())


def _read(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise MissingData(f"task '{path}': no such file; write one with numpy.savez('{path}', x=..., y=...)")
    try:
        with path.open("rb") as file, zipfile.ZipFile(file), np.load(file, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise InvalidFile(
            f"'{path}': not a whole .npz file of plain arrays ({error}); write it anew with numpy.savez"
        ) from error


def _splits(file: _File) -> tuple[Samples, Samples]:
    train = _samples(file, "x", "y")
    if int(train.labels.max()) == 0:
        file.fail("y", "has no label but 0", "at least two labels")
    if "x_test" not in file.arrays and "y_test" not in file.arrays:
        return _drawn(file, train)
    test = _samples(file, "x_test", "y_test")
    _check_alike(file, train, test)
    return train, test


def _samples(file: _File, x: str, y: str) -> Samples:
    labels = _labels(file, y)
    messages = _from_events(file, x, labels.shape[-1]) if file.array(x).ndim == 2 else file.whole_numbers(x, 1)
    if messages.ndim != 3 or messages.size == 0:
        file.fail(x, f"has shape {messages.shape}", "(time, samples, inputs), none of them 0, or events (events, 3)")
    if labels.shape not in (messages.shape[:2], messages.shape[1:2]):
        file.fail(y, f"has shape {labels.shape}", f"{messages.shape[1:2]} or {messages.shape[:2]} to go with {x}")
    return Samples(messages, labels)


def _labels(file: _File, name: str) -> Ints:
    labels = file.whole_numbers(name, file.array(name).ndim - 1)
    if labels.ndim not in (1, 2) or labels.size == 0:
        file.fail(name, f"has shape {labels.shape}", "(samples,) or (time, samples), none of them 0")
    return labels.astype(np.int64)


def _from_events(file: _File, name: str, samples: int) -> Array:
    events = file.whole_numbers(name, 0, "event").astype(np.int64)
    shape = (samples, file.number("steps", LARGEST), file.number("inputs", LARGEST))
    if events.shape[1] != len(EVENT):
        file.fail(name, f"has shape {events.shape}", f"(events, 3): {', '.join(EVENT)}")
    wrong = np.argwhere(events >= shape)
    if len(wrong):
        row, column = wrong[0]
        file.fail(name, f"has {EVENT[column]} {events[row, column]} in event {row}", f"0..{shape[column] - 1}")
    if prod(shape) > MOST_MESSAGES:
        file.fail(name, f"stands for {prod(shape):,} messages", f"at most {MOST_MESSAGES:,}")
    places, counts = np.unique(events, axis=0, return_counts=True)
    messages = np.zeros(shape, np.min_scalar_type(int(counts.max(initial=0))))
    messages[tuple(places.T)] = counts
    return messages.transpose(1, 0, 2)


def _drawn(file: _File, samples: Samples) -> tuple[Samples, Samples]:
    """A fixed split, stratified where a sample has one label."""
    from sklearn.model_selection import train_test_split

    labels = samples.labels if samples.labels.ndim == 1 else None
    try:
        train, test = train_test_split(
            np.arange(samples.count), test_size=TEST_FRACTION, random_state=SPLIT_SEED, stratify=labels
        )
    except ValueError as error:
        raise InvalidFile(
            f"'{file.path}': {samples.count} samples cannot be split into training and test samples ({error}); give "
            "test samples of your own as x_test and y_test"
        ) from error
    return samples.take(np.sort(train)), samples.take(np.sort(test))


def _check_alike(file: _File, train: Samples, test: Samples) -> None:
    steps, _, inputs = train.stored.shape
    if (test.steps, test.stored.shape[2]) != (steps, inputs):
        file.fail("x_test", f"has shape {test.stored.shape}", f"({steps}, samples, {inputs}) as x")
    if test.labels.ndim != train.labels.ndim:
        file.fail("y_test", f"has shape {test.labels.shape}", f"{train.labels.ndim} axes as y")
    largest = int(train.labels.max())
    unknown = np.argwhere(test.labels > largest)
    if len(unknown):
        label = test.labels[tuple(unknown[0])]
        file.fail("y_test", f"has label {label} in record {unknown[0][-1]}", f"labels 0..{largest} as in y")


def _encoding(file: _File, train: Samples, test: Samples) -> Encoding:
    largest = max(1, int(train.messages.max()), int(test.messages.max()))
    full_scale = file.number("full_scale", LARGEST + 1) if "full_scale" in file.arrays else largest
    return Encoding(max(largest, min(full_scale, LARGEST)), full_scale)


def _decision(file: _File, train: Samples) -> Decision:
    of_steps = train.labels.ndim == 2
    if "decision" not in file.arrays:
        return Decision.EVERY_STEP if of_steps else Decision.MEAN
    fitting = [decision.value for decision in Decision if (decision is Decision.EVERY_STEP) == of_steps]
    word = str(file.array("decision"))
    if word not in fitting:
        file.fail("decision", f"is '{word}'", f"{' or '.join(fitting)}, for y of shape {train.labels.shape}")
    return Decision(word)
