"""Connects the processes of a network.

Every Dense of Lava, feed-forward or recurrent, delays by one step. In a loop that is the delay of the definition.
Layer k is k + 1 feed-forward connections from the source, so it is k + 1 steps late, and the readout one more; the
sinks leave these first steps out, in which everything stays at zero.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from brf_hardware.lava.parts import LayerParts, NetworkParts, Weights
from brf_hardware.lava.processes.brf import BRF
from brf_hardware.lava.processes.dense import BatchDense
from brf_hardware.lava.processes.leaky_integrator import LeakyIntegrator
from brf_hardware.lava.processes.sink import Sink
from brf_hardware.lava.processes.source import Source
from brf_hardware.lava.recording import Recording


@dataclass(frozen=True, eq=False)
class LayerProcesses:
    """The processes of one layer."""

    synapses: BatchDense
    neurons: BRF
    recurrent: BatchDense | None


@dataclass(frozen=True, eq=False)
class NetworkProcesses:
    """Connected processes; Lava compiles and runs all of them from any one.

    steps: Lava time steps for a whole run, delays included. tag: the models to select, fixed_pt or floating_pt.
    """

    source: Source
    layers: tuple[LayerProcesses, ...]
    readout_synapses: BatchDense
    readout: LeakyIntegrator
    steps: int
    tag: str
    recording: Recording


def connect(parts: NetworkParts, recording: Recording) -> NetworkProcesses:
    """The processes of a network, its messages as their source; what `recording` has room for is kept in it."""
    steps, batch, _ = parts.messages.shape
    source = Source(messages=parts.messages, name="source")
    layers: list[LayerProcesses] = []
    for index, layer in enumerate(parts.layers):
        layers.append(_connect_layer(layer, layers[-1].neurons.s_out if layers else source.s_out, batch))
        _connect_sinks(layers[-1].neurons, recording, index)
    delay = len(layers) + 1
    synapses = _dense("readout.input", parts.readout, batch)
    readout = LeakyIntegrator(integrator=parts.integrator, batch=batch, name="readout")
    layers[-1].neurons.s_out.connect(synapses.s_in)
    synapses.a_out.connect(readout.a_in)
    readout.y_out.connect(Sink(buffer=recording.readout, delay=delay, name="readout.sink").a_in)
    return NetworkProcesses(source, tuple(layers), synapses, readout, steps + delay, parts.tag, recording)


def _dense(name: str, weights: Weights, batch: int) -> BatchDense:
    return BatchDense(weights=weights.weights, shift=weights.shift, batch=batch, name=name)


def _connect_layer(parts: LayerParts, below: Any, batch: int) -> LayerProcesses:
    synapses = _dense(f"{parts.name}.input", parts.into, batch)
    neurons = BRF(resonator=parts.resonator, batch=batch, name=parts.name)
    below.connect(synapses.s_in)
    synapses.a_out.connect(neurons.a_in)
    if parts.recurrent is None:
        return LayerProcesses(synapses, neurons, None)
    recurrent = _dense(f"{parts.name}.recurrent", parts.recurrent, batch)
    neurons.s_out.connect(recurrent.s_in)
    recurrent.a_out.connect(neurons.a_in)
    return LayerProcesses(synapses, neurons, recurrent)


def _connect_sinks(neurons: BRF, recording: Recording, index: int) -> None:
    spikes = Sink(buffer=recording.spikes[index], delay=index + 1, name=f"{neurons.name}.spikes")
    neurons.s_out.connect(spikes.a_in)
    if recording.states:
        buffer = np.moveaxis(recording.states[index], 0, 1)
        neurons.state_out.connect(Sink(buffer=buffer, delay=index + 1, name=f"{neurons.name}.states").a_in)
