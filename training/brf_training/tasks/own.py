"""A task of one's own: arrays in an `.npz` file."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidFile
from brf_deploy.task import Decision, Samples, Split
from brf_training.tasks.own_file import LARGEST, Array, ArrayFile

TEST_FRACTION, SPLIT_SEED = 0.2, 0
MOST_MESSAGES = 2**33  # that events stand for: 8 GiB
EVENT = ("sample", "step", "input")
NAMES = ("x", "y", "x_test", "y_test", "classes", "decision", "full_scale", "steps", "inputs")
# Of x: axis of the samples, its name, what x then is, and what puts time first and samples second.
OTHER_ORDERS = (
    (0, "first", "(samples, time, inputs)", (1, 0, 2)),
    (2, "last", "(time, inputs, samples)", (0, 2, 1)),
)
FEW = 4  # missing labels that a message names
NUMBERED = "np.unique(y, return_inverse=True)[1]"
OBJECTS = {  # what to store instead of an array of Python objects
    "x": "samples of different lengths filled up with zeros to one length",
    "y": f"labels 0, 1, 2 and so on, such as {NUMBERED}",
}


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
    """The task in the `.npz` file at path `name`, as `numpy.savez` writes it; its name is the whole path.

    x: messages (time, samples, inputs), whole numbers 0..65535; or events (events, 3), a row ``sample, step, input``
    each, together with the numbers `steps` and `inputs`: a message is how often its row is there.
    y: labels from 0 without gaps, (samples,) or, one for each step, (time, samples). x_test, y_test: the same for
    testing; without them a fifth is kept for it, with all labels in proportion. classes: their number, where y does not
    have every label; one more than the largest where it is not given. decision: ``mean``, which decides where it is not
    given, or ``last_step``; ``every_step`` for labels of steps. full_scale: the message that is 1.0 to the float
    network; the largest found where it is not given. An array of another name is refused. Raises `MissingData` or
    `InvalidFile` naming array and record.
    """
    file = ArrayFile.read(Path(name), NAMES, OBJECTS)
    whole = _samples(file, "x", "y")
    classes = _classes(file, whole.labels)
    train, test = _splits(file, whole, classes)
    encoding = _encoding(file, train, test)
    inputs = whole.stored.shape[2]
    description = f"{train.steps} steps of {inputs} inputs 0..{encoding.maximum}, {classes} classes"
    splits: dict[Split, Samples] = {"train": train, "test": test}
    path = str(Path(name).resolve())
    return OwnTask(path, description, encoding, inputs, classes, _decision(file, whole), splits)


def _samples(file: ArrayFile, x: str, y: str) -> Samples:
    """Messages and labels that go together."""
    labels = _labels(file, y)
    messages = _from_events(file, x, y, labels) if file.array(x).ndim == 2 else _messages(file, x)
    if labels.shape not in (messages.shape[:2], messages.shape[1:2]):
        _fail_shape(file, x, y, labels, messages.shape)
    return Samples(messages, labels)


def _labels(file: ArrayFile, name: str) -> Ints:
    advice = OBJECTS["y"]
    if name != "y":
        advice = f"the numbers that its labels have in y, such as np.searchsorted(np.unique(y), {name})"
    labels = file.whole_numbers(name, file.array(name).ndim - 1, advice)
    if labels.ndim not in (1, 2) or labels.size == 0:
        hint = f"; where each label is a row of 0 and one 1, {name}.argmax(axis=2)" if labels.ndim == 3 else ""
        file.fail(name, f"has shape {labels.shape}", f"(samples,) or (time, samples), none of them 0{hint}")
    return labels.astype(np.int64)


def _messages(file: ArrayFile, name: str) -> Array:
    messages = file.whole_numbers(name, 1, _scaling(file, name))
    if messages.ndim != 3 or messages.size == 0:
        hint = f"; further axes are inputs too: {name}.reshape(*{name}.shape[:2], -1)" if messages.ndim > 3 else ""
        file.fail(
            name, f"has shape {messages.shape}", f"(time, samples, inputs), none of them 0, or events (events, 3){hint}"
        )
    for number, found in (("steps", messages.shape[0]), ("inputs", messages.shape[2])):
        if number in file.arrays and file.number(number, 1, LARGEST) != found:
            file.fail(number, f"is {file.array(number)}", f"{found} as {name} has, or no such number: it is for events")
    return messages


def _scaling(file: ArrayFile, name: str) -> str:
    """What makes whole numbers of messages that are not."""
    if name != "x":
        return "scaled as x is"
    x = file.array(name)
    if x.dtype.kind not in "iuf" or x.size == 0:
        return "such as spikes 0 and 1 or samples of 8 bits"
    low, high = x.min(), x.max()
    if not np.isfinite(low) or not np.isfinite(high):
        return "with a number in place of each that is missing or infinite"
    if low >= 0 and high <= 1:
        return "such as np.rint(255 * x).astype(np.uint8) together with full_scale=255"
    return "such as np.rint(255 * (x - x.min()) / (x.max() - x.min())).astype(np.uint8)"


def _fail_shape(file: ArrayFile, x: str, y: str, labels: Ints, shape: tuple[int, ...]) -> None:
    """Refuse labels and messages (time, samples, inputs) that do not go together, and say how they come to."""
    for size, place, order, transpose in OTHER_ORDERS:
        if labels.shape == shape[size : size + 1]:
            file.fail(
                x, f"has shape {shape} and {y} {len(labels)} labels, so that {x} has samples {place}",
                f"(time, samples, inputs), {x}.transpose{transpose} where {x} is {order}",
            )  # fmt: skip
    steps, samples, _ = shape
    hint = _form(y, labels)
    if labels.shape == (samples, steps):
        hint = f": {y}.T, or {x}.transpose(1, 0, 2) where it is {x} that has samples first"
    file.fail(y, f"has shape {labels.shape}", f"({samples},) or ({steps}, {samples}) to go with {x}{hint}")


def _form(y: str, labels: Ints) -> str:
    """What makes labels of samples of a column, or of rows with one 1 each."""
    if labels.ndim == 2 and 1 in labels.shape:
        return f": {y}.ravel()"
    if labels.ndim == 2 and labels.max() == 1 and (labels.sum(axis=1) == 1).all():
        return f": {y}.argmax(axis=1), as each row of {y} has one 1"
    return ""


def _from_events(file: ArrayFile, x: str, y: str, labels: Ints) -> Array:
    """Messages (time, samples, inputs) from rows of events."""
    _check_events(file, x, labels)
    events = file.whole_numbers(x, 0, f"each row an event: {', '.join(EVENT)}", "event").astype(np.int64)
    steps, inputs = (file.number(name, 1, LARGEST) for name in ("steps", "inputs"))
    if labels.ndim == 2 and len(labels) != steps:
        file.fail(y, f"has shape {labels.shape}", f"(samples,) or ({steps}, samples) to go with {x}{_form(y, labels)}")
    shape = (labels.shape[-1], steps, inputs)
    wrong = np.argwhere(events >= shape)
    if len(wrong):
        row, column = wrong[0]
        file.fail(x, f"has {EVENT[column]} {events[row, column]} in event {row}", f"0..{shape[column] - 1}")
    if prod(shape) > MOST_MESSAGES:
        file.fail(x, f"stands for {prod(shape):,} messages", f"at most {MOST_MESSAGES:,}; make steps of more time each")
    places, counts = np.unique(np.ravel_multi_index(tuple(events.T), shape), return_counts=True)
    messages = np.zeros(prod(shape), np.min_scalar_type(int(counts.max(initial=0))))
    messages[places] = counts
    return messages.reshape(shape).transpose(1, 0, 2)


def _check_events(file: ArrayFile, x: str, labels: Ints) -> None:
    """Refuse two axes that are not those of events, or lack what events need."""
    shape, absent = file.array(x).shape, [name for name in ("steps", "inputs") if name not in file.arrays]
    view = f"{x}.T[:, :, None]" if shape[0] == labels.shape[-1] != shape[1] else f"{x}[:, :, None]"
    if absent and shape[1] != len(EVENT):
        file.fail(x, f"has shape {shape}", f"(time, samples, inputs): for one input a step {view}")
    if absent:
        file.fail(
            x, f"has shape {shape} and is taken for events, but there is no array '{absent[0]}'",
            f"the numbers steps and inputs beside them, or {view} for messages of one input a step",
        )  # fmt: skip
    if shape[1] != len(EVENT):
        file.fail(x, f"has shape {shape}", f"(events, 3): {', '.join(EVENT)}")


def _classes(file: ArrayFile, labels: Ints) -> int:
    """How many classes there are; without the array `classes`, each of them has a label in y."""
    found = np.unique(labels)
    largest = int(found[-1])
    if len(found) < 2:
        file.fail("y", f"has no label but {largest}", "at least two labels")
    if "classes" in file.arrays:
        return file.number("classes", largest + 1, LARGEST + 1, f", as y has label {largest}")
    missing = np.setdiff1d(np.arange(largest), found)
    if len(missing):
        few = ", ".join(map(str, missing[:FEW])) + (f" and {len(missing) - FEW} more" if len(missing) > FEW else "")
        file.fail(
            "y", f"has label {largest} but no label {few}",
            f"labels from 0 on without gaps, {NUMBERED}, or the number of classes, classes={largest + 1}",
        )  # fmt: skip
    return largest + 1


def _splits(file: ArrayFile, whole: Samples, classes: int) -> tuple[Samples, Samples]:
    if "x_test" not in file.arrays and "y_test" not in file.arrays:
        return _drawn(file, whole)
    test = _samples(file, "x_test", "y_test")
    _check_alike(file, whole, test, classes)
    return whole, test


def _drawn(file: ArrayFile, samples: Samples) -> tuple[Samples, Samples]:
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


def _check_alike(file: ArrayFile, train: Samples, test: Samples, classes: int) -> None:
    steps, _, inputs = train.stored.shape
    if (test.steps, test.stored.shape[2]) != (steps, inputs):
        file.fail("x_test", f"has shape {test.stored.shape}", f"({steps}, samples, {inputs}) as x")
    if test.labels.ndim != train.labels.ndim:
        file.fail("y_test", f"has shape {test.labels.shape}", f"{train.labels.ndim} axes as y")
    unknown = np.argwhere(test.labels >= classes)
    if len(unknown):
        label, source = test.labels[tuple(unknown[0])], "classes says" if "classes" in file.arrays else "in y"
        file.fail("y_test", f"has label {label} in record {unknown[0][-1]}", f"labels 0..{classes - 1} as {source}")


def _encoding(file: ArrayFile, train: Samples, test: Samples) -> Encoding:
    largest = max(1, int(train.messages.max()), int(test.messages.max()))
    full_scale = file.number("full_scale", 1, LARGEST + 1) if "full_scale" in file.arrays else largest
    return Encoding(max(largest, min(full_scale, LARGEST)), full_scale)


def _decision(file: ArrayFile, samples: Samples) -> Decision:
    of_steps = samples.labels.ndim == 2
    if "decision" not in file.arrays:
        return Decision.EVERY_STEP if of_steps else Decision.MEAN
    fitting = [decision.value for decision in Decision if (decision is Decision.EVERY_STEP) == of_steps]
    word = str(file.array("decision"))
    if word not in fitting:
        file.fail("decision", f"is '{word}'", f"{' or '.join(fitting)}, for y of shape {samples.labels.shape}")
    return Decision(word)
