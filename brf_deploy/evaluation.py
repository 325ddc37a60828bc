"""Accuracy and spike counts of a float or an integer network on a task."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.backend import Backend
from brf_deploy.confusion import confusion_matrix
from brf_deploy.data_directory import data_root
from brf_deploy.errors import InvalidInput
from brf_deploy.float_backend import NUMPY, FloatBackend
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations, add_operations
from brf_deploy.sample_check import check_samples
from brf_deploy.summary import CountingBackend, summarize
from brf_deploy.task import Samples, Task, decided, load_task, predict
from brf_deploy.trace import Trace

# Words (one array element of every kind) that a chunk of samples may occupy; 16 M keep a run near 100 MB.
CHUNK_WORDS = 1 << 24
# Messages in a chunk where nothing else is kept: a second of work, so that the progress bar moves.
CHUNK_MESSAGES = 1 << 21


@dataclass(frozen=True, eq=False)
class Evaluation:
    """correct: right predictions, (time, samples) or (samples,). spikes: per layer, (samples, neurons).

    operations: of every layer of an integer network and, last, of its readout. confusion: how often each label (row)
    got each prediction (column), (classes, classes).
    """

    correct: Bools
    spikes: tuple[npt.NDArray[np.int64], ...]
    operations: tuple[Operations, ...] = ()
    confusion: Ints = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    @property
    def accuracy(self) -> float:
        """Share of predictions that are right, 0..1."""
        return float(self.correct.mean())

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.spikes[0])

    @property
    def total_spikes(self) -> int:
        """Hidden spikes of all samples."""
        return int(sum(layer.sum() for layer in self.spikes))


def chunks(samples: Samples, words_per_step: int, chunk_words: int = CHUNK_WORDS) -> Iterator[Samples]:
    """The samples in runs that fit into memory together; words_per_step: of a sample, besides its messages."""
    words = samples.stored.shape[2] + words_per_step
    size = max(1, chunk_words // (max(1, samples.steps) * max(1, words)))
    for start in range(0, samples.count, size):
        yield samples.take(slice(start, start + size))


def first_samples(samples: Samples, count: int | None) -> Samples:
    """The first `count` samples, or all; refuses more than there are."""
    if count is None:
        return samples
    if count > samples.count:
        raise InvalidInput(f"samples: {count} asked for, the split has {samples.count}")
    return samples.take(slice(count))


def load_test(
    network: FloatNetwork | IntegerNetwork, task: str | None, count: int | None, data: Path | None
) -> tuple[Task, Samples]:
    """A task that fits the network (its own by default) and the first `count` samples of its test split, or all.

    Raises what `load_task`, `check_task` and `check_samples` do.
    """
    found = load_task(task or network.task)
    check_task(network, found)
    return found, first_samples(check_samples(found, "test", found.load("test", data_root(data))), count)


def check_task(network: FloatNetwork | IntegerNetwork, task: Task) -> None:
    """Refuse a task whose messages or classes the network cannot take, or whose steps it sees in another order.

    Permutations may differ, since a network brings its own; none and some are two tasks.
    """
    offers = (task.inputs, task.classes, task.encoding.maximum, task.encoding.full_scale)
    takes = (network.inputs, network.outputs, network.encoding.maximum, network.encoding.full_scale)
    names = ("inputs", "classes", "largest message", "full scale")
    for name, offer, take in zip(names, offers, takes, strict=True):
        if offer != take:
            raise InvalidInput(
                f"task '{task.name}' has {offer} {name}, the network (made for '{network.task}') has {take}; "
                "use the task it was trained on"
            )
    orders = ["in natural order" if each.encoding.permutation is None else "permuted" for each in (task, network)]
    if orders[0] != orders[1]:
        raise InvalidInput(
            f"task '{task.name}' has its steps {orders[0]}, the network (made for '{network.task}') sees them "
            f"{orders[1]} whatever the task, so the result would not be the task's; use the task it was trained on"
        )


def score(network: FloatNetwork | IntegerNetwork, task: Task, runs: Iterable[tuple[Samples, Trace]]) -> Evaluation:
    """Accuracy and spike counts of runs over chunks of samples."""
    return join_evaluations(
        task,
        (
            _part(
                predict(trace.readout, task.decision, network.skip_steps),
                samples.labels,
                task,
                network.skip_steps,
                tuple(layer.spikes.sum(axis=0, dtype=np.int64) for layer in trace.layers),
            )
            for samples, trace in runs
        ),
    )


def join_evaluations(task: Task, parts: Iterable[Evaluation]) -> Evaluation:
    """One evaluation of all samples; refuses none."""
    found = list(parts)
    if not found:
        raise InvalidInput(f"task '{task.name}': no sample to evaluate")
    return Evaluation(
        np.concatenate([part.correct for part in found], axis=-1),
        tuple(np.concatenate(layer) for layer in zip(*(part.spikes for part in found), strict=True)),
        add_operations([part.operations for part in found]),
        np.sum([part.confusion for part in found], axis=0),
    )


def _part(
    predictions: Ints,
    labels: Ints,
    task: Task,
    skip_steps: int,
    spikes: tuple[npt.NDArray[np.int64], ...],
    operations: tuple[Operations, ...] = (),
) -> Evaluation:
    """The evaluation of some samples."""
    wanted = decided(labels, task.decision, skip_steps)
    return Evaluation(
        np.asarray(predictions == wanted), spikes, operations, confusion_matrix(predictions, wanted, task.classes)
    )


def evaluate_integer(
    network: IntegerNetwork,
    task: Task,
    samples: Samples,
    backend: Backend,
    done: Callable[[int], None] = lambda _: None,
) -> Evaluation:
    """Run the integer network on a backend; `done` hears how many samples each chunk finished."""
    check_task(network, task)
    counts = isinstance(backend, CountingBackend)
    words, limit = (0, CHUNK_MESSAGES) if counts else (hidden_neurons(network), CHUNK_WORDS)

    def parts() -> Iterator[Evaluation]:
        for part in chunks(samples, words, limit):
            found = summarize(backend, network, part.messages, task.decision)
            yield _part(found.predictions, part.labels, task, network.skip_steps, found.spikes, found.operations)
            done(part.count)

    return join_evaluations(task, parts())


def evaluate_float(
    network: FloatNetwork,
    task: Task,
    samples: Samples,
    backend: FloatBackend = NUMPY,
    done: Callable[[int], None] = lambda _: None,
    dtype: type[np.floating] = np.float32,
) -> Evaluation:
    """Run the float network on a float backend, as `evaluate_integer`; in float32 even if it was saved in float64."""
    check_task(network, task)

    def parts() -> Iterator[Evaluation]:
        for part in chunks(samples, backend.kept_words(network)):
            found = backend.summarize(network, part, dtype)
            predictions = predict(found.readout, task.decision, network.skip_steps)
            yield _part(predictions, part.labels, task, network.skip_steps, found.spikes)
            done(part.count)

    return join_evaluations(task, parts())


def hidden_neurons(network: FloatNetwork | IntegerNetwork) -> int:
    """Number of spiking neurons."""
    if isinstance(network, FloatNetwork):
        return sum(layer.neurons.count for layer in network.layers)
    return sum(layer.count for layer in network.layers)
