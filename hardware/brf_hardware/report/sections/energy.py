"""Energy of a sample: totals at both speeds, the figures that move them, and the terms that they are made of."""

from brf_hardware.cost.energy import dynamic_energy
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import all_lacking
from brf_hardware.report.figures.energy_terms import energy_terms
from brf_hardware.report.figures.energy_totals import energy_totals
from brf_hardware.report.figures.sensitivity import movable, sensitivity
from brf_hardware.report.layout import Block, Picture, Section
from brf_hardware.report.sections.energy_tables import anchors, counts, references, terms, totals


def energy(content: ReportContent) -> Section:
    """Totals first, then what moves them most, then terms, counts and references."""
    blocks: list[Block] = [
        "Counts of the run times prices give dynamic energy; static power flows for as long as a sample takes, so it "
        "stands apart, at maximum speed and in real time. A count without a price makes every total that needs it "
        "refuse.",
    ]
    estimates = [cost.estimate for cost in content.targets if cost.estimate is not None]
    blocks += [f"{found.target.name}: {all_lacking(found)}." for found in estimates if all_lacking(found)]
    if estimates:
        blocks.append(_totals_picture(content))
    blocks.append(totals(content))
    if any(movable(estimate) for estimate in estimates):
        blocks.append(_sensitivity_picture(content))
    if any(dynamic_energy(estimate.terms) for estimate in estimates):
        blocks.append(_terms_picture(content))
    blocks += [terms(content), counts(content)]
    if estimates:
        blocks.append(references(content))
    if (measured := anchors(content)) is not None:
        blocks.append(measured)
    return Section("energy", "Energy", tuple(blocks))


def _totals_picture(content: ReportContent) -> Picture:
    return Picture(
        energy_totals(content),
        "Dynamic, static and total energy of a sample with their ranges on a logarithmic axis, beside references.",
        "Bars run from low to high, cut below a ten-thousandth of nominal, which is the mark; where most prices "
        "are assumed there is no mark. Published measurements are of other networks. Dense networks have the same "
        "size, are not trained, and count arithmetic and weights alone; the convention is FP32 arithmetic alone.",
    )


def _sensitivity_picture(content: ReportContent) -> Picture:
    return Picture(
        sensitivity(content),
        "For each target and speed, how far the total moves when one figure takes its low or high value.",
        "One figure at a time takes its low or high value while the others stay nominal; the upright line is the "
        "nominal total. Left out: figures with less than a hundredth of the strongest one's effect. Execution time "
        "stands for the times of all terms together.",
    )


def _terms_picture(content: ReportContent) -> Picture:
    return Picture(
        energy_terms(content),
        "Dynamic energy of a sample by groups of terms, stacked, at low, nominal and high prices.",
        "Dynamic energy of a sample with all prices at their low, nominal and high values.",
    )
