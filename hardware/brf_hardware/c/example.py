"""A sample that comes with the exported code, and what the reference says to it."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.network import IntegerNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record

STEPS = 64
SEED = 20
DENSITY = 0.25  # share of messages that are not 0


def messages_text(network: IntegerNetwork) -> str:
    """A line a step, one number an input."""
    return _lines(_messages(network))


def expected_text(network: IntegerNetwork) -> str:
    """A line a step: its class, then the readout."""
    readout = REFERENCE.run(network, _messages(network)[:, np.newaxis], Record.SPIKES).readout[:, 0]
    return _lines(np.concatenate([readout.argmax(axis=1, keepdims=True), readout], axis=1))


def _messages(network: IntegerNetwork) -> Ints:
    """Random ones (time, inputs), the same for every export; as long as the network's order of steps, if it has one."""
    order, random = network.encoding.permutation, np.random.default_rng(SEED)
    shape = (STEPS if order is None else len(order), network.inputs)
    return random.integers(1, network.encoding.maximum + 1, shape) * (random.random(shape) < DENSITY)


def _lines(numbers: Ints) -> str:
    return "".join(f"{' '.join(map(str, row))}\n" for row in numbers.tolist())
