"""Random float networks for tests."""

import numpy as np

from brf_deploy.encoding import Encoding
from brf_deploy.float_network import ALIFNeurons, BRFNeurons, FloatLayer, FloatNetwork, FloatReadout, RFNeurons


def random_neurons(rng, kind, count, dt=0.01):
    if kind == "alif":
        return ALIFNeurons(rng.uniform(5, 30, count).astype(np.float32), rng.uniform(20, 200, count).astype(np.float32))
    omega, b_offset = rng.uniform(0, 0.6 / dt, count), rng.uniform(0.1, 3, count)
    neurons = BRFNeurons if kind == "brf" else RFNeurons
    return neurons(omega.astype(np.float32), b_offset.astype(np.float32), dt=dt)


def random_float_network(kind="brf", seed=0, inputs=3, neurons=(12,), outputs=4, encoding=None, dt=0.01, gain=120.0):
    """Weights large enough that neurons fire at a few tens of percent."""
    rng = np.random.default_rng(seed)
    layers, width = [], inputs
    for index, count in enumerate(neurons):
        layers.append(
            FloatLayer(
                f"hidden{index}" if len(neurons) > 1 else "hidden",
                random_neurons(rng, kind, count, dt),
                rng.normal(0, gain, (count, width)).astype(np.float32),
                rng.normal(0, gain / np.sqrt(count), (count, count)).astype(np.float32),
            )
        )
        width = count
    readout = FloatReadout(
        rng.uniform(5, 25, outputs).astype(np.float32), rng.normal(0, 1, (outputs, width)).astype(np.float32)
    )
    return FloatNetwork("random", encoding or Encoding(), tuple(layers), readout)


def random_messages(network, steps, batch, seed=0, density=0.3):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, network.encoding.maximum + 1, (steps, batch, network.inputs))
    return values * (rng.random(values.shape) < density)
