"""What the network does on its samples: spikes, one sample in full, state ranges."""

import numpy as np

from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.sample import sample_run
from brf_hardware.report.figures.spikes import spike_counts
from brf_hardware.report.figures.states import state_magnitudes
from brf_hardware.report.layout import Badge, Picture, Section, Table
from brf_hardware.report.numbers import count, listed, percent, plural, real
from brf_hardware.report.state_range import StateRange

BUSIEST = 3


def spikes(content: ReportContent) -> Section:
    """Bars by neuron, histogram over samples, and a table that names the silent and the busiest neurons."""
    label = f"Mean spikes per sample of each of {plural(content.neurons, 'neuron')}, and a histogram over samples."
    caption = (
        f"Left: mean over {plural(content.evaluation.samples, 'sample')} of each neuron; a ring marks a neuron that "
        "never fired. Right: how many samples make the layer fire how often."
    )
    return Section("spikes", "Spikes", (Picture(spike_counts(content), label, caption), _spike_table(content)))


def _spike_table(content: ReportContent) -> Table:
    rows = []
    for index, layer in enumerate(content.network.layers):
        per_neuron, per_sample = content.spikes_of(index), content.evaluation.spikes[index].sum(axis=1)
        busiest = np.argsort(-per_neuron, kind="stable")[:BUSIEST]
        named = ", ".join(f"{n} ({count(per_neuron[n] / len(per_sample))})" for n in busiest if per_neuron[n])
        rows.append(
            (
                layer.name,
                count(per_sample.mean()),
                f"{per_sample.min():,} to {per_sample.max():,}",
                percent(per_neuron.sum() / (len(per_sample) * content.steps * layer.count)),
                named or "none",
                listed(np.flatnonzero(per_neuron == 0).tolist()),
            )
        )
    return Table(
        "Firing is the share of neurons and steps with a spike; the rest is activation sparsity. The busiest neurons "
        "stand with their spikes per sample.",
        ("layer", "spikes per sample", "range over samples", "firing", "busiest neurons", "silent neurons"),
        tuple(rows),
        numeric=frozenset({1, 2, 3}),
    )


def sample(content: ReportContent) -> Section:
    """Input, rasters and readout of one sample."""
    run = content.sample
    label = (
        f"Input events, spikes of every layer and readout of sample {run.index} over {plural(content.steps, 'step')}."
    )
    lead = f"Sample {run.index}: {_answer(content)}, {plural(int(sum(s.sum() for s in run.spikes)), 'spike')}."
    caption = "One upright mark is one spike. The number at the end of a readout line is its class."
    return Section("sample", "One sample", (lead, Picture(sample_run(content), label, caption)))


def _answer(content: ReportContent) -> str:
    run = content.sample
    if content.every_step:
        return f"{run.right:,} of {plural(len(run.labels), 'step')} answered right"
    verdict = "right" if run.right else "wrong"
    return f"label {run.labels[0]}, answer {run.answers[0]}, {verdict}"


def states(content: ReportContent) -> Section:
    """Box plots of magnitudes against the representable range, with the numbers."""
    label = "Box plot of the magnitudes of u, v and q of every layer and of the readout, against their range."
    caption = (
        "Band: from one least significant bit to the largest value the word holds; for q, to the bound that no spike "
        "history exceeds. Box: middle half of the non-zero values; line: 1st to 99th percentile; diamond: largest. "
        "Dashed: the threshold."
    )
    picture = Picture(state_magnitudes(content), label, caption)
    return Section("states", "State ranges", (picture, _state_table(content)))


def _state_table(content: ReportContent) -> Table:
    names = [*(layer.name for layer in content.network.layers), "readout"]
    rows = [_state_row(name, state) for name, found in zip(names, content.ranges, strict=True) for state in found]
    return Table(
        "u, v and q in thresholds, the readout in its own unit. Largest neuron: the one that went furthest. Saturation "
        "cannot make a neuron unstable, but it distorts.",
        ("state", "lowest", "highest", "limit", "headroom", "largest neuron", "zero", "saturated"),
        tuple(rows),
        numeric=frozenset({1, 2, 3, 4, 5, 6, 7}),
    )


def _state_row(name: str, state: StateRange) -> tuple[str | Badge, ...]:
    limit = real(state.scaled(state.limit))
    saturated = Badge(count(state.saturated), "bad") if state.saturated else "0"
    return (
        f"{name} {state.name}",
        real(state.scaled(state.lowest)),
        real(state.scaled(state.highest)),
        limit if state.proven else f"±{limit}",
        "proven" if state.proven else f"{state.headroom:.2f} bits",
        str(int(state.peaks.argmax())),
        percent(state.zeros / state.total, 1),
        saturated,
    )
