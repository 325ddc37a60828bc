"""The files of the harness: the messages it replays and the trace it writes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.trace import LayerTrace, Record, Trace
from brf_hardware.c.plan import NetworkPlan


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run of the harness gives: the trace, and the ticks of the target's clock (time, batch) of every step."""

    trace: Trace
    ticks: Ints


def messages_file(messages: Ints, options: tuple[int, int], order: str) -> bytes:
    """Two options of a program of the harness, then messages (time, batch, inputs), sample after sample.

    order: "<" or "=", the byte order of the target.
    """
    samples = np.ascontiguousarray(messages.transpose(1, 0, 2), f"{order}i4")
    return np.array(options, f"{order}i4").tobytes() + samples.tobytes()


def record_type(plan: NetworkPlan, record: Record, order: str) -> "np.dtype[np.void]":
    """What the harness writes for a step."""
    layers = list(enumerate(plan.layers))
    fields: list[Any] = [("ticks", f"{order}u4"), ("readout", f"{order}i4", (plan.readout.outputs,))]
    fields += [(f"{index} spikes", "u1", (layer.neurons,)) for index, layer in layers]
    if record is Record.STATES:
        for index, layer in layers:
            words = {"u": layer.state, "v": layer.state, "q": layer.refractory}
            fields += [(f"{index} {name}", order + word.numpy, (layer.neurons,)) for name, word in words.items()]
    return np.dtype(fields)


def read_recording(plan: NetworkPlan, records: npt.NDArray[np.void], record: Record) -> Recording:
    """The fields of records (time, batch) of `record_type`."""
    names = ("u", "v", "q") if record is Record.STATES else ()
    layers = tuple(
        LayerTrace(
            np.ascontiguousarray(records[f"{index} spikes"], bool),
            {name: np.ascontiguousarray(records[f"{index} {name}"], np.int32) for name in names},
        )
        for index in range(len(plan.layers))
    )
    return Recording(
        Trace(layers, np.ascontiguousarray(records["readout"], np.int32)), records["ticks"].astype(np.int64)
    )
