"""How many clock cycles a step takes: a closed formula in the events and spikes of the step.

With sender and receivers always ready, from the first input beat of a step to the first one of the next:

    beats without event
    + sum over layers of (input events + own spikes of the step before) * max(neurons, 2) + 7 * neurons + 8
    + spikes of the last layer * max(outputs, 2) + 6 * outputs
"""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace

CYCLES_A_NEURON, CYCLES_A_LAYER, CYCLES_AN_OUTPUT = 7, 8, 6


@dataclass(frozen=True)
class CycleModel:
    """Cycles of a step: `constant`, and as many for each event that reaches a layer or the readout."""

    constant: int
    input_event: int
    recurrent_spike: tuple[int, ...]  # per layer; 0 where it is not recurrent
    spike: tuple[int, ...]  # per layer: in the layer above, or in the readout
    neurons: tuple[int, ...]
    inputs: int

    @property
    def idle(self) -> int:
        """Of a step without any event: one beat, which carries `last`."""
        return self.constant + 1

    @property
    def worst(self) -> int:
        """Of a step in which every input sends an event and every neuron fires, as it did in the step before."""
        spikes = zip(self.neurons, self.recurrent_spike, self.spike, strict=True)
        return self.constant + self.inputs * self.input_event + sum(n * (a + b) for n, a, b in spikes)

    def of_run(self, messages: Ints, trace: Trace) -> Ints:
        """Cycles (time, batch) of the run that `trace` recorded; a step without events has one beat."""
        events = np.count_nonzero(messages, axis=2)
        cycles = self.constant + events * self.input_event + (events == 0)
        for layer, recurrent, above in zip(trace.layers, self.recurrent_spike, self.spike, strict=True):
            spikes = layer.spikes.sum(axis=2, dtype=np.int64)
            cycles = cycles + spikes * above
            cycles[1:] += spikes[:-1] * recurrent
        return np.asarray(cycles, np.int64)


def cycle_model(network: IntegerNetwork) -> CycleModel:
    """The formula for one network."""
    neurons = tuple(layer.count for layer in network.layers)
    walks = tuple(max(count, 2) for count in (*neurons, network.outputs))
    return CycleModel(
        constant=CYCLES_A_NEURON * sum(neurons) + CYCLES_A_LAYER * len(neurons) + CYCLES_AN_OUTPUT * network.outputs,
        input_event=walks[0],
        recurrent_spike=tuple(
            walk if layer.recurrent is not None else 0 for layer, walk in zip(network.layers, walks, strict=False)
        ),
        spike=walks[1:],
        neurons=neurons,
        inputs=network.inputs,
    )
