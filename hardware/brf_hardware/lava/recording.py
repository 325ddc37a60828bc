"""Shared memory that Lava models, which are child processes, fill with what a run keeps."""

import mmap
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.parts import FIXED, NetworkParts

Shared = npt.NDArray[Any]
STATE_NAMES = ("u", "v", "q")


def shared_array(shape: tuple[int, ...], dtype: npt.DTypeLike) -> Shared:
    """Zeros in anonymous memory that children made by fork write for their parent to read; freed with the array."""
    size = prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, prod(shape)).reshape(shape)


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and states of every layer and the readout, at the steps of the network without Lava's delays.

    spikes: per layer (time, batch, neurons). states: per layer u, v, q as (3, time, batch, neurons), or none.
    readout (time, batch, outputs).
    """

    spikes: tuple[Shared, ...]
    states: tuple[Shared, ...]
    readout: Shared

    @classmethod
    def empty(cls, parts: NetworkParts, *, states: bool) -> "Recording":
        """Room for a run of the messages of `parts`; 32 bits hold every integer state."""
        number: npt.DTypeLike = np.int32 if parts.tag == FIXED else np.float64
        steps, batch, _ = parts.messages.shape
        shapes = [(steps, batch, layer.resonator.count) for layer in parts.layers]
        return cls(
            spikes=tuple(shared_array(shape, bool) for shape in shapes),
            states=tuple(shared_array((3, *shape), number) for shape in shapes if states),
            readout=shared_array((steps, batch, parts.integrator.count), number),
        )

    def fields(self) -> dict[str, Shared]:
        """What has been recorded, without a copy: ``layer0.spikes``, ``layer0.u``, ..., ``readout``."""
        named: dict[str, Shared] = {}
        for index, spikes in enumerate(self.spikes):
            named[f"layer{index}.spikes"] = spikes
            if self.states:
                names = (f"layer{index}.{name}" for name in STATE_NAMES)
                named.update(zip(names, self.states[index], strict=True))
        named["readout"] = self.readout
        return named
