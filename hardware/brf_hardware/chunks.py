"""Many samples through a backend that can hold only so many at once."""

from collections.abc import Callable

from brf_deploy.arrays import Ints
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Record, Trace, join_samples

# An int64 or float64 state of one neuron, 64 times: about twenty temporary arrays of a step, and the rest for channels
# between processes.
WORKING_BYTES = 8 * 64


def run_in_chunks(
    run: Callable[[Ints], Trace], network: IntegerNetwork, inputs: Ints, record: Record, limit: int
) -> Trace:
    """Join what `run` gives for chunks of the samples of `inputs` (time, batch, inputs) that need `limit` bytes each.

    At least one sample is run at once, whatever it needs.
    """
    steps, batch, _ = inputs.shape
    size = max(1, limit // _bytes_a_sample(network, steps, record))
    return join_samples([run(inputs[:, start : start + size]) for start in range(0, max(1, batch), size)])


def _bytes_a_sample(network: IntegerNetwork, steps: int, record: Record) -> int:
    """8 bytes a message, 1 a spike, 4 each for u, v, q where they are recorded, and 4 an output; and the work space."""
    neurons = sum(layer.count for layer in network.layers)
    a_neuron = 1 + 3 * 4 * (record is Record.STATES)
    return steps * (8 * network.inputs + a_neuron * neurons + 4 * network.outputs) + WORKING_BYTES * neurons
