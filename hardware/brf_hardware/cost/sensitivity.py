"""Which figure moves the total most: one at a time takes its low and its high value while all others stay nominal."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from brf_hardware.cost.energy import dynamic_energy, energy_terms
from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.operation import MAXIMUM_SPEED, Operation
from brf_hardware.cost.prices import DRIVEN, IDLE, Prices
from brf_hardware.cost.range import Range
from brf_hardware.targets.figure import Figure
from brf_hardware.targets.target import Target

FACTOR, STATIC, TIME = "neuron_factor", "static_power", "execution_time"


@dataclass(frozen=True)
class Influence:
    """A figure by its key, the values that it takes in `unit`, and the joules of a sample that they lead to.

    ``neuron_factor`` moves both energies and times. ``execution_time`` stands for the times of all terms together, the
    factor's part included, which decide through the longest of them.
    """

    figure: str
    values: Range
    unit: str
    total: Range

    @property
    def span(self) -> float:
        """Joules between the low and the high total."""
        return self.total.high - self.total.low


def influences(estimate: Estimate, operation: Operation) -> tuple[Influence, ...]:
    """Every figure that moves the total energy of a sample at the speed of `operation`, the strongest first; none where
    the total is refused."""
    if operation.total_energy is None:
        return ()
    found = [*_of_prices(estimate, operation), *_of_static(operation)]
    return tuple(sorted((one for one in found if one.span > 0), key=lambda one: -one.span))


def _of_prices(estimate: Estimate, operation: Operation) -> Iterator[Influence]:
    target, static = estimate.target, operation.static_energy
    factor = {} if target.neuron_factor is None else {FACTOR: target.neuron_factor}
    used = {term.term for term in estimate.terms}
    figures = {term: figure for term, figure in target.energy.items() if term in used or term == DRIVEN} | factor
    for name, figure in figures.items():
        dynamic = _dynamic(estimate, _with_only(target, name))
        if dynamic is not None and static is not None:
            over_time = _static_by_factor(estimate, operation) if name == FACTOR else Range.exact(static.nominal)
            yield Influence(name, Range.of(figure), figure.unit, dynamic + over_time)


def _of_static(operation: Operation) -> Iterator[Influence]:
    power, time, dynamic = operation.static_power, operation.execution_time, operation.dynamic_energy
    if power is not None and time is not None and dynamic is not None:
        rest = Range.exact(dynamic.nominal)
        yield Influence(STATIC, power, "W", power * time.nominal + rest)
        yield Influence(TIME, time, "s", time * power.nominal + rest)


def _static_by_factor(estimate: Estimate, operation: Operation) -> Range:
    """Static joules of a sample by the neuron factor, which prolongs steps too."""
    timing, power = estimate.work.timing, operation.static_power
    if timing is None or power is None:
        return Range.exact(0.0)
    time = timing.factor_busy_time if operation.speed == MAXIMUM_SPEED else timing.factor_real_time
    return time * (power.nominal / timing.samples)


def _dynamic(estimate: Estimate, target: Target) -> Range | None:
    """Joules of a sample at the energies of `target`."""
    costing, work = estimate.costing, estimate.work
    terms = energy_terms(costing.populations, work.ledgers, Prices.of(target, costing.fabric).energy)
    found = dynamic_energy(terms)
    return None if found is None else found * (1 / work.samples)


def _with_only(target: Target, free: str) -> Target:
    """`target` with every energy at its nominal value, but for the figure `free`.

    Where an idle BRF neuron costs what a driven one does (`Prices`), it follows the driven one's figure; its own
    decides only how far it may rest.
    """
    energy = {term: figure if term == free else _nominal(figure) for term, figure in target.energy.items()}
    factor = target.neuron_factor
    if factor is None:
        return replace(target, energy=energy)
    if free != IDLE and IDLE in energy and DRIVEN in energy:
        energy[IDLE] = energy[DRIVEN]
    return replace(target, energy=energy, neuron_factor=factor if free == FACTOR else _nominal(factor))


def _nominal(figure: Figure) -> Figure:
    return replace(figure, low=figure.nominal, high=figure.nominal)
