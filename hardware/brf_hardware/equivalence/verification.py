"""Everything `brf-deploy verify` establishes, gathered chunk by chunk over the samples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brf_deploy.backend import Backend
from brf_deploy.certificate import certificate
from brf_deploy.evaluation import Evaluation, check_task, evaluate_float, load_test
from brf_deploy.float_file import load_float_network
from brf_deploy.network_file import load_network
from brf_deploy.operations import Operations, add_operations
from brf_deploy.quantization import quantization_loss, readout_sqnr
from brf_deploy.silence import SILENT_STEPS, Decay, decay_test, silence_test
from brf_deploy.task import Samples
from brf_hardware.equivalence.comparison import BackendResult, Comparison, FirstCase, Subject
from brf_hardware.equivalence.free_run import CountDeviation, NoiseFloor, count_deviation, noise_floor
from brf_hardware.equivalence.gates import Gate, free_run_gates, parameter_gate, shadow_gates, stability_gates
from brf_hardware.equivalence.shadow import ShadowCount


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


def load_subject(
    model: Path, net: Path, task: str | None, samples: int | None, data: Path | None
) -> tuple[Subject, Samples]:
    """Read both networks and the test samples; the task defaults to the one the network was made for."""
    network = load_network(net)
    which, test = load_test(network, task, samples, data)
    return Subject(load_float_network(model), network, which), test


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
    losses = quantization_loss(model, network)
    noise = [value for loss in losses for value in (loss.input_sqnr, loss.recurrent_sqnr) if value is not None]
    sqnr = min(*noise, readout_sqnr(model, network))
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
        parameter_gate(sqnr),
        *equality_gates(results),
        *stability_gates(violations, decays, firing, SILENT_STEPS),
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
            f"{name}: every spike and state",
            "hard",
            result.status,
            "equal",
            result.status == "equal",
        )
        for name, result in results.items()
        if result.status != "unavailable"
    ]
