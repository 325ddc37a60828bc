"""What travels to the fresh interpreter: a network and its messages as plain arrays and JSON, never pickle."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.float_network import (
    ALIFNeurons,
    BRFNeurons,
    FloatLayer,
    FloatNetwork,
    FloatReadout,
    RFNeurons,
)
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork, UncertifiedNetwork
from brf_deploy.trace import Record
from brf_hardware.lava.limits import Limits

HEADER = "header"
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Request:
    """One run."""

    network: IntegerNetwork | FloatNetwork
    inputs: Ints
    record: Record
    limits: Limits

    def save(self, path: Path) -> None:
        """Write an uncompressed npz; messages in the smallest integers that hold them."""
        smallest = np.min_scalar_type(self.network.encoding.maximum)
        arrays: Arrays = {}
        header = {
            "network": _flatten(self.network, arrays, count()),
            "inputs": _flatten(self.inputs.astype(smallest), arrays, count(len(arrays))),
            "record": self.record.value,
            "stall": self.limits.stall,
        }
        np.savez(path, **{HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays})  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Request":
        """Read what `save` wrote; the network is checked anew, its certificate included."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(arrays.pop(HEADER).tobytes())
        return cls(
            network=_restore(header["network"], arrays),
            inputs=_restore(header["inputs"], arrays),
            record=Record(header["record"]),
            limits=Limits(stall=header["stall"]),
        )


CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        *(IntegerNetwork, UncertifiedNetwork, Arithmetic, ResonatorLayer, Synapses, Refractory, Readout, Encoding),
        *(FloatNetwork, FloatLayer, FloatReadout, BRFNeurons, RFNeurons, ALIFNeurons),
    )
}


def _flatten(value: Any, arrays: Arrays, names: Iterator[int]) -> Any:
    """JSON for a tree of dataclasses, tuples and numbers; its arrays go to `arrays` under numbers."""
    if isinstance(value, np.ndarray):
        name = str(next(names))
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        parts = {field.name: _flatten(getattr(value, field.name), arrays, names) for field in fields(value)}
        return {"class": type(value).__name__, "fields": parts}
    if isinstance(value, tuple):
        return {"tuple": [_flatten(part, arrays, names) for part in value]}
    return {"value": value.item() if isinstance(value, np.generic) else value}


def _restore(tree: Any, arrays: Arrays) -> Any:
    match tree:
        case {"array": name}:
            return arrays[name]
        case {"class": name, "fields": parts}:
            return CLASSES[name](**{field: _restore(part, arrays) for field, part in parts.items()})
        case {"tuple": parts}:
            return tuple(_restore(part, arrays) for part in parts)
    return tree["value"]
