"""Counts of a run, exact, for every layer and the readout."""

from collections.abc import Iterator

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import LayerTrace, Trace
from brf_hardware.cost.activity import CoreActivity, activities
from brf_hardware.cost.fabric import Fabric, check_fits, one_core
from brf_hardware.cost.ledger import Ledger
from brf_hardware.footprint import in_bytes

# Words of one array of a chunk of samples; some fifty of them live at once, 200 MB.
CHUNK_WORDS = 1 << 19


def count(network: IntegerNetwork, messages: Ints, trace: Trace, fabric: Fabric | None = None) -> tuple[Ledger, ...]:
    """Ledger of each layer and, last, of the readout, for the run that `trace` recorded.

    messages (time, batch, inputs): as the network sees them (`Encoding.present`). fabric: None counts as if all neurons
    lay on one core. Barriers and bytes to the host count for the readout; input events, their bytes and steps without
    any for the first layer. Raises `InvalidInput` where network, messages, trace and fabric do not belong together, or
    nothing ran.
    """
    placed = one_core(network) if fabric is None else fabric
    parts = [
        ledgers(network, some, placed, activities(network, some, part, placed))
        for some, part in sample_chunks(network, messages, trace, placed)
    ]
    return tuple(sum(layer, Ledger()) for layer in zip(*parts, strict=True))


def sample_chunks(
    network: IntegerNetwork, messages: Ints, trace: Trace, fabric: Fabric
) -> Iterator[tuple[Ints, Trace]]:
    """A checked run in chunks of samples that fit into memory."""
    check_run(network, messages, trace, fabric)
    steps, samples = messages.shape[:2]
    widest = max(fabric.cores + len(fabric.links), network.inputs, *(layer.count for layer in network.layers))
    size = max(1, CHUNK_WORDS // (steps * widest))
    for start in range(0, samples, size):
        part = slice(start, start + size)
        layers = tuple(LayerTrace(layer.spikes[:, part]) for layer in trace.layers)
        yield messages[:, part], Trace(layers, trace.readout[:, part])


def ledgers(
    network: IntegerNetwork, messages: Ints, fabric: Fabric, found: tuple[CoreActivity, ...]
) -> tuple[Ledger, ...]:
    """The sums over steps, samples and cores of what `activities` found."""
    steps, batch, inputs = messages.shape
    events = int(np.count_nonzero(messages))
    first = Ledger(host_bytes_in=events * event_bytes(inputs, network.encoding.maximum))
    last = Ledger(
        barriers=steps * batch * fabric.chips,
        host_bytes_out=steps * batch * network.outputs * in_bytes(network.arithmetic.state_bits),
    )
    parts = [_ledger(activity, fabric) for activity in found]
    return (parts[0] + first, *parts[1:-1], parts[-1] + last)


def event_bytes(inputs: int, maximum: int) -> int:
    """Bytes of an input event: the number of its channel and, where messages are graded, the message."""
    return in_bytes(max(1, (inputs - 1).bit_length()) + (maximum.bit_length() if maximum > 1 else 0))


def check_run(network: IntegerNetwork, messages: Ints, trace: Trace, fabric: Fabric) -> None:
    """Refuse a trace without a step or sample, and one that another network, other messages or a mapping left."""
    check_fits(fabric, network)
    steps, batch = messages.shape[:2]
    if not steps or not batch:
        raise InvalidInput(
            f"trace: {steps} steps of {batch} samples found, one of each is needed; run the network on some samples"
        )
    wanted = [(steps, batch, layer.count) for layer in network.layers] + [(steps, batch, network.outputs)]
    found = [layer.spikes.shape for layer in trace.layers] + [trace.readout.shape]
    if found != wanted or messages.shape[2] != network.inputs:
        raise InvalidInput(
            f"trace: shapes {found} with messages {messages.shape} found, this network leaves {wanted} for messages "
            f"({steps}, {batch}, {network.inputs}); give the trace of this network on these messages"
        )


def _ledger(activity: CoreActivity, fabric: Fabric) -> Ledger:
    on_links = activity.link_messages.sum(axis=(0, 1))
    terms = np.array(fabric.links)
    by_term = {term: int(on_links[terms == term].sum()) for term in set(fabric.links)}
    return Ledger(
        spikes=int(activity.spikes.sum()),
        axon_messages=int(activity.messages_in.sum()),
        synaptic_operations=int(activity.synaptic_operations.sum()),
        graded_operations=int(activity.graded_operations.sum()),
        zero_operations=int(activity.zero_operations.sum()),
        synaptic_words=int(activity.synaptic_words.sum()),
        neuron_updates_idle=int(activity.neuron_updates_idle.sum()),
        neuron_updates_driven=int(activity.neuron_updates_driven.sum()),
        readout_updates=int(activity.readout_updates.sum()),
        empty_steps=int(activity.empty_steps.sum()),
        **by_term,
    )
