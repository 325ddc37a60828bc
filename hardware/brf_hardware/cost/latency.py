"""How long a step takes: the busiest core or link decides, and then all cores meet at the barrier.

Each core works in three stages, each link in one; the time of a stage is a sum of counts times ns:

    neurons   updates, spikes fired, messages sent
    messages  messages received and the operations on synapses that they cause, and steps without an input event
    memory    words of weights fetched
    links     messages carried, at the time of the link's kind

    low      max(barrier, stages)                         everything overlaps
    nominal  barrier + max(stages)                        stages overlap, the barrier follows
    high     barrier + max(sum of a core's stages) + max(links)     nothing overlaps

with the target's low, nominal and high figures, and the maximum over cores and links. On a target that works
sequentially a core's stages are summed in all three. The max-affine form is that of Timcheck et al., arXiv:2601.10035;
the barrier after the work is that of SANA-FE (Boyle et al., IEEE TCAD 44(8):3165, 2025).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Floats, Ints
from brf_hardware.cost.activity import CoreActivity
from brf_hardware.cost.fabric import Fabric
from brf_hardware.cost.prices import Prices
from brf_hardware.cost.range import Range

CORE_STAGES: Mapping[str, tuple[str, ...]] = {
    "neurons": ("neuron_updates_idle", "neuron_updates_driven", "readout_updates", "spikes", "messages_out"),
    "messages": ("messages_in", "synaptic_operations", "graded_operations", "zero_operations", "empty_steps"),
    "memory": ("synaptic_words",),
}
LINKS, WHOLE_CORE = "links", "core"
LOW, NOMINAL, HIGH = range(3)


@dataclass(frozen=True, eq=False)
class StepTimes:
    """ns of every step and sample: `low`, `nominal`, `high` (time, batch).

    longest: the resource that decides at nominal figures (time, batch), an index into `resource_names`. busy: nominal
    ns in which each resource worked over all steps and samples (resources,).
    """

    low: Floats
    nominal: Floats
    high: Floats
    longest: Ints
    busy: Floats


def untimed(activity: CoreActivity, fabric: Fabric, prices: Prices) -> tuple[str, ...]:
    """Terms that occurred and have no time: no latency is known while there is one."""
    counted = [term for terms in CORE_STAGES.values() for term in terms if getattr(activity, term).any()]
    on_links = [term for link, term in enumerate(fabric.links) if activity.link_messages[..., link].any()]
    wanted = dict.fromkeys((*counted, *on_links, "barriers"))
    return tuple(term for term in wanted if term not in prices.time)


def step_times(activity: CoreActivity, fabric: Fabric, prices: Prices) -> StepTimes:
    """Times of the steps of a run; every term that occurred must have one (`untimed`)."""
    barrier = prices.time["barriers"]
    worked = resources(activity, fabric, prices, NOMINAL)
    return StepTimes(
        low=np.maximum(barrier.low, resources(activity, fabric, prices, LOW).max(axis=-1)),
        nominal=_nominal(worked, prices),
        high=barrier.high + _one_by_one(activity, fabric, prices),
        longest=worked.argmax(axis=-1),
        busy=worked.sum(axis=(0, 1)),
    )


def nominal_step_times(activity: CoreActivity, fabric: Fabric, prices: Prices) -> Floats:
    """ns of every step and sample (time, batch) at nominal figures: ``step_times(...).nominal``."""
    return _nominal(resources(activity, fabric, prices, NOMINAL), prices)


def resource_names(fabric: Fabric, prices: Prices) -> tuple[tuple[str, str], ...]:
    """What can be busy: (stage, a core's number) for each stage and core, then (``links``, a link's ends) for each."""
    stages = (WHOLE_CORE,) if prices.sequential else tuple(CORE_STAGES)
    cores = [(stage, str(core)) for stage in stages for core in range(fabric.cores)]
    return (*cores, *((LINKS, name) for name in fabric.link_names))


def resource_label(stage: str, place: str) -> str:
    """``messages of core 3``, ``core 3`` where a core does one thing after another, ``link 0/1/2 to 0/2/2``."""
    return {LINKS: f"link {place}", WHOLE_CORE: f"core {place}"}.get(stage, f"{stage} of core {place}")


def resources(activity: CoreActivity, fabric: Fabric, prices: Prices, bound: int) -> Floats:
    """ns for which each resource of `resource_names` works (time, batch, resources), at one bound of all figures."""
    stages = _stages(activity, prices, bound)
    return np.concatenate(
        [*([_added(stages)] if prices.sequential else stages), _links(activity, fabric, prices, bound)], axis=-1
    )


def _nominal(worked: Floats, prices: Prices) -> Floats:
    return np.asarray(prices.time["barriers"].nominal + worked.max(axis=-1))


def _one_by_one(activity: CoreActivity, fabric: Fabric, prices: Prices) -> Floats:
    """ns of the busiest core, its stages in turn, and then of the busiest link (time, batch), at high figures."""
    links = _links(activity, fabric, prices, HIGH).max(axis=-1, initial=0.0)
    return np.asarray(_added(_stages(activity, prices, HIGH)).max(axis=-1) + links)


def _stages(activity: CoreActivity, prices: Prices, bound: int) -> list[Floats]:
    """ns of each stage of `CORE_STAGES`, each (time, batch, cores)."""
    zero = np.zeros(activity.spikes.shape)
    return [
        sum(
            (getattr(activity, term) * prices.time[term].bounds[bound] for term in terms if term in prices.time),
            start=zero,
        )
        for terms in CORE_STAGES.values()
    ]


def _links(activity: CoreActivity, fabric: Fabric, prices: Prices, bound: int) -> Floats:
    """ns of each link (time, batch, links)."""
    per_message = [prices.time.get(term, Range.exact(0.0)).bounds[bound] for term in fabric.links]
    return np.asarray(activity.link_messages * np.array(per_message))


def _added(stages: list[Floats]) -> Floats:
    return np.asarray(np.sum(stages, axis=0))
