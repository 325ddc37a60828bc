"""What a run leaves behind: spikes, states and readout at every step, axes (time, batch, neurons)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools
from brf_deploy.errors import InvalidFile
from brf_deploy.whole_file import write_whole


class Record(Enum):
    """What a run keeps: spikes and readout always, the states of every neuron on request."""

    SPIKES = "spikes"
    STATES = "states"


@dataclass(frozen=True, eq=False)
class LayerTrace:
    """Spikes (time, batch, neurons) and, where recorded, the states of the same shape after each step."""

    spikes: Bools
    states: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Trace:
    """One entry per layer and the readout (time, batch, outputs); integers from integer runs, reals from float runs."""

    layers: tuple[LayerTrace, ...]
    readout: npt.NDArray[Any]

    @property
    def steps(self) -> int:
        """Number of time steps."""
        return int(self.readout.shape[0])

    @property
    def samples(self) -> int:
        """Number of samples in the batch."""
        return int(self.readout.shape[1])

    def fields(self) -> dict[str, npt.NDArray[Any]]:
        """Every array by the name it has in a file: ``layer0.spikes``, ``layer0.u``, ..., ``readout``."""
        named: dict[str, npt.NDArray[Any]] = {}
        for index, layer in enumerate(self.layers):
            named[f"layer{index}.spikes"] = layer.spikes
            named.update({f"layer{index}.{name}": state for name, state in layer.states.items()})
        named["readout"] = self.readout
        return named

    def save(self, path: Path) -> None:
        """Write a compressed ``.npz``; the file appears whole or not at all."""
        file = BytesIO()
        np.savez_compressed(file, **self.fields())  # type: ignore[arg-type]
        write_whole(path, file.getbuffer())

    @classmethod
    def load(cls, path: Path) -> "Trace":
        """Read what `save` wrote."""
        try:
            with np.load(path, allow_pickle=False) as file:
                named = {name: file[name] for name in file.files}
            return cls.from_fields(named)
        except FileNotFoundError:
            raise InvalidFile(f"trace '{path}': no such file") from None
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise InvalidFile(f"trace '{path}': not a trace written by this program ({error})") from error

    @classmethod
    def from_fields(cls, named: Mapping[str, npt.NDArray[Any]]) -> "Trace":
        """The inverse of `fields`; raises KeyError where one is missing."""
        layers: list[LayerTrace] = []
        while f"layer{len(layers)}.spikes" in named:
            prefix = f"layer{len(layers)}."
            found = {name[len(prefix) :]: array for name, array in named.items() if name.startswith(prefix)}
            layers.append(LayerTrace(found.pop("spikes"), found))
        return cls(tuple(layers), named["readout"])


def join_samples(traces: list[Trace]) -> Trace:
    """Put runs over different samples of the same length together, in order."""
    if len(traces) == 1:
        return traces[0]
    named = [trace.fields() for trace in traces]
    return Trace.from_fields({name: np.concatenate([n[name] for n in named], axis=1) for name in named[0]})
