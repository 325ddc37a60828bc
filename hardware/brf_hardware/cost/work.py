"""What a run amounts to on a placed network, chunk by chunk: ledgers, times and spikes, which add."""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace
from brf_hardware.cost.activity import CoreActivity, activities
from brf_hardware.cost.count import ledgers, sample_chunks
from brf_hardware.cost.fabric import Fabric
from brf_hardware.cost.latency import nominal_step_times, step_times, untimed
from brf_hardware.cost.ledger import Ledger
from brf_hardware.cost.prices import Prices
from brf_hardware.cost.timing import Timing


@dataclass(frozen=True, eq=False)
class Work:
    """ledgers: of each layer and the readout. spikes: of each layer's neurons (neurons,). samples, steps: steps a
    sample. timing: None where terms that occurred have no time, which `untimed` names."""

    ledgers: tuple[Ledger, ...]
    spikes: tuple[Ints, ...]
    samples: int
    steps: int
    timing: Timing | None
    untimed: tuple[str, ...]

    def __add__(self, other: "Work") -> "Work":
        if self.steps != other.steps:
            raise InvalidInput(f"runs of {self.steps} and {other.steps} steps cannot be added; estimate them apart")
        timed = None if self.timing is None or other.timing is None else self.timing + other.timing
        return Work(
            tuple(a + b for a, b in zip(self.ledgers, other.ledgers, strict=True)),
            tuple(a + b for a, b in zip(self.spikes, other.spikes, strict=True)),
            self.samples + other.samples,
            self.steps,
            timed,
            tuple(dict.fromkeys((*self.untimed, *other.untimed))),
        )


def measure(
    network: IntegerNetwork, messages: Ints, trace: Trace, fabric: Fabric, prices: Prices, period: float
) -> Work:
    """The work of the run that `trace` recorded, with steps that begin every `period` seconds in real time.

    messages (time, batch, inputs): as the network sees them. Raises `InvalidInput` where the arguments do not belong
    together, or nothing ran.
    """
    parts = [
        _chunk(network, some, part, fabric, prices, period)
        for some, part in sample_chunks(network, messages, trace, fabric)
    ]
    return sum(parts[1:], start=parts[0])


def _chunk(
    network: IntegerNetwork, messages: Ints, trace: Trace, fabric: Fabric, prices: Prices, period: float
) -> Work:
    found = activities(network, messages, trace, fabric)
    whole = sum(found[1:], start=found[0])
    missing = untimed(whole, fabric, prices)
    return Work(
        ledgers=ledgers(network, messages, fabric, found),
        spikes=tuple(layer.spikes.sum(axis=(0, 1), dtype=np.int64) for layer in trace.layers),
        samples=messages.shape[1],
        steps=messages.shape[0],
        timing=None if missing else _timing(whole, fabric, prices, period),
        untimed=missing,
    )


def _timing(activity: CoreActivity, fabric: Fabric, prices: Prices, period: float) -> Timing:
    low, high = (nominal_step_times(activity, fabric, moved) for moved in prices.at_factor_bounds)
    return Timing.of(step_times(activity, fabric, prices), (low, high), period)
