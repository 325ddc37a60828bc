"""What a run comes to: predictions, spike counts and operations, with or without a trace in between."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import Backend, check_inputs
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations, count_operations
from brf_deploy.task import Decision, predict
from brf_deploy.trace import Record, Trace


@dataclass(frozen=True, eq=False)
class Summary:
    """predictions: as `task.predict` gives them. spikes: per layer, (batch, neurons). operations: of every layer and,
    last, of the readout, as `count_operations` counts them on a trace."""

    predictions: Ints
    spikes: tuple[Ints, ...]
    operations: tuple[Operations, ...]


@runtime_checkable
class CountingBackend(Backend, Protocol):
    """A backend that counts as it runs, and so needs no memory for traces."""

    def summarize(self, network: IntegerNetwork, inputs: Ints, decision: Decision) -> Summary:
        """Run messages (time, batch, inputs), in the order of the data set, from silence."""
        ...


def summarize(backend: Backend, network: IntegerNetwork, inputs: Ints, decision: Decision) -> Summary:
    """Run messages (time, batch, inputs) on a backend.

    One that does not count records spikes for it, and leaves saturated states uncounted.
    """
    if isinstance(backend, CountingBackend):
        return backend.summarize(network, inputs, decision)
    return summary_of(network, inputs, backend.run(network, inputs, Record.SPIKES), decision)


def summary_of(network: IntegerNetwork, inputs: Ints, trace: Trace, decision: Decision) -> Summary:
    """The summary of a run that `trace` recorded."""
    return Summary(
        predict(trace.readout, decision, network.skip_steps),
        tuple(layer.spikes.sum(axis=0, dtype=np.int64) for layer in trace.layers),
        count_operations(network, check_inputs(network, inputs), trace),
    )
