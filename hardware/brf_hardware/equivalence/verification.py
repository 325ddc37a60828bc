"""Everything `brf-deploy verify` establishes, gathered chunk by chunk over the samples."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from brf_deploy.backend import Backend
from brf_deploy.certificate import certificate
from brf_deploy.errors import BackendFailure
from brf_deploy.evaluation import Evaluation, check_task, chunks, evaluate_float, hidden_neurons, score
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations, add_operations, count_operations
from brf_deploy.reference import REFERENCE
from brf_deploy.silence import SILENT_STEPS, Decay, decay_test, silence_test
from brf_deploy.task import Samples, Task
from brf_deploy.trace import Record, Trace
from brf_hardware.equivalence.difference import Difference, first_difference
from brf_hardware.equivalence.free_run import CountDeviation, NoiseFloor, count_deviation, noise_floor
from brf_hardware.equivalence.gates import Gate, free_run_gates, shadow_gates, stability_gates
from brf_hardware.equivalence.shadow import ShadowCount, dequantized, original, shadow_run

Status = Literal["equal", "different", "unavailable", "failed"]


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
    messages: Any
    expected: Trace
    found: Trace
    difference: Difference


@dataclass(frozen=True, eq=False)
class Verification:
    """The outcome of all gates, with the numbers behind them."""

    task: str
    samples: int
    before: Evaluation
    after: Evaluation
    radius: float
    violations: int
    firing: int
    decays: tuple[Decay, ...]
    shadow: ShadowCount
    shadow_original: ShadowCount
    deviation: CountDeviation
    floor: NoiseFloor | None
    operations: tuple[Operations, ...]
    backends: Mapping[str, BackendResult]
    gates: tuple[Gate, ...]
    cases: tuple[FirstCase, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every hard gate holds."""
        return all(gate.holds for gate in self.gates if gate.kind == "hard")

    def as_dict(self) -> dict[str, Any]:
        """Machine form; `passed` and the dotted keys of the manual are stable."""
        return {
            "task": self.task,
            "samples": self.samples,
            "accuracy": {"float": self.before.accuracy, "integer": self.after.accuracy},
            "spikes": {"float": self.before.total_spikes, "integer": self.after.total_spikes},
            "certificate": {"violations": self.violations, "radius": self.radius},
            "silence": {"firing": self.firing, "steps": SILENT_STEPS},
            "decay": [{"steps": d.steps, "bound": d.bound, "growing_steps": d.growing_steps} for d in self.decays],
            "shadow": _shadow_dict(self.shadow) | {"original": _shadow_dict(self.shadow_original)},
            "free_run": vars(self.deviation) | {"floor": None if self.floor is None else vars(self.floor)},
            "backends": {
                name: {
                    "status": result.status,
                    "detail": result.detail,
                    "seconds": round(result.seconds, 3),
                    "first_difference": None if result.difference is None else vars(result.difference),
                }
                for name, result in self.backends.items()
            },
            "gates": [vars(gate) for gate in self.gates],
            "passed": self.passed,
        }


def _shadow_dict(count: ShadowCount) -> dict[str, Any]:
    return {"fraction": count.fraction, "max_margin": count.margin, "disagreements": count.disagreements}


@dataclass(frozen=True, eq=False)
class Subject:
    """What is verified: the trained network, the deployed one, and the task both are for."""

    model: FloatNetwork
    network: IntegerNetwork
    task: Task


def verify(
    subject: Subject,
    samples: Samples,
    backends: Mapping[str, Backend],
    absent: Mapping[str, str],
    jitter_runs: int = 5,
    tell: Callable[[str], None] = lambda _: None,
) -> Verification:
    """Run every gate; `absent` names backends that cannot run here and why, `tell` hears what is being done."""
    model, network, task = subject.model, subject.network, subject.task
    for each in (model, network):
        check_task(each, task)
    tell("stability: certificate, decay and silence")
    certificates = [certificate(layer, network.arithmetic) for layer in network.layers]
    decays = [decay_test(layer, network.arithmetic) for layer in network.layers]
    firing = sum(silence_test(layer, network.arithmetic).count for layer in network.layers)
    violations = sum(int(result.violations.sum()) for result in certificates)
    radius = max(float(result.radius.max(initial=0.0)) for result in certificates)
    tell("float network")
    before = evaluate_float(model, task, samples)
    comparison = Comparison(subject, backends, tell)
    after = comparison.run(samples)
    deviation = count_deviation(before, after)
    tell(f"noise floor: {jitter_runs} jittered float runs")
    floor = noise_floor(model, before, task, samples, jitter_runs) if jitter_runs else None
    results = comparison.results | {name: BackendResult("unavailable", why) for name, why in absent.items()}
    gates = [
        *equality_gates(results),
        *stability_gates(violations, radius, decays, firing, SILENT_STEPS),
        *shadow_gates(comparison.shadow, comparison.shadow_original),
        *free_run_gates(before, after, deviation, floor),
    ]
    return Verification(
        task=task.name,
        samples=samples.count,
        before=before,
        after=after,
        radius=radius,
        violations=violations,
        firing=firing,
        decays=tuple(decays),
        shadow=comparison.shadow,
        shadow_original=comparison.shadow_original,
        deviation=deviation,
        floor=floor,
        operations=add_operations(comparison.operations),
        backends=results,
        gates=tuple(gates),
        cases=tuple(comparison.cases),
    )


def equality_gates(results: Mapping[str, BackendResult]) -> list[Gate]:
    """E1: one row a backend; an absent one is told, not judged."""
    return [
        Gate(
            "E1",
            f"{name} equals the reference on every spike and state",
            "hard",
            result.status,
            "equal",
            result.status == "equal",
        )
        for name, result in results.items()
        if result.status != "unavailable"
    ]


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
