"""What the network is: layers, words, bytes."""

from brf_deploy.layers import ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.footprint import Footprint, footprint, synapse_blocks
from brf_hardware.report.content import ReportContent
from brf_hardware.report.layout import Section, Table
from brf_hardware.report.numbers import count, percent, plural, size


def network(content: ReportContent) -> Section:
    """Layers with their weights and bytes, then the word widths."""
    return Section("network", "Network", (_summary(content), _layers(content.network), _words(content.network)))


def _summary(content: ReportContent) -> str:
    encoding = content.network.encoding
    messages = "binary events" if encoding.maximum == 1 else f"messages 0 to {encoding.maximum}"
    order = "" if encoding.permutation is None else ", its steps reordered by a fixed permutation"
    return (
        f"Task {content.task.name}: {content.task.description}. A sample has {plural(content.steps, 'step')} of "
        f"{messages} on {plural(content.network.inputs, 'channel')}{order}."
    )


HEAD = (
    "layer", "kind", "neurons", "weights", "non-zero", "fraction bits", "weight bytes", "coefficient bytes",
    "state bytes",
)  # fmt: skip


def _layers(net: IntegerNetwork) -> Table:
    parts = footprint(net)
    rows = [_layer(layer, part) for layer, part in zip(net.layers, parts, strict=False)]
    rows.append(
        _row("readout", "leaky integrator", net.outputs, (net.readout.weight,), net.readout.fraction, parts[-1])
    )
    blocks = [block for layer in net.layers for block in synapse_blocks(layer)]
    neurons = sum(layer.count for layer in net.layers) + net.outputs
    rows.append(_row("total", "", neurons, (*blocks, net.readout.weight), None, sum(parts, Footprint(0, 0, 0))))
    caption = (
        "Fraction bits are those of the states. Bytes count every weight, zero or not, with its row's exponent, and "
        "the states of one sample, without a chip's tables."
    )
    return Table(caption, HEAD, tuple(rows), numeric=frozenset(range(2, 9)), total=True)


def _layer(layer: ResonatorLayer, part: Footprint) -> tuple[str, ...]:
    kind = "BRF, feed-forward" if layer.recurrent is None else "BRF, recurrent"
    return _row(layer.name, kind, layer.count, synapse_blocks(layer), layer.state_fraction, part)


def _row(
    name: str, kind: str, neurons: int, blocks: tuple[Synapses, ...], fraction: int | None, part: Footprint
) -> tuple[str, ...]:
    weights = sum(block.mantissa.size for block in blocks)
    used = sum(int((block.mantissa != 0).sum()) for block in blocks)
    return (
        name,
        kind,
        count(neurons),
        count(weights),
        percent(used / max(1, weights), 1),
        "" if fraction is None else count(fraction),
        *(size(bytes_) for bytes_ in part.bytes),
    )


def _words(net: IntegerNetwork) -> str:
    a = net.arithmetic
    return (
        f"Words: {a.state_bits}-bit states, {a.weight_bits}-bit weights ({a.readout_weight_bits}-bit in the readout), "
        f"{a.coefficient_bits}-bit damping and rotation with an exponent for every neuron, "
        f"{a.accumulator_fraction} fraction bits in the rotation. Sums are rounded toward zero once and saturate."
    )
