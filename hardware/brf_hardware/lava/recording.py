"""Shared memory that Lava models, which are child processes, fill with what a run keeps."""

import mmap
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import LayerTrace, Record, Trace

Shared = npt.NDArray[Any]
STATE_NAMES = ("u", "v", "q")


def shared_array(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Shared:
    """Zeros in anonymous memory that children made by fork write for their parent to read; freed with the array."""
    size = prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, prod(shape)).reshape(shape)


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and states of every layer and the readout, at the steps of the reference.

    spikes: per layer (time, batch, neurons). states: per layer u, v, q as (3, time, batch, neurons), or none.
    readout (time, batch, outputs).
    """

    spikes: tuple[Shared, ...]
    states: tuple[Shared, ...]
    readout: Shared

    @classmethod
    def empty(cls, network: IntegerNetwork | FloatNetwork, steps: int, batch: int, record: Record) -> "Recording":
        """Room for a run of `steps` over `batch` samples; 32 bits hold every integer state."""
        number: npt.DTypeLike = np.int32
        if isinstance(network, IntegerNetwork):
            widths = [layer.count for layer in network.layers]
        else:
            number, widths = np.float64, [layer.neurons.count for layer in network.layers]
        shapes = [(steps, batch, width) for width in widths]
        return cls(
            spikes=tuple(shared_array(shape, bool) for shape in shapes),
            states=tuple(shared_array((3, *shape), number) for shape in shapes if record is Record.STATES),
            readout=shared_array((steps, batch, network.outputs), number),
        )

    def trace(self) -> Trace:
        """What has been recorded, without a copy."""
        layers = [LayerTrace(spikes) for spikes in self.spikes]
        for index, states in enumerate(self.states):
            layers[index] = LayerTrace(self.spikes[index], dict(zip(STATE_NAMES, states, strict=True)))
        return Trace(tuple(layers), self.readout)
