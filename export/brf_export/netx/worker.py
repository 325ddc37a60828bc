"""Runs a file in lava-dl's netx: ``python -m brf_export.netx.worker WHAT LOADER DIRECTORY PARENT``.

Reads DIRECTORY/network.net and DIRECTORY/messages.npy (time, batch, inputs), as the network sees them, and writes
DIRECTORY/trace.npz. WHAT is "spikes" or "states" for a network that needs LOADER (the module's name), "cuba" for one
that does not, which netx then loads by itself.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidFile
from brf_deploy.fresh_interpreter import serve
from brf_export.netx.loader import shims

NETWORK, MESSAGES, TRACE = "network.net", "messages.npy", "trace.npz"
Arrays = dict[str, npt.NDArray[Any]]
Messages = npt.NDArray[np.int64]


def main(what: str, loader: str, directory: Path, parent: int) -> int:
    """Run one file; returns the exit status."""

    def work() -> None:
        messages = np.load(directory / MESSAGES)
        if what == "cuba":
            shims.install()
            arrays = run_cuba_file(directory / NETWORK, messages)
        else:
            module = importlib.import_module(loader)
            module.register()
            try:
                arrays = run_resonators(directory / NETWORK, messages, what)
            except module.DamagedFile as error:
                raise InvalidFile(str(error)) from None
        np.savez(directory / TRACE, **arrays)  # type: ignore[arg-type]

    return serve(work, directory, parent)


def run_resonators(file: Path, messages: Messages, what: str) -> Arrays:
    """The samples one after the other in one run, the state made zero between them by netx's own `reset_interval`."""
    from lava.lib.dl.netx.hdf5 import Network

    from brf_export.netx.guard import running, shared_array
    from brf_export.netx.probes.probes import Sink, Source

    steps, batch, channels = messages.shape
    network = Network(str(file), input_message_bits=int(messages.max(initial=0)).bit_length(), reset_interval=steps)
    source = Source(messages=messages.swapaxes(0, 1).reshape(-1, channels))
    source.out.connect(network.inp)
    kept: Arrays = {}

    def keep(name: str, port: Any, dtype: npt.DTypeLike) -> None:
        kept[name] = shared_array((batch * steps, *port.shape), dtype)
        port.connect(Sink(buffer=kept[name]).inp)

    for index, layer in enumerate(network.layers[:-1]):
        keep(f"layer{index}.spikes", layer.out, bool)
        if what == "states":
            keep(f"layer{index}", layer.state_out, np.int32)
    keep("readout", network.out, np.int32)
    with running(source) as runtime:
        runtime.advance(batch * steps)
    return _fields({name: _by_time(array, steps) for name, array in kept.items()})


def _by_time(array: npt.NDArray[Any], steps: int) -> npt.NDArray[Any]:
    """(samples * time, ...) to (time, samples, ...)."""
    return array.reshape(-1, steps, *array.shape[1:]).swapaxes(0, 1)


def _fields(kept: Arrays) -> Arrays:
    """The arrays of a trace in its order; ``layer0`` (time, samples, 3, neurons) is split into u, v and q."""
    fields: Arrays = {}
    for name, array in kept.items():
        if name == "readout" or name.endswith(".spikes"):
            fields[name] = array
        else:
            fields |= {f"{name}.{state}": array[:, :, index] for index, state in enumerate("uvq")}
    return fields


def run_cuba_file(file: Path, messages: Messages) -> Arrays:
    """Each sample in a network of its own, step by step, so that the currents can be read between the steps."""
    samples = [_run_cuba_sample(file, messages[:, index]) for index in range(messages.shape[1])]
    return {name: np.stack([sample[name] for sample in samples], axis=1) for name in samples[0]}


def _run_cuba_sample(file: Path, messages: Messages) -> Arrays:
    """Every dense layer of netx is a step late; what comes before its first message is left out."""
    from lava.lib.dl.netx.hdf5 import Network

    from brf_export.netx.guard import running, shared_array
    from brf_export.netx.probes.probes import Sink, Source

    network = Network(str(file), input_message_bits=int(messages.max(initial=0)).bit_length())
    source = Source(messages=messages)
    source.out.connect(network.inp)
    delay = len(network.layers)
    spikes = [shared_array((len(messages) + delay, *layer.shape), bool) for layer in network.layers]
    for layer, buffer in zip(network.layers, spikes, strict=True):
        layer.out.connect(Sink(buffer=buffer).inp)
    currents: list[list[Any]] = [[] for _ in network.layers]
    with running(source) as runtime:
        for _ in range(len(messages) + delay):
            runtime.advance(1)
            for layer, kept in zip(network.layers, currents, strict=True):
                kept.append(layer.neuron.u.get())
    fields: Arrays = {}
    for index in range(delay - 1):
        late = slice(index + 1, index + 1 + len(messages))
        fields[f"layer{index}.spikes"] = spikes[index][late]
        fields[f"layer{index}.i"] = np.array(currents[index][late], np.int32)
    fields["readout"] = np.array(currents[-1][delay:], np.int32)
    return fields


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])))
