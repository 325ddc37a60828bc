"""Runs a CUBA network in numpy, by the equations of `cuba`; netx's run of the exported file equals it on every bit."""

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.trace import LayerTrace, Trace
from brf_export.netx.cuba import ACTIVATION_SHIFT, DECAY_ONE, CubaLayer, CubaNetwork


def run_cuba(network: CubaNetwork, inputs: Ints) -> Trace:
    """Run messages (time, batch, inputs) from silence; the state ``i`` of a layer and the readout are currents."""
    messages = network.encoding.present(inputs)
    channels = network.layers[0].weight.shape[1]
    if messages.shape[2] != channels:
        raise InvalidInput(f"input messages: {messages.shape[2]} channels found, the network has {channels}")
    below, traces = messages, []
    for layer in network.layers:
        spikes, currents = _run_layer(layer, below)
        traces.append(LayerTrace(spikes, {"i": currents}))
        below = spikes.astype(np.int64)
    return Trace(tuple(traces), _run_layer(network.readout, below)[1])


def _run_layer(layer: CubaLayer, below: Ints) -> tuple[Bools, npt.NDArray[np.int32]]:
    """Spikes and currents (time, batch, neurons) of one layer."""
    steps, batch, _ = below.shape
    spikes = np.zeros((steps, batch, len(layer.decay)), bool)
    currents = np.zeros(spikes.shape, np.int32)
    i, z = np.zeros((batch, len(layer.decay)), np.int64), np.zeros((batch, len(layer.decay)), np.int64)
    for t in range(steps):
        x = below[t] @ layer.weight.T
        if layer.recurrent is not None:
            x = x + z @ layer.recurrent.T
        kept = i * (DECAY_ONE - layer.decay)
        i = np.sign(kept) * (np.abs(kept) // DECAY_ONE) + (x << ACTIVATION_SHIFT)
        z = (i > layer.threshold << ACTIVATION_SHIFT).astype(np.int64)
        spikes[t], currents[t] = z, i
    return spikes, currents
