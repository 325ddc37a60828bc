"""The figures of a target as they apply to a BRF network on given cores."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from brf_hardware.cost.fabric import Fabric
from brf_hardware.cost.range import Range
from brf_hardware.targets.figure import Figure
from brf_hardware.targets.target import Target

IDLE, DRIVEN, BARRIERS = "neuron_updates_idle", "neuron_updates_driven", "barriers"


@dataclass(frozen=True, eq=False)
class Prices:
    """energy: pJ for each count of a ledger term. time: ns for each count on a core or link. A term without an entry
    is unpriced. sequential: whether a core does one thing after another instead of overlapping its stages.
    times_by_factor: as time, with the target's neuron factor at its low and at its high value."""

    energy: Mapping[str, Range]
    time: Mapping[str, Range]
    sequential: bool
    times_by_factor: tuple[Mapping[str, Range], Mapping[str, Range]]

    @classmethod
    def of(cls, target: Target, fabric: Fabric) -> "Prices":
        """Prices of `target` for BRF neurons, and of a barrier for the layers, routers and chips of `fabric`."""
        factor, barrier = target.neuron_factor, _barrier(target, fabric)
        energy = _for_brf(target.energy, factor)
        low, time, high = (_for_brf(target.time, one) for one in (_at(factor, 0), factor, _at(factor, 2)))
        for times in (low, time, high):
            if barrier is not None:
                times[BARRIERS] = barrier
        if target.barriers_of_layers:
            for figures in (energy, low, time, high):
                if BARRIERS in figures:
                    figures[BARRIERS] *= fabric.layers
        return cls(energy, time, target.sequential, (low, high))

    @property
    def at_factor_bounds(self) -> tuple["Prices", "Prices"]:
        """The same with the times that the neuron factor's low and its high value lead to."""
        low, high = self.times_by_factor
        return replace(self, time=low), replace(self, time=high)


def _at(factor: Figure | None, bound: int) -> Figure | None:
    """The factor known to be its low (0), nominal or high (2) value."""
    if factor is None:
        return None
    value = factor.bounds[bound]
    return replace(factor, low=value, nominal=value, high=value)


def _for_brf(figures: Mapping[str, Figure], factor: Figure | None) -> dict[str, Range]:
    """Where a target prices its own LIF neuron, an update of BRF takes `factor` as much.

    An idle BRF neuron still turns its state, so it costs what a driven one does; only the low value lets it rest as an
    idle LIF neuron rests.
    """
    found = {term: Range.of(figure) for term, figure in figures.items()}
    if factor is None:
        return found
    if IDLE in found and DRIVEN in found:
        found[IDLE] = Range(found[IDLE].low, found[DRIVEN].nominal, found[DRIVEN].high)
    return {term: cost * Range.of(factor) if term in (IDLE, DRIVEN) else cost for term, cost in found.items()}


def _barrier(target: Target, fabric: Fabric) -> Range | None:
    """ns of a barrier: the figure across chips where there are several; else the last entry of the target's table that
    the routers reach, within the range of its figure."""
    figure = target.barrier_time(fabric.chips)
    within_a_chip = figure is target.time.get(BARRIERS)
    reached = [time for least, time in target.barriers_by_routers if within_a_chip and least <= fabric.routers]
    if not reached:
        return None if figure is None else Range.of(figure)
    nominal = reached[-1]
    return (
        Range.exact(nominal) if figure is None else Range(min(figure.low, nominal), nominal, max(figure.high, nominal))
    )
