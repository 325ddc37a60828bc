"""From a network to connected Lava processes, as a user of Lava would connect them.

    lava_network = build_processes(network, messages)
    lava_network.run()
    trace = lava_network.trace()

`run` is guarded. Lava's own way works as well, on any of the processes:

    lava_network.readout.run(RunSteps(lava_network.steps), Loihi2SimCfg(select_tag="fixed_pt"))
    trace = lava_network.trace()
    lava_network.readout.stop()

Every Dense of Lava, feed-forward or recurrent, delays by one step. For a loop that is the delay of the definition.
Layer k is k + 1 feed-forward connections from the source, so it is k + 1 steps late, and the readout one more; the
sinks leave these first steps out, in which everything stays at zero. So a trace has the steps of the reference.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.backend import check_inputs
from brf_deploy.errors import Unsupported
from brf_deploy.float_network import BRFNeurons, FloatLayer, FloatNetwork
from brf_deploy.float_reference import presented
from brf_deploy.network import IntegerNetwork, Synapses
from brf_deploy.trace import Record, Trace
from brf_hardware.lava import guard
from brf_hardware.lava.dynamics import (
    FixedIntegrator,
    FixedResonator,
    FloatIntegrator,
    FloatResonator,
    Integrator,
    Resonator,
)
from brf_hardware.lava.limits import Limits
from brf_hardware.lava.processes.brf import BRF
from brf_hardware.lava.processes.dense import BatchDense
from brf_hardware.lava.processes.fused import FusedNetwork
from brf_hardware.lava.processes.leaky_integrator import LeakyIntegrator
from brf_hardware.lava.processes.sink import Sink
from brf_hardware.lava.processes.source import Source
from brf_hardware.lava.recording import Recording
from brf_hardware.lava.vendor import Loihi2SimCfg

FIXED, FLOATING = "fixed_pt", "floating_pt"


@dataclass(frozen=True, eq=False)
class Weights:
    """What a `BatchDense` is made of."""

    weights: npt.NDArray[Any]
    shift: Ints | int = 0


@dataclass(frozen=True, eq=False)
class LayerParts:
    """What the processes of one layer are made of."""

    name: str
    resonator: Resonator
    into: Weights
    recurrent: Weights | None


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
    if isinstance(network, IntegerNetwork):
        messages: npt.NDArray[Any] = check_inputs(network, inputs)
        weight = network.readout.weight
        parts = _integer_parts(network)
        into = Weights(weight.mantissa, weight.shift(network.readout.fraction))
        integrator: Integrator = FixedIntegrator(network.readout, network.arithmetic)
    else:
        messages = presented(network.encoding, network.inputs, inputs, np.float64)
        parts = [_float_parts(layer) for layer in network.layers]
        into, integrator = Weights(network.readout.weight), FloatIntegrator(network.readout)
    steps, batch, _ = messages.shape
    recording = Recording.empty(network, steps, batch, record)
    source = Source(messages=messages, name="source")
    layers: list[LavaLayer] = []
    for index, part in enumerate(parts):
        below = layers[-1].neurons.s_out if layers else source.s_out
        layers.append(_connect_layer(part, below, batch))
        _connect_sinks(layers[-1].neurons, recording, index)
    synapses = _dense("readout.input", into, batch)
    readout = LeakyIntegrator(integrator=integrator, batch=batch, name="readout")
    layers[-1].neurons.s_out.connect(synapses.s_in)
    synapses.a_out.connect(readout.a_in)
    delay = len(layers) + 1
    readout.y_out.connect(Sink(buffer=recording.readout, delay=delay, name="readout.sink").a_in)
    tag = FIXED if isinstance(network, IntegerNetwork) else FLOATING
    return LavaNetwork(source, tuple(layers), synapses, readout, steps + delay, tag, recording)


def run_fused(
    network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES, limits: Limits | None = None
) -> Trace:
    """Run messages (time, batch, inputs) through the network as one Lava process, under the guard."""
    messages = check_inputs(network, inputs)
    steps, batch, _ = messages.shape
    recording = Recording.empty(network, steps, batch, record)
    process = FusedNetwork(network=network, messages=messages, recording=recording, name="network")
    guard.run(process, steps, Loihi2SimCfg(select_tag=FIXED), limits)
    return recording.trace()


def _integer_parts(network: IntegerNetwork) -> list[LayerParts]:
    return [
        LayerParts(
            name=layer.name,
            resonator=FixedResonator(layer, network.arithmetic),
            into=_shifted(layer.input, network.input_fraction(index)),
            recurrent=None if layer.recurrent is None else _shifted(layer.recurrent, layer.state_fraction),
        )
        for index, layer in enumerate(network.layers)
    ]


def _shifted(synapses: Synapses, fraction: int) -> Weights:
    return Weights(synapses.mantissa, synapses.shift(fraction))


def _float_parts(layer: FloatLayer) -> LayerParts:
    if not isinstance(layer.neurons, BRFNeurons):
        raise Unsupported(
            f"layer '{layer.name}': {layer.neurons.kind} neurons found, the Lava processes here are brf; "
            "run it with `brf_deploy.float_reference`"
        )
    recurrent = None if layer.recurrent_weight is None else Weights(layer.recurrent_weight)
    return LayerParts(layer.name, FloatResonator(layer.neurons), Weights(layer.input_weight), recurrent)


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
