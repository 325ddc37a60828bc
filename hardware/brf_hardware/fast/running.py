"""One call of the engine: what goes in, what is kept, and the trace or summary that comes out."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.errors import Unsupported
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations
from brf_deploy.summary import Summary
from brf_deploy.task import Decision, check_steps, predict
from brf_deploy.trace import LayerTrace, Record, Trace
from brf_hardware.fast import native
from brf_hardware.fast.plan import Plan

STATES = ("u", "v", "q")


@dataclass(frozen=True, eq=False)
class State:
    """What a run leaves behind for the next one.

    layers: per layer u, v, q (samples, 3, neurons). spikes: per layer, of the last step (samples, neurons).
    y: the readout (samples, outputs).
    """

    layers: tuple[npt.NDArray[np.int32], ...]
    spikes: tuple[npt.NDArray[np.bool_], ...]
    y: npt.NDArray[np.int32]

    @classmethod
    def silent(cls, network: IntegerNetwork, samples: int) -> "State":
        """All zero, where every sample begins."""
        counts = [layer.count for layer in network.layers]
        return cls(
            tuple(np.zeros((samples, 3, count), np.int32) for count in counts),
            tuple(np.zeros((samples, count), bool) for count in counts),
            np.zeros((samples, network.outputs), np.int32),
        )


def run_trace(
    plan: Plan, network: IntegerNetwork, messages: Ints, record: Record, threads: int, state: State | None = None
) -> Trace:
    """Every step of presented messages (time, samples, inputs), from silence or from `state`, which moves on."""
    steps, samples, _ = messages.shape
    names = STATES if record is Record.STATES else ()
    types = {"spikes": np.dtype(bool), **dict.fromkeys(names, np.dtype(np.int32))}
    kept = [
        {name: space((steps, samples, layer.count), dtype) for name, dtype in types.items()} for layer in network.layers
    ]
    readout = space((steps, samples, network.outputs), np.dtype(np.int32))
    pointers = list(kept)
    if state is not None:
        pairs = zip(kept, state.layers, state.spikes, strict=True)
        pointers = [{**arrays, "state": uvq, "last_spikes": z} for arrays, uvq, z in pairs]
    y = np.zeros((samples, network.outputs), np.int32) if state is None else state.y
    _execute(plan, messages, pointers, threads, y=y, readout=readout)
    layers = tuple(LayerTrace(arrays["spikes"], {name: arrays[name] for name in names}) for arrays in kept)
    return Trace(layers, readout)


def run_summary(plan: Plan, network: IntegerNetwork, messages: Ints, decision: Decision, threads: int) -> Summary:
    """Predictions, spikes and operations of presented messages (time, samples, inputs); no trace is kept."""
    steps, samples, _ = messages.shape
    check_steps(steps, network.skip_steps)
    counted = [
        {"spike_counts": np.zeros((samples, layer.count), np.int64), "counts": np.zeros((samples, 4), np.int64)}
        for layer in network.layers
    ]
    y = np.zeros((samples, network.outputs), np.int32)
    readout_counts = np.zeros((samples, 4), np.int64)
    kept: dict[str, npt.NDArray[Any]] = {"y": y, "readout_counts": readout_counts}
    if decision is Decision.EVERY_STEP:
        kept["winner"] = np.zeros((steps, samples), np.int32)
    if decision is Decision.MEAN:
        kept["readout_sum"] = np.zeros((samples, network.outputs), np.int64)
    _execute(plan, messages, counted, threads, network.skip_steps, **kept)
    operations = [
        _operations(layer["counts"], steps * layer["spike_counts"].size, int(layer["spike_counts"].sum()))
        for layer in counted
    ]
    return Summary(
        _predictions(kept, decision, network.skip_steps),
        tuple(layer["spike_counts"] for layer in counted),
        (*operations, _operations(readout_counts, steps * y.size, 0)),
    )


def _predictions(kept: dict[str, npt.NDArray[Any]], decision: Decision, skip_steps: int) -> Ints:
    if decision is Decision.EVERY_STEP:
        return kept["winner"][skip_steps:].astype(np.int64)
    return predict(kept["y" if decision is Decision.LAST_STEP else "readout_sum"][None], Decision.LAST_STEP)


def _operations(counts: npt.NDArray[np.int64], updates: int, spikes: int) -> Operations:
    """Totals over the samples of the engine's four counts."""
    events, to_input, to_recurrent, saturated = (int(total) for total in counts.sum(axis=0))
    return Operations(events, to_input, to_recurrent, updates, spikes, saturated)


def _execute(
    plan: Plan,
    messages: Ints,
    layers: Iterable[dict[str, npt.NDArray[Any]]],
    threads: int,
    skip_steps: int = 0,
    **kept: npt.NDArray[Any],
) -> None:
    """Hand the arrays over, by the names they have in engine.hpp."""
    steps, samples, _ = messages.shape
    # A sample's messages lie together, as 16-bit words: no encoding has larger ones.
    presented = np.ascontiguousarray(messages.astype(np.uint16).transpose(1, 0, 2))
    records = [native.LayerRecord(**_addresses(arrays)) for arrays in layers]
    run = native.Run(
        messages=native.address(presented),
        steps=steps,
        samples=samples,
        layers=(native.LayerRecord * len(records))(*records),
        skip_steps=skip_steps,
        **_addresses(kept),
    )
    native.execute(plan.structure, run, threads)


def _addresses(arrays: dict[str, npt.NDArray[Any]]) -> dict[str, int]:
    return {name: native.address(array) for name, array in arrays.items()}


def space(shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Room for what the engine writes whole; raises `Unsupported` where there is not so much memory."""
    try:
        return np.empty(shape, dtype)
    except MemoryError:
        size = float(np.prod(shape, dtype=np.float64)) * dtype.itemsize / 2**30
        raise Unsupported(
            f"backend 'fast': a record (time, samples, neurons) {shape} needs {size:.1f} GiB, more than there is; run "
            "fewer samples at once, record spikes only, or ask for a summary"
        ) from None
