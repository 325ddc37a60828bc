"""The top of the page: verdict and key numbers."""

from dataclasses import dataclass

from brf_hardware.equivalence import Verification
from brf_hardware.footprint import Footprint, footprint
from brf_hardware.report.content import ReportContent
from brf_hardware.report.layout import Badge, Table, Tile
from brf_hardware.report.numbers import count, percent, plural, radius, size


@dataclass(frozen=True)
class Summary:
    """Title, one line of what the network is, the verdict with its reason, the key numbers, and what it is and costs on
    the targets, where some were asked for."""

    title: str
    lead: str
    verdict: Badge
    reason: str
    tiles: tuple[Tile, ...]
    decision: Table | None = None


def summarise(content: ReportContent) -> Summary:
    """What a reader who stops here should know."""
    a = content.network.arithmetic
    verdict, reason = _verdict(content)
    return Summary(
        title=f"{content.task.name}: {content.shape} BRF network",
        lead=(
            f"{plural(content.neurons, 'balanced resonate-and-fire neuron')} in "
            f"{plural(len(content.network.layers), 'layer')}, {a.weight_bits}-bit weights, "
            f"{a.coefficient_bits}-bit coefficients, {a.state_bits}-bit states; "
            f"measured on {plural(content.evaluation.samples, 'sample')}."
        ),
        verdict=verdict,
        reason=reason,
        tiles=_tiles(content),
        decision=_decision(content),
    )


def _decision(content: ReportContent) -> Table | None:
    if not content.targets:
        return None
    from brf_hardware.report.decision import decision  # needs packages that a report without chips does not

    return decision(content)


def _verdict(content: ReportContent) -> tuple[Badge, str]:
    if content.violations:
        outside = plural(content.violations, "neuron")
        return Badge(
            "unstable", "bad"
        ), f"{outside} on or outside the divergence boundary: such a one can fire for ever."
    proof = content.verification
    if proof is None:
        return Badge("stable", "good"), "Every neuron is certified. Equivalence to a trained model was not measured."
    hard = [gate for gate in proof.gates if gate.kind == "hard"]
    failed = [gate.id for gate in hard if not gate.holds]
    if failed:
        return Badge("not equivalent", "bad"), f"{len(failed)} of {len(hard)} hard gates fail: {', '.join(failed)}."
    return Badge("equivalent", "good"), _held(len(hard), proof)


def _held(hard: int, proof: Verification) -> str:
    equal = sum(result.status == "equal" for result in proof.backends.values())
    absent = [name for name, result in proof.backends.items() if result.status == "unavailable"]
    soft = [gate for gate in proof.gates if gate.kind == "soft"]
    held = sum(gate.holds for gate in soft)
    return (
        f"All {hard} hard gates hold, {held} of {len(soft)} soft ones; {plural(equal, 'backend')} agreed with the "
        "reference on every bit" + (f", not run: {', '.join(absent)}." if absent else ".")
    )


def _tiles(content: ReportContent) -> tuple[Tile, ...]:
    weights, _, states = sum(footprint(content.network), Footprint(0, 0, 0)).bytes
    return (
        Tile("accuracy", percent(content.evaluation.accuracy), _accuracy_note(content)),
        Tile("spikes per sample", count(content.spikes_per_sample), _trained_spikes(content)),
        Tile(
            "synaptic operations",
            count(content.synaptic_operations / content.evaluation.samples),
            "per sample, those of graded inputs included" if content.network.encoding.maximum > 1 else "per sample",
        ),
        Tile(
            "worst pole radius",
            radius(content.worst_radius),
            f"{content.violations} of {content.neurons:,} neurons outside",
        ),
        Tile("weights", size(weights), "with row exponents"),
        Tile("states", size(states), "u, v, q and readout"),
    )


def _accuracy_note(content: ReportContent) -> str:
    proof = content.verification
    if proof is None:
        return f"of {plural(content.evaluation.correct.size, 'step' if content.every_step else 'sample')}"
    return f"trained {percent(proof.before.accuracy)}"


def _trained_spikes(content: ReportContent) -> str:
    proof = content.verification
    if proof is None:
        return ""
    return f"trained {count(proof.before.total_spikes / proof.before.samples)}"
