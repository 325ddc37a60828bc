"""The files of the test bench: the stimulus it replays and the trace it writes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import LayerTrace, Record, Trace

WORD = 32  # bits of a word in a trace
STATES = ("u", "v", "q")


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run of the test bench gives: the trace, and the clock cycles (time, batch) of every step."""

    trace: Trace
    cycles: Ints


def stimulus(messages: Ints) -> str:
    """Messages (time, batch, inputs) as lines ``index value last``, sample after sample.

    An event is a message that is not 0; a step without events is one line of value 0.
    """
    lines = []
    for sample in messages.transpose(1, 0, 2):
        for step in sample:
            events = np.flatnonzero(step)
            beats = [f"{index} {value} 0" for index, value in zip(events.tolist(), step[events].tolist(), strict=True)]
            lines.append("\n".join(beats)[:-1] + "1\n" if beats else "0 0 1\n")
    return "".join(lines)


def words_a_step(network: IntegerNetwork, record: Record) -> int:
    """How many words the test bench writes for each step."""
    return sum(count for *_, count in _fields(network, record))


def read_recording(network: IntegerNetwork, words: npt.NDArray[np.int32], steps: int, record: Record) -> Recording:
    """The fields of ``samples * steps * words_a_step`` words, in the order in which the test bench writes them."""
    rows = words.reshape(-1, steps, words_a_step(network, record)).transpose(1, 0, 2)
    named: dict[tuple[int, str], npt.NDArray[np.int32]] = {}
    start = 0
    for index, field, count in _fields(network, record):
        named[index, field] = rows[..., start : start + count]
        start += count
    layers = tuple(
        LayerTrace(_spikes(named[index, "spikes"], layer.count), _states(named.get((index, "states"))))
        for index, layer in enumerate(network.layers)
    )
    last = len(network.layers)
    readout = np.ascontiguousarray(named[last, "readout"])
    return Recording(Trace(layers, readout), named[last, "cycles"][..., 0].astype(np.int64))


def _fields(network: IntegerNetwork, record: Record) -> Iterator[tuple[int, str, int]]:
    """Layer, field and words of everything that a step writes."""
    for index, layer in enumerate(network.layers):
        if record is Record.STATES:
            yield index, "states", len(STATES) * layer.count
    for index, layer in enumerate(network.layers):
        yield index, "spikes", spike_words(layer.count)
    yield len(network.layers), "readout", network.outputs
    yield len(network.layers), "cycles", 1


def spike_words(neurons: int) -> int:
    """Words that hold one bit for each neuron."""
    return -(-neurons // WORD)


def _spikes(words: npt.NDArray[np.int32], neurons: int) -> Bools:
    """The first neuron is the lowest bit of the first word."""
    octets = np.ascontiguousarray(words.astype("<i4")).view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=neurons, bitorder="little").astype(bool)


def _states(words: npt.NDArray[np.int32] | None) -> dict[str, npt.NDArray[np.int32]]:
    """u, v, q of one neuron after the other."""
    if words is None:
        return {}
    return {name: np.ascontiguousarray(words[..., offset :: len(STATES)]) for offset, name in enumerate(STATES)}
