"""From a network to connected Lava processes, as a user of Lava would connect them.

    lava_network = build_processes(network, messages)
    lava_network.run()
    trace = lava_network.trace()

`run` is guarded. Lava's own way works as well, on any of the processes:

    lava_network.readout.run(RunSteps(lava_network.steps), Loihi2SimCfg(select_tag="fixed_pt"))
    trace = lava_network.trace()
    lava_network.readout.stop()

Every Dense of Lava, feed-forward or recurrent, delays by one step. In a loop that is the delay of the definition.
Layer k is k + 1 feed-forward connections from the source, so it is k + 1 steps late, and the readout one more; the
sinks leave these first steps out, in which everything stays at zero. So a trace has the steps of the reference.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Record, Trace
from brf_hardware.lava import guard
from brf_hardware.lava.limits import Limits
from brf_hardware.lava.parts import FIXED, LayerParts, Weights, float_parts, integer_parts
from brf_hardware.lava.processes.brf import BRF
from brf_hardware.lava.processes.dense import BatchDense
from brf_hardware.lava.processes.fused import FusedNetwork
from brf_hardware.lava.processes.leaky_integrator import LeakyIntegrator
from brf_hardware.lava.processes.sink import Sink
from brf_hardware.lava.processes.source import Source
from brf_hardware.lava.recording import Recording
from brf_hardware.lava.vendor import Loihi2SimCfg


@dataclass(frozen=True, eq=False)
class LavaLayer:
    """The processes of one layer."""

    synapses: BatchDense
    neurons: BRF
    recurrent: BatchDense | None


@dataclass(frozen=True, eq=False)
class LavaNetwork:
    """Connected processes; Lava compiles and runs all of them from any one.

    steps: Lava time steps for a whole run, delays included. tag: the models to select, fixed_pt or floating_pt.
    """

    source: Source
    layers: tuple[LavaLayer, ...]
    readout_synapses: BatchDense
    readout: LeakyIntegrator
    steps: int
    tag: str
    recording: Recording

    def run(self, limits: Limits | None = None) -> None:
        """Run all steps under the guard; see `guard.run`."""
        guard.run(self.readout, self.steps, Loihi2SimCfg(select_tag=self.tag), limits)

    def trace(self) -> Trace:
        """What the sinks recorded, at the steps of the reference."""
        return self.recording.trace()


def build_processes(
    network: IntegerNetwork | FloatNetwork, inputs: Ints, record: Record = Record.STATES
) -> LavaNetwork:
    """Processes for messages (time, batch, inputs) in the order of the data set, connected and not yet running.

    An `IntegerNetwork` gets models of tag fixed_pt, equal to the reference on every bit; a `FloatNetwork` of BRF layers
    gets floating_pt, equal to ``run_float(..., np.float64)``. Raises `Unsupported` for other neurons.
    """
    parts = integer_parts(network, inputs) if isinstance(network, IntegerNetwork) else float_parts(network, inputs)
    steps, batch, _ = parts.messages.shape
    recording = Recording.empty(network, steps, batch, record)
    source = Source(messages=parts.messages, name="source")
    layers: list[LavaLayer] = []
    for index, layer in enumerate(parts.layers):
        layers.append(_connect_layer(layer, layers[-1].neurons.s_out if layers else source.s_out, batch))
        _connect_sinks(layers[-1].neurons, recording, index)
    delay = len(layers) + 1
    synapses = _dense("readout.input", parts.readout, batch)
    readout = LeakyIntegrator(integrator=parts.integrator, batch=batch, name="readout")
    layers[-1].neurons.s_out.connect(synapses.s_in)
    synapses.a_out.connect(readout.a_in)
    readout.y_out.connect(Sink(buffer=recording.readout, delay=delay, name="readout.sink").a_in)
    return LavaNetwork(source, tuple(layers), synapses, readout, steps + delay, parts.tag, recording)


def run_fused(
    network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES, limits: Limits | None = None
) -> Trace:
    """Run messages (time, batch, inputs) through the network as one Lava process, under the guard."""
    parts = integer_parts(network, inputs)
    steps, batch, _ = parts.messages.shape
    recording = Recording.empty(network, steps, batch, record)
    process = FusedNetwork(parts=parts, recording=recording, name="network")
    guard.run(process, steps, Loihi2SimCfg(select_tag=FIXED), limits)
    return recording.trace()


def _dense(name: str, weights: Weights, batch: int) -> BatchDense:
    return BatchDense(weights=weights.weights, shift=weights.shift, batch=batch, name=name)


def _connect_layer(parts: LayerParts, below: Any, batch: int) -> LavaLayer:
    synapses = _dense(f"{parts.name}.input", parts.into, batch)
    neurons = BRF(resonator=parts.resonator, batch=batch, name=parts.name)
    below.connect(synapses.s_in)
    synapses.a_out.connect(neurons.a_in)
    if parts.recurrent is None:
        return LavaLayer(synapses, neurons, None)
    recurrent = _dense(f"{parts.name}.recurrent", parts.recurrent, batch)
    neurons.s_out.connect(recurrent.s_in)
    recurrent.a_out.connect(neurons.a_in)
    return LavaLayer(synapses, neurons, recurrent)


def _connect_sinks(neurons: BRF, recording: Recording, index: int) -> None:
    spikes = Sink(buffer=recording.spikes[index], delay=index + 1, name=f"{neurons.name}.spikes")
    neurons.s_out.connect(spikes.a_in)
    if recording.states:
        buffer = np.moveaxis(recording.states[index], 0, 1)
        neurons.state_out.connect(Sink(buffer=buffer, delay=index + 1, name=f"{neurons.name}.states").a_in)
