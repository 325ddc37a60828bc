"""What the network is: layers, words, bytes."""

from brf_deploy.network import IntegerNetwork, ResonatorLayer
from brf_hardware.report.content import ReportContent
from brf_hardware.report.footprint import Footprint, footprint, in_bytes
from brf_hardware.report.layout import Section, Table
from brf_hardware.report.numbers import count, percent, plural, size


def network(content: ReportContent) -> Section:
    """Layers with their weights and bytes, then the word widths."""
    return Section("network", "Network", (_summary(content), _layers(content.network), _words(content.network)))


def _summary(content: ReportContent) -> str:
    encoding = content.network.encoding
    if encoding.maximum == 1:
        messages = "binary events"
    else:
        messages = f"messages 0 to {encoding.maximum}"
    order = "" if encoding.permutation is None else ", its steps reordered by a fixed permutation"
    return (
        f"Task {content.task.name}: {content.task.description}. A sample has {plural(content.steps, 'step')} of "
        f"{messages} on {plural(content.network.inputs, 'channel')}{order}."
    )


def _layers(net: IntegerNetwork) -> Table:
    parts = footprint(net)
    rows = [_layer(net, layer, part) for layer, part in zip(net.layers, parts, strict=False)]
    readout = net.readout.weight.mantissa
    rows.append(
        ("readout", "leaky integrator", count(net.outputs), *_weights(readout.size, int((readout != 0).sum())),
         count(net.readout.fraction), *_bytes(parts[-1]))
    )  # fmt: skip
    total = sum(parts, Footprint(0, 0, 0))
    weights = int(sum(int(row[3].replace(",", "")) for row in rows))
    neurons = sum(layer.count for layer in net.layers) + net.outputs
    rows.append(("total", "", count(neurons), count(weights), "", "", *_bytes(total)))
    head = (
        "layer",
        "kind",
        "neurons",
        "weights",
        "non-zero",
        "fraction bits",
        "weight bytes",
        "coefficient bytes",
        "state bytes",
    )
    return Table(
        "Layers. Fraction bits are those of the states; bytes count every weight, zero or not, its row's exponent, "
        "and the states of one sample, without a chip's tables.",
        head,
        tuple(rows),
        numeric=frozenset(range(2, 9)),
        total=True,
    )


def _layer(net: IntegerNetwork, layer: ResonatorLayer, part: Footprint) -> tuple[str, ...]:
    blocks = [layer.input.mantissa] + ([] if layer.recurrent is None else [layer.recurrent.mantissa])
    kind = "BRF, feed-forward" if layer.recurrent is None else "BRF, recurrent"
    weights = _weights(sum(block.size for block in blocks), sum(int((block != 0).sum()) for block in blocks))
    return (layer.name, kind, count(layer.count), *weights, count(layer.state_fraction), *_bytes(part))


def _weights(total: int, used: int) -> tuple[str, str]:
    return count(total), percent(used / max(1, total), 1)


def _bytes(part: Footprint) -> tuple[str, str, str]:
    return size(in_bytes(part.weights)), size(in_bytes(part.coefficients)), size(in_bytes(part.states))


def _words(net: IntegerNetwork) -> str:
    a = net.arithmetic
    return (
        f"Words: {a.state_bits}-bit states, {a.weight_bits}-bit weights ({a.readout_weight_bits}-bit in the readout), "
        f"{a.coefficient_bits}-bit damping and rotation with an exponent for every neuron, "
        f"{a.accumulator_fraction} fraction bits in the rotation. Sums are rounded toward zero once and saturate."
    )
