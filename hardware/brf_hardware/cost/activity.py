"""What every core and link did at every step: what the ledger sums, and what latency needs step by step."""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from brf_deploy.arrays import Bools, Ints
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace
from brf_hardware.cost.fabric import Fabric
from brf_hardware.cost.fan_out import FanOut, fan_out

BITS_AT_ONCE = 1 << 29  # of the sets that are united at once, if all sources are active: 64 MB


@dataclass(frozen=True, eq=False)
class CoreActivity:
    """Counts of each step, sample and core (time, batch, cores), and messages on each link (time, batch, links).

    What a spike causes stands at the step in which it was fired, when its message is sent and its synapses are read.
    Only `neuron_updates_driven` asks when the sum reaches the neuron: recurrent spikes a step later. Empty steps stand
    at the first core.
    """

    neuron_updates_idle: Ints
    neuron_updates_driven: Ints
    readout_updates: Ints
    spikes: Ints
    messages_out: Ints
    messages_in: Ints
    synaptic_operations: Ints
    graded_operations: Ints
    zero_operations: Ints
    synaptic_words: Ints
    empty_steps: Ints
    link_messages: Ints

    @classmethod
    def of(cls, steps: int, batch: int, fabric: Fabric, **counts: Ints) -> "CoreActivity":
        """The given counts, and zero for all others."""
        widths = {"link_messages": len(fabric.links)}
        none = {
            field.name: np.broadcast_to(np.int64(0), (steps, batch, widths.get(field.name, fabric.cores)))
            for field in fields(cls)
        }
        return cls(**(none | counts))

    def __add__(self, other: "CoreActivity") -> "CoreActivity":
        return CoreActivity(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def activities(network: IntegerNetwork, messages: Ints, trace: Trace, fabric: Fabric) -> tuple[CoreActivity, ...]:
    """What each layer and, last, the readout causes: its updates, the synapses that drive it, the messages it sends.

    messages (time, batch, inputs): as the network sees them; those that are not 0 are sent by the host and count for
    the first layer.
    """
    ahead, back = _connections(network, fabric)
    events: Bools = messages != 0
    below, graded = events, network.encoding.maximum > 1
    found = []
    for index, kept in enumerate(trace.layers):
        spikes, into, within = kept.spikes, ahead[index], back[index]
        activity = _synapses(below, into, fabric, graded) + _messages(fabric, index, spikes, ahead[index + 1], within)
        driven = _reached(below, into)
        if within is not None:
            # Spikes of the last step never reach a recurrent synapse: there is no step after it.
            driven[1:] |= _reached(spikes[:-1], within)
            activity += _synapses(_without_last(spikes), within, fabric)
        found.append(activity + _updates(fabric, index, driven))
        below, graded = spikes, False
    found[0] += _activity(events, fabric, messages_in=ahead[0].reach)
    empty: Bools = np.asarray(~events.any(axis=2, keepdims=True))
    found[0] += _activity(empty, fabric, empty_steps=np.eye(1, fabric.cores, dtype=np.int64))
    outputs = np.ones((*events.shape[:2], network.outputs), bool)
    readout = _activity(outputs, fabric, readout_updates=fabric.members(-1))
    return (*found, readout + _synapses(below, ahead[-1], fabric))


def spike_effects(network: IntegerNetwork, index: int, fabric: Fabric) -> CoreActivity:
    """Counts of one spike of each neuron of a layer, which stand in the place of samples (1, neurons, ...).

    Updates are left out: they happen without it, too.
    """
    ahead, back = _connections(network, fabric)
    met = [connection for connection in (ahead[index + 1], back[index]) if connection is not None]
    counts = {
        "spikes": fabric.members(index),
        "synaptic_operations": sum(connection.synapses for connection in met),
        "zero_operations": sum(connection.zeros for connection in met),
        "synaptic_words": sum(connection.words for connection in met),
        **_routes(fabric, index, np.maximum.reduce([connection.reach for connection in met])),
    }
    one = {name: np.asarray(count)[np.newaxis] for name, count in counts.items()}
    return CoreActivity.of(1, network.layers[index].count, fabric, **one)


def _connections(network: IntegerNetwork, fabric: Fabric) -> tuple[list[FanOut], list[FanOut | None]]:
    """Into each layer and the readout from below, and from each layer to itself."""
    bits, readout_bits = network.arithmetic.weight_bits, network.arithmetic.readout_weight_bits
    ahead: list[FanOut] = []
    back: list[FanOut | None] = []
    for index, layer in enumerate(network.layers):
        members = fabric.members(index)
        ahead.append(fan_out(layer.input, bits, members))
        back.append(None if layer.recurrent is None else fan_out(layer.recurrent, bits, members))
    ahead.append(fan_out(network.readout.weight, readout_bits, fabric.members(-1)))
    return ahead, back


def _messages(fabric: Fabric, population: int, spikes: Bools, ahead: FanOut, back: FanOut | None) -> CoreActivity:
    """Spikes of a layer and their messages: one to each core that holds a target, in this layer or in the next."""
    fired = _activity(spikes, fabric, spikes=fabric.members(population))
    if back is None:
        return fired + _activity(spikes, fabric, **_routes(fabric, population, ahead.reach))
    # A spike of the last step goes ahead only.
    last = spikes & ~(kept := _without_last(spikes))
    reach = np.maximum(ahead.reach, back.reach)
    sent = _activity(kept, fabric, **_routes(fabric, population, reach))
    return fired + sent + _activity(last, fabric, **_routes(fabric, population, ahead.reach))


def _routes(fabric: Fabric, population: int, reach: Ints) -> dict[str, Ints]:
    """Messages received and sent by cores and carried by links, for one spike of each neuron."""
    return {
        "messages_in": reach,
        "messages_out": fabric.members(population) * reach.sum(axis=1, keepdims=True),
        "link_messages": fabric.link_messages(population, reach),
    }


def _synapses(active: Bools, connection: FanOut, fabric: Fabric, graded: bool = False) -> CoreActivity:
    """Operations on synapses and words fetched for them, where `active` sources sent a message."""
    operations = "graded_operations" if graded else "synaptic_operations"
    counts = {operations: connection.synapses, "zero_operations": connection.zeros, "synaptic_words": connection.words}
    return _activity(active, fabric, **counts)


def _updates(fabric: Fabric, population: int, driven: Bools) -> CoreActivity:
    members = fabric.members(population)
    return _activity(driven, fabric, neuron_updates_driven=members) + _activity(
        ~driven, fabric, neuron_updates_idle=members
    )


def _activity(active: Bools, fabric: Fabric, **per_source: Ints) -> CoreActivity:
    """Counts that are a row of `per_source` (sources, columns) for each active source (time, batch, sources)."""
    steps, batch, sources = active.shape
    ones = csr_array(active.reshape(steps * batch, sources), dtype=np.int64)
    counts = {name: np.asarray(ones @ row).reshape(steps, batch, -1) for name, row in per_source.items()}
    return CoreActivity.of(steps, batch, fabric, **counts)


def _reached(active: Bools, connection: FanOut) -> Bools:
    """Targets (time, batch, targets) with a non-zero weight from an active source."""
    steps, batch, sources = active.shape
    rows = active.reshape(steps * batch, sources)
    united = np.zeros((len(rows), connection.met.shape[1]), np.uint8)
    size = max(1, BITS_AT_ONCE // (8 * max(1, connection.met.size)))
    for start in range(0, len(rows), size):
        _unite(united[start : start + size], rows[start : start + size], connection.met)
    bits = np.unpackbits(united, axis=1, count=connection.targets)
    return bits.astype(bool).reshape(steps, batch, connection.targets)


def _unite(united: npt.NDArray[np.uint8], rows: Bools, met: npt.NDArray[np.uint8]) -> None:
    """Write the union of the sets `met` (sources, bytes) of all active sources of each row."""
    row, source = np.nonzero(rows)
    first = np.flatnonzero(np.diff(row, prepend=-1))
    if len(first):
        united[row[first]] = np.bitwise_or.reduceat(met[source], first, axis=0)


def _without_last(spikes: Bools) -> Bools:
    kept = spikes.copy()
    kept[-1:] = False
    return kept
