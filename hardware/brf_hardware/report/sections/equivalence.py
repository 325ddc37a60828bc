"""Is it the trained network, and do the backends agree?"""

from brf_hardware.equivalence import BackendResult, Gate, Verification
from brf_hardware.report.content import ReportContent
from brf_hardware.report.layout import Badge, Cell, Missing, Section, Table, Tone
from brf_hardware.report.numbers import count, percent, plural
from brf_hardware.report.sections.stability import NEEDS_MODEL


def equivalence(content: ReportContent) -> Section:
    """Accuracy and spikes of both networks, and the table of gates."""
    title, proof = "Equivalence to the trained network", content.verification
    if proof is None:
        command = f"brf-deploy report NET --task {content.task.name} --model MODEL --out report.html"
        text = "Not measured: the network is compared with the trained model it was quantised from."
        return Section("equivalence", title, (Missing(text, command),))
    lead = (
        f"Measured on {plural(proof.samples, 'sample')}. Free runs of two float networks that differ by a thousandth "
        "in their weights already disagree on half of all spike times, so the hard test is the shadow run: float "
        "neurons with the deployed parameters, driven by the integer spikes, must decide alike."
    )
    return Section("equivalence", title, (lead, _both(proof), _gates(proof)))


def _both(proof: Verification) -> Table:
    rows = [
        (name, percent(run.accuracy), count(run.total_spikes), count(run.total_spikes / run.samples))
        for name, run in (("trained, float", proof.before), ("deployed, integer", proof.after))
    ]
    head = ("network", "accuracy", "spikes", "spikes per sample")
    return Table("Each network on its own.", head, tuple(rows), numeric=frozenset({1, 2, 3}))


def _gates(proof: Verification) -> Table:
    return Table(
        "Gates are named after their definitions in docs/arithmetic.md. Hard ones decide, soft ones inform.",
        ("id", "statement", "found", "limit", "kind", "holds"),
        tuple(_gate(gate) for gate in proof.gates),
        numeric=frozenset({2, 3}),
    )


def _gate(gate: Gate) -> tuple[Cell, ...]:
    if gate.holds:
        verdict = Badge("yes", "good")
    else:
        verdict = Badge("no", "bad" if gate.kind == "hard" else "quiet")
    return gate.id, gate.statement, gate.found, gate.limit, gate.kind, verdict


def backends(content: ReportContent) -> Section:
    """Which backends gave the reference's bits."""
    proof = content.verification
    if proof is None:
        text = f"Not compared, every number here comes from the reference backend: {NEEDS_MODEL}"
        return Section("backends", "Backends", (text,))
    rows = tuple(_backend(name, result) for name, result in proof.backends.items())
    table = Table(
        "Equal means: every spike, state and readout at every step, bit for bit.",
        ("backend", "against the reference", "seconds", "detail"),
        rows,
        numeric=frozenset({2}),
    )
    return Section("backends", "Backends", (table,))


def _backend(name: str, result: BackendResult) -> tuple[Cell, ...]:
    tone: dict[str, Tone] = {"equal": "good", "unavailable": "quiet"}
    seconds = f"{result.seconds:.1f}" if result.seconds else "–"
    return name, Badge(result.status, tone.get(result.status, "bad")), seconds, result.detail
