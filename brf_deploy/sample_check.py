"""A split that does not fit its task is refused before anything is computed from it."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidInput
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Decision, Samples, Split, Task


def check_samples(task: Task, split: Split, samples: Samples) -> Samples:
    """The samples, labels as int64; raises `InvalidInput` naming task, split and record where they do not fit the task.

    Messages may be a memory map: they are read, and nothing of their size is allocated.
    """
    where = f"task '{task.name}', {split} split"
    _check_shape(where, task, samples)
    if not isinstance(samples.stored, PackedBits):
        _check_messages(where, task.encoding.maximum, samples.stored)
    _check_labels(where, task, samples.labels)
    narrow = samples.labels.dtype != np.int64
    return replace(samples, labels=samples.labels.astype(np.int64)) if narrow else samples


def _check_shape(where: str, task: Task, samples: Samples) -> None:
    shape, order = samples.stored.shape, task.encoding.permutation
    steps, _, inputs = shape
    for size, name in zip(shape, ("steps", "samples", "inputs"), strict=True):
        if size == 0:
            raise InvalidInput(f"{where}: no {name} found, messages (time, samples, inputs) are {shape}; give some")
    if inputs != task.inputs:
        raise InvalidInput(
            f"{where}: messages of {inputs} inputs found, the task says {task.inputs}; messages are (time, samples, "
            "inputs), set `inputs` of the task to their last axis"
        )
    if order is not None and len(order) != steps:
        raise InvalidInput(
            f"{where}: samples of {steps} steps found, the permutation of the encoding has {len(order)}; make one of "
            f"0..{steps - 1}, or fill the samples up to its length"
        )


def _check_messages(where: str, maximum: int, messages: npt.NDArray[Any]) -> None:
    if messages.dtype.kind not in "iub":
        raise InvalidInput(
            f"{where}: messages of dtype {messages.dtype} found, integers 0..{maximum} needed; scale and round them "
            "when they are loaded, the encoding's full_scale says which message is 1.0"
        )
    if _within(messages, maximum):
        return
    step = next(step for step, row in enumerate(messages) if not _within(row, maximum))
    sample, channel = _first_outside(messages[step], maximum)
    raise InvalidInput(
        f"{where}: message {messages[step, sample, channel]} found in sample {sample}, step {step}, input {channel}, "
        f"0..{maximum} needed; raise the maximum of the encoding (at most 65535), or scale the messages"
    )


def _check_labels(where: str, task: Task, labels: npt.NDArray[Any]) -> None:
    of_steps = task.decision is Decision.EVERY_STEP
    if (labels.ndim == 2) != of_steps:
        needed = "(time, samples), a label for each step" if of_steps else "(samples,), one label each"
        advice = "last_step or mean" if of_steps else "every_step"
        raise InvalidInput(
            f"{where}: labels of shape {labels.shape} found, {needed}, needed where the decision is "
            f"'{task.decision.value}'; give such labels, or let the decision be {advice}"
        )
    if labels.dtype.kind not in "iu":
        raise InvalidInput(
            f"{where}: labels of dtype {labels.dtype} found, integers 0..{task.classes - 1} needed; "
            "labels.astype(np.int64) makes them of whole numbers, np.unique(labels, return_inverse=True)[1] of names"
        )
    if not _within(labels, task.classes - 1):
        place = _first_outside(labels, task.classes - 1)
        record = f"sample {place[-1]}" + (f", step {place[0]}" if of_steps else "")
        raise InvalidInput(
            f"{where}: label {labels[place]} found in {record}, 0..{task.classes - 1} needed for {task.classes} "
            "classes; number the labels from 0 on, or set `classes` of the task to one more than the largest"
        )


def _within(array: npt.NDArray[Any], largest: int) -> bool:
    """Whether all is ``0 .. largest``; does not look where the dtype holds nothing else."""
    low, high = (0, 1) if array.dtype.kind == "b" else (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max)
    return bool((low >= 0 or array.min() >= 0) and (high <= largest or array.max() <= largest))


def _first_outside(array: npt.NDArray[Any], largest: int) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere((array < 0) | (array > largest))[0])
