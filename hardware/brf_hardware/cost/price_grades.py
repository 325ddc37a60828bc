"""How well the prices behind an energy are known: its nominal value by the grade of what each part rests on."""

from collections.abc import Mapping

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.prices import DRIVEN, IDLE
from brf_hardware.targets.figure import Grade

WORST_LAST = list(Grade)


def graded(estimate: Estimate) -> Mapping[Grade, float]:
    """Share of each grade in the nominal dynamic energy, the largest first; empty where that is refused or 0.

    The energy of a neuron's update is a chip's price times a factor for BRF and has the worse grade of both.
    """
    shares: dict[Grade, float] = {}
    for term, energy in estimate.energy_by_term.items():
        share = estimate.share(energy)
        if share:
            grade = grade_of(estimate, term)
            shares[grade] = shares.get(grade, 0.0) + share
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def grade_of(estimate: Estimate, term: str) -> Grade:
    """The grade of a priced term as it applies to BRF."""
    figures = [estimate.target.energy[term]]
    if term in (IDLE, DRIVEN) and estimate.target.neuron_factor is not None:
        figures.append(estimate.target.neuron_factor)
    return max((figure.grade for figure in figures), key=WORST_LAST.index)
