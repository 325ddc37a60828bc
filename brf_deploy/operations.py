"""Exact counts of what a run did: spikes, synaptic operations with fan-out, neuron updates, saturations.

Counts are integers and add; what an operation costs on a chip is another matter.
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.layers import Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace


@dataclass(frozen=True)
class Operations:
    """Counts of one layer, or of the readout (which has no spikes of its own).

    events: non-zero input messages. input_operations, recurrent_operations: synaptic operations, one for each event
    or spike and each non-zero weight it meets. updates: neuron updates, every neuron at every step. spikes: fired.
    saturated: states on their limit, where states were recorded.
    """

    events: int = 0
    input_operations: int = 0
    recurrent_operations: int = 0
    updates: int = 0
    spikes: int = 0
    saturated: int = 0

    def __add__(self, other: "Operations") -> "Operations":
        return Operations(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def synaptic_operations(self) -> int:
        """All synaptic operations, with fan-out."""
        return self.input_operations + self.recurrent_operations


def count_operations(network: IntegerNetwork, messages: Ints, trace: Trace) -> tuple[Operations, ...]:
    """Counts of every layer and, last, of the readout, for the run that `trace` recorded."""
    counts = []
    below: npt.NDArray[np.bool_] = messages != 0
    for layer, kept in zip(network.layers, trace.layers, strict=True):
        limit = network.arithmetic.limit
        states = [kept.states[name] for name in ("u", "v") if name in kept.states]
        counts.append(
            Operations(
                events=int(below.sum()),
                input_operations=_fan_out(below, layer.input),
                # The spikes of the last step never reach a synapse: there is no step after it.
                recurrent_operations=0 if layer.recurrent is None else _fan_out(kept.spikes[:-1], layer.recurrent),
                updates=int(kept.spikes.size),
                spikes=int(kept.spikes.sum()),
                saturated=sum(int((np.abs(state) == limit).sum()) for state in states),
            )
        )
        below = kept.spikes
    counts.append(
        Operations(
            events=int(below.sum()),
            input_operations=_fan_out(below, network.readout.weight),
            updates=int(trace.readout.size),
        )
    )
    return tuple(counts)


def add_operations(parts: list[tuple[Operations, ...]]) -> tuple[Operations, ...]:
    """Layer-wise sum over runs."""
    return tuple(sum(layer, Operations()) for layer in zip(*parts, strict=True))


def _fan_out(active: Bools, synapses: Synapses) -> int:
    """Active sources times the non-zero weights in their columns."""
    per_source = active.reshape(-1, active.shape[-1]).sum(axis=0, dtype=np.int64)
    return int(per_source @ np.count_nonzero(synapses.mantissa, axis=0))
