"""Where the poles are, and what quantisation lost."""

from brf_deploy.quantization.loss import LayerLoss
from brf_hardware.report.boundary import CONTRAST_BITS, LayerPoles
from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.poles import pole_plot
from brf_hardware.report.layout import Badge, Block, Picture, Section, Table
from brf_hardware.report.numbers import decibel, percent, plural, radius

NEEDS_MODEL = "this needs the trained model (--model MODEL)."


def poles(content: ReportContent) -> Section:
    """One pole plot a layer, then how naive rounding would have fared."""
    blocks: list[Block] = [
        "A neuron whose pole λ lies strictly inside the unit circle, at rest and at the largest refractory damping, "
        "falls silent after its input stops. The certificate checks both ends in exact integers."
    ]
    blocks += [_picture(content, index) for index in range(len(content.poles))]
    blocks.append(_radius_table(content))
    if not content.losses:
        blocks.append(f"The trained poles, and what naive rounding makes of them, are not shown: {NEEDS_MODEL}")
    return Section("poles", "Poles and the divergence boundary", tuple(blocks))


def _picture(content: ReportContent, index: int) -> Picture:
    layer = content.poles[index]
    label = f"Poles of the {plural(len(layer.integer.rotation), 'neuron')} of layer {layer.name} and the unit circle."
    ring = "" if layer.naive is None else " A red ring marks a pole on or outside the boundary."
    caption = (
        f"Layer {layer.name}. Thin lines: how far refractory damping can move a pole to the left while it decays.{ring}"
    )
    return Picture(pole_plot(layer, index), label, caption)


def _radius_table(content: ReportContent) -> Table:
    naive = any(layer.naive_outside for layer in content.poles)
    contrast = tuple(f"naive, {bits} bits" for bits in CONTRAST_BITS) if naive else ()
    caption = "Neurons on or outside the boundary, and the largest radius of a deployed pole."
    if naive:
        caption += " Naive: what rounding both coefficients of the trained poles to so many bits would have done."
    return Table(
        caption,
        ("layer", "neurons", "outside", "worst neuron", "worst radius", *contrast),
        tuple(_radius_row(layer) for layer in content.poles),
        numeric=frozenset(range(1, 5 + len(contrast))),
    )


def _radius_row(layer: LayerPoles) -> tuple[str | Badge, ...]:
    violations, reach = int(layer.certificate.violations.sum()), layer.certificate.radius
    naive = (layer.naive_outside or {}).values()
    return (
        layer.name,
        f"{len(reach):,}",
        Badge(f"{violations:,}", "bad" if violations else "good"),
        str(int(reach.argmax())),
        radius(float(reach.max())),
        *(f"{outside:,}" for outside in naive),
    )


def loss(content: ReportContent) -> Section:
    """The quantiser's own account, layer by layer."""
    title = "What quantisation lost"
    if not content.losses:
        return Section("loss", title, (f"Not measured: {NEEDS_MODEL}",))
    table = Table(
        "Weights: signal to quantisation noise. Pole error: distance to the trained pole, relative to the neuron's own "
        "damping. Radius: of the neuron nearest the boundary.",
        (
            "layer", "neurons", "input weights", "recurrent weights", "pole error, median", "pole error, largest",
            "worst neuron", "trained radius", "deployed radius", "violations",
        ),
        tuple(_loss_row(part) for part in content.losses),
        numeric=frozenset(range(1, 10)),
    )  # fmt: skip
    return Section("loss", title, (table,))


def _loss_row(part: LayerLoss) -> tuple[str | Badge, ...]:
    return (
        part.name,
        f"{part.neurons:,}",
        decibel(part.input_sqnr),
        decibel(part.recurrent_sqnr),
        percent(part.pole_error_median),
        percent(part.pole_error_max),
        str(part.worst_neuron),
        radius(part.float_radius),
        radius(part.integer_radius),
        Badge(f"{part.violations:,}", "bad" if part.violations else "good"),
    )
