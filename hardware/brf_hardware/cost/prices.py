"""The figures of a target as they apply to a BRF network on given cores."""

from collections.abc import Mapping
from dataclasses import dataclass

from brf_hardware.cost.fabric import Fabric
from brf_hardware.cost.range import Range
from brf_hardware.targets.figure import Figure
from brf_hardware.targets.target import Target

IDLE, DRIVEN, BARRIERS = "neuron_updates_idle", "neuron_updates_driven", "barriers"


@dataclass(frozen=True, eq=False)
class Prices:
    """energy: pJ for each count of a ledger term. time: ns for each count on a core or link. A term without an entry
    is unpriced. sequential: whether a core does one thing after another instead of overlapping its stages."""

    energy: Mapping[str, Range]
    time: Mapping[str, Range]
    sequential: bool

    @classmethod
    def of(cls, target: Target, fabric: Fabric) -> "Prices":
        """Prices of `target` for BRF neurons, and of a barrier for the layers, routers and chips of `fabric`."""
        energy, time = (_for_brf(figures, target.neuron_factor) for figures in (target.energy, target.time))
        barrier = _barrier(target, fabric)
        if barrier is not None:
            time[BARRIERS] = barrier
        if target.barriers_of_layers:
            for figures in (energy, time):
                if BARRIERS in figures:
                    figures[BARRIERS] *= fabric.layers
        return cls(energy, time, target.sequential)


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
