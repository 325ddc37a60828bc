"""How many spikes a target has time for at the wanted rate, and which layers and neurons take more.

A step that begins every `period` leaves ``period - barrier`` for work. A spike takes time of every core and link that
it passes; what the layer's other work leaves there, divided by that time, is the layer's budget:

    budget = min over resources ((period - barrier - other work a step) / time of a spike)       spikes a step

at nominal figures, a spike being the mean of those that the layer fired. A neuron's budget is an equal share, and one
spike a step at the most.
"""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Floats, Ints
from brf_deploy.network import IntegerNetwork
from brf_hardware.cost.activity import spike_effects
from brf_hardware.cost.fabric import Fabric
from brf_hardware.cost.latency import NOMINAL, resource_label, resource_names, resources
from brf_hardware.cost.prices import Prices
from brf_hardware.cost.timing import NANO, Timing
from brf_hardware.cost.work import Work

# A neuron that fires in at least every second step carries no timing any more.
IMMORTAL_RATE = 0.5


@dataclass(frozen=True, eq=False)
class LayerBudget:
    """Spikes a step of one layer: `budget` (infinite where a spike takes no time) and `spent`, the measured mean.

    limited_by: the resource that runs out first. neuron_budget: of each neuron. over: neurons that fire more often;
    dead: that never fired; immortal: that fire in at least every second step.
    """

    layer: str
    budget: float
    spent: float
    limited_by: str
    neuron_budget: float
    over: Ints
    dead: Ints
    immortal: Ints

    @property
    def headroom(self) -> float:
        """Budget over spent; infinite where nothing fired."""
        return self.budget / self.spent if self.spent else float("inf")

    @property
    def exceeded(self) -> bool:
        """Whether the layer fires more than the target has time for."""
        return self.spent > self.budget


def spike_budgets(network: IntegerNetwork, work: Work, fabric: Fabric, prices: Prices) -> tuple[LayerBudget, ...]:
    """Budget of each layer at the period of `work`; none where its time is not known (`Work.untimed`)."""
    if work.timing is None:
        return ()
    return tuple(_layer_budget(network, index, work, work.timing, fabric, prices) for index in range(len(work.spikes)))


def _layer_budget(
    network: IntegerNetwork, index: int, work: Work, timing: Timing, fabric: Fabric, prices: Prices
) -> LayerBudget:
    fired = work.spikes[index]
    count, spent = len(fired), float(fired.sum() / timing.steps)
    per_neuron = _spike_times(network, index, fabric, prices)
    shares = fired / fired.sum() if spent else np.full(count, 1 / count)
    spike = shares @ per_neuron
    other = np.maximum(timing.busy / timing.steps - spent * spike, 0.0)
    free = np.maximum(timing.period - prices.time["barriers"].nominal * NANO - other, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        budgets = np.where(spike > 0, free / spike, np.inf)
    scarce = int(budgets.argmin())
    stage, place = resource_names(fabric, prices)[scarce]
    rates = fired / timing.steps
    share = min(1.0, float(budgets[scarce]) / count)
    return LayerBudget(
        layer=network.layers[index].name,
        budget=float(budgets[scarce]),
        spent=spent,
        limited_by=resource_label(stage, place),
        neuron_budget=share,
        over=np.flatnonzero(rates > share),
        dead=np.flatnonzero(fired == 0),
        immortal=np.flatnonzero(rates >= IMMORTAL_RATE),
    )


def _spike_times(network: IntegerNetwork, index: int, fabric: Fabric, prices: Prices) -> Floats:
    """Seconds that one spike of each neuron takes of each resource (neurons, resources)."""
    caused = spike_effects(network, index, fabric)
    return np.asarray(resources(caused, fabric, prices, NOMINAL)[0] * NANO)
