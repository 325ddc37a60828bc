"""Exact operation counts."""

from brf_deploy.operations import Operations
from brf_hardware.report.content import ReportContent
from brf_hardware.report.layout import Section, Table
from brf_hardware.report.numbers import count, plural


def operations(content: ReportContent) -> Section:
    """Counts per sample and in all, with what they are not."""
    samples = content.evaluation.samples
    return Section(
        "operations",
        "Operations",
        (
            _fan_out(content),
            _table("Mean per sample.", content, samples),
            _table(f"All {plural(samples, 'sample')}.", content, 1),
        ),
    )


def _fan_out(content: ReportContent) -> str:
    spikes, hidden = (
        content.evaluation.total_spikes,
        content.synaptic_operations - content.operations[0].input_operations,
    )
    fan_out = f"; here a hidden spike causes {count(hidden / spikes)} of them on average" if spikes else ""
    return (
        "A synaptic operation is one event or spike meeting one non-zero weight, so it counts with fan-out"
        f"{fan_out}. What the BRF literature (Higuchi et al. 2024) calls SOP is a spike count, the "
        "column “spikes” here. Neuron and readout updates happen at every step, whether or not anything fires."
    )


def _table(caption: str, content: ReportContent, divisor: int) -> Table:
    names = [*(layer.name for layer in content.network.layers), "readout"]
    parts = [*zip(names, content.operations, strict=True), ("total", sum(content.operations, Operations()))]
    return Table(
        caption,
        ("layer", "events in", "input operations", "recurrent operations", "synaptic operations", "updates", "spikes"),
        tuple(_row(name, part, divisor) for name, part in parts),
        numeric=frozenset(range(1, 7)),
        total=True,
    )


def _row(name: str, part: Operations, divisor: int) -> tuple[str, ...]:
    synapses = (part.input_operations, part.recurrent_operations, part.synaptic_operations)
    numbers = (part.events, *synapses, part.updates, part.spikes)
    return (name, *(count(number if divisor == 1 else number / divisor) for number in numbers))
