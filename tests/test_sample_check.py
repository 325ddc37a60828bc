"""A split that does not fit its task is refused before anything runs, and the message names the record."""

import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest
from networks import random_network

import brf_deploy.evaluation
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import load_test
from brf_deploy.packed_bits import PackedBits
from brf_deploy.sample_check import check_samples
from brf_deploy.task import Decision, Samples

STEPS, COUNT, INPUTS, CLASSES = 6, 5, 3, 4


@dataclass(frozen=True, eq=False)
class Made:
    """A task; what `check_samples` asks of one."""

    name: str = "made"
    description: str = "made up"
    encoding: Encoding = field(default_factory=lambda: Encoding(7, 7))
    inputs: int = INPUTS
    classes: int = CLASSES
    decision: Decision = Decision.MEAN
    samples: Samples | None = None

    def load(self, split, data=None):
        return self.samples


OF_STEPS = Made(decision=Decision.EVERY_STEP)
LABELS, STEP_LABELS = np.arange(COUNT) % CLASSES, np.arange(STEPS * COUNT).reshape(STEPS, COUNT) % CLASSES


def messages(dtype=np.uint8, shape=(STEPS, COUNT, INPUTS), **changes):
    """Messages 0..7, some of them changed: ``at=(step, sample, input), to=value``."""
    made = np.random.default_rng(0).integers(0, 8, shape).astype(dtype)
    if changes:
        made[changes["at"]] = changes["to"]
    return made


def labels(made, at, to):
    made = made.copy()
    made[at] = to
    return made


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64, np.uint64])
def test_what_fits_is_given_back(dtype):
    samples = Samples(messages(dtype), LABELS)
    assert check_samples(Made(), "train", samples) is samples
    samples = Samples(messages(dtype), STEP_LABELS)
    assert check_samples(OF_STEPS, "test", samples) is samples
    task = Made(encoding=Encoding(7, 7, np.arange(STEPS)[::-1]))
    assert check_samples(task, "test", Samples(messages(dtype), LABELS)).count == COUNT


def test_bits_fit_every_encoding():
    bits = messages() > 3
    for stored in (bits, PackedBits.of(bits)):
        samples = Samples(stored, LABELS)
        assert check_samples(Made(encoding=Encoding()), "train", samples) is samples


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint64])
def test_labels_become_int64(dtype):
    found = check_samples(Made(), "train", Samples(messages(), LABELS.astype(dtype), np.arange(COUNT) < 2)).labels
    assert found.dtype == np.int64
    assert np.array_equal(found, LABELS)


SEVEN = r", 0\.\.7 needed; raise the maximum of the encoding"
REFUSED = [
    (Made(), messages(shape=(STEPS, 0, INPUTS)), LABELS[:0], r"no samples found, messages .* are \(6, 0, 3\)"),
    (Made(), messages(shape=(0, COUNT, INPUTS)), LABELS, "no steps found"),
    (Made(), messages(shape=(STEPS, COUNT, 0)), LABELS, "no inputs found"),
    (Made(inputs=4), messages(), LABELS, "messages of 3 inputs found, the task says 4"),
    (Made(inputs=4), PackedBits.of(messages()), LABELS, "messages of 3 inputs found, the task says 4"),
    (Made(encoding=Encoding(7, 7, np.arange(9))), messages(), LABELS, "samples of 6 steps .* encoding has 9"),
    (Made(), messages(float), LABELS, r"messages of dtype float64 found, integers 0\.\.7 needed; scale and round"),
    (Made(), messages(at=(4, 2, 1), to=8), LABELS, f"message 8 found in sample 2, step 4, input 1{SEVEN}"),
    (Made(), messages(np.int16, at=(4, 2, 1), to=-1), LABELS, f"message -1 found in sample 2, step 4, input 1{SEVEN}"),
    (Made(), messages(np.uint64, at=(5, 4, 2), to=2**64 - 1), LABELS, "message 18446744073709551615 found in sample 4"),
    (Made(), messages(), LABELS.astype(float), r"labels of dtype float64 found, integers 0\.\.3 needed"),
    (Made(), messages(), LABELS > 1, "labels of dtype bool found"),
    (Made(), messages(), LABELS.astype(str), "labels of dtype <U21 found"),
    (Made(), messages(), labels(LABELS, 3, 4), r"label 4 found in sample 3, 0\.\.3 needed for 4 classes; number the"),
    (Made(), messages(), labels(LABELS, 3, -1), "label -1 found in sample 3"),
    (OF_STEPS, messages(), labels(STEP_LABELS, (2, 3), 4), r"label 4 found in sample 3, step 2, 0\.\.3 needed"),
    (Made(), messages(), STEP_LABELS, r"labels of shape \(6, 5\) found, \(samples,\).* is 'mean'; .* every_step"),
    (OF_STEPS, messages(), LABELS, r"labels of shape \(5,\) found, \(time, samples\).* 'every_step'; .* or mean"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "stored", "given", "message"), REFUSED)
def test_what_does_not_fit_is_named(task, stored, given, message):
    with pytest.raises(InvalidInput, match=f"^task 'made', train split: {message}"):
        check_samples(task, "train", Samples(stored, given))


def test_memory_maps_are_read_where_they_are(tmp_path):
    whole = np.zeros((2000, 1000), np.uint8)
    whole[1999, 7] = 8
    np.save(tmp_path / "messages.npy", whole)
    stored = np.load(tmp_path / "messages.npy", mmap_mode="r").T[:, :, None]
    samples, task = Samples(stored, np.zeros(2000, np.int64)), Made(inputs=1, encoding=Encoding(8, 8))
    tracemalloc.start()
    try:
        assert check_samples(task, "test", samples) is samples
        with pytest.raises(InvalidInput, match="test split: message 8 found in sample 1999, step 7, input 0"):
            check_samples(Made(inputs=1), "test", samples)
        assert tracemalloc.get_traced_memory()[1] < whole.nbytes / 4
    finally:
        tracemalloc.stop()


def test_evaluation_refuses_a_split_before_it_takes_samples(monkeypatch):
    network = random_network(seed=3)
    shape = (STEPS, COUNT, network.inputs)
    ill = messages(np.int64, shape, at=(0, 4, 0), to=network.encoding.maximum + 1).clip(0, network.encoding.maximum + 1)
    task = Made("own", "", network.encoding, network.inputs, network.outputs, samples=Samples(ill, LABELS * 0))
    monkeypatch.setattr(brf_deploy.evaluation, "load_task", lambda name: task)
    with pytest.raises(InvalidInput, match=r"task 'own', test split: message \d+ found in sample"):
        load_test(network, "own", 2, None)
