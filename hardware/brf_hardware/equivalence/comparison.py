"""Runs the reference, the shadows and every backend over the samples, chunk by chunk."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from brf_deploy.arrays import Ints
from brf_deploy.backend import Backend
from brf_deploy.errors import BackendFailure
from brf_deploy.evaluation import Evaluation, chunks, hidden_neurons, score
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations, count_operations
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Samples, Task
from brf_deploy.trace import Record, Trace
from brf_hardware.equivalence.difference import Difference, first_difference
from brf_hardware.equivalence.shadow import ShadowCount, dequantized, original, shadow_run

Status = Literal["equal", "different", "unavailable", "failed"]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is verified: the trained network, the deployed one, and the task both are for."""

    model: FloatNetwork
    network: IntegerNetwork
    task: Task


@dataclass(frozen=True)
class BackendResult:
    """How one backend compared with the reference on every spike, state and readout."""

    status: Status
    detail: str = ""
    seconds: float = 0.0
    difference: Difference | None = None


@dataclass(frozen=True, eq=False)
class FirstCase:
    """The first chunk on which a backend differed: enough to run it again."""

    backend: str
    messages: Ints
    expected: Trace
    found: Trace
    difference: Difference


class Comparison:
    """Runs reference, shadows and backends chunk by chunk; keeps counts, never all traces."""

    def __init__(self, subject: Subject, backends: Mapping[str, Backend], tell: Callable[[str], None]) -> None:
        self.subject, self.backends, self.tell = subject, backends, tell
        self.results = {name: BackendResult("equal") for name in backends}
        self.operations: list[tuple[Operations, ...]] = []
        self.cases: list[FirstCase] = []
        self._shadows: list[tuple[ShadowCount, ShadowCount]] = []

    @property
    def shadow(self) -> ShadowCount:
        """Against M1, over all chunks."""
        return _total([pair[0] for pair in self._shadows])

    @property
    def shadow_original(self) -> ShadowCount:
        """Against M0, over all chunks."""
        return _total([pair[1] for pair in self._shadows])

    def run(self, samples: Samples) -> Evaluation:
        """The reference's evaluation over all samples; the rest is kept in the attributes."""
        return score(self.subject.network, self.subject.task, self._runs(samples))

    def _runs(self, samples: Samples) -> Iterator[tuple[Samples, Trace]]:
        network, first = self.subject.network, 0
        for part in chunks(samples, hidden_neurons(network)):
            which = f"integer network, samples {first} to {first + part.count - 1}"
            self.tell(f"{which}: reference and shadow")
            trace = REFERENCE.run(network, part.messages)
            self._count(part, trace)
            for name in self.backends:
                if self.results[name].status == "equal":
                    self.tell(f"{which}: {name}")
                    self._compare(name, part, trace, first)
            yield part, trace
            first += part.count

    def _count(self, part: Samples, trace: Trace) -> None:
        network = self.subject.network
        presented = network.encoding.present(part.messages)
        against = (dequantized(network), original(self.subject.model))
        m1, m0 = (shadow_run(layers, presented, trace) for layers in against)
        self._shadows.append((m1, m0))
        self.operations.append(count_operations(network, presented, trace))

    def _compare(self, name: str, part: Samples, expected: Trace, first: int) -> None:
        started = time.monotonic()
        try:
            found = self.backends[name].run(self.subject.network, part.messages, Record.STATES)
            difference = first_difference(expected, found)
        except BackendFailure as error:
            self.results[name] = BackendResult("failed", str(error), time.monotonic() - started)
            return
        seconds = self.results[name].seconds + time.monotonic() - started
        if difference is None:
            self.results[name] = BackendResult("equal", seconds=seconds)
            return
        self.cases.append(FirstCase(name, part.messages, expected, found, difference))
        located = difference.of_sample(first)
        self.results[name] = BackendResult("different", str(located), seconds, located)


def _total(counts: list[ShadowCount]) -> ShadowCount:
    total = counts[0]
    for count in counts[1:]:
        total = total + count
    return total
