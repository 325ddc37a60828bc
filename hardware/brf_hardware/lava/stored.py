"""An integer network's parts as files: numbers in `parameters.json`, arrays in `weights.npz`.

`SHA256SUMS` guards both (``sha256sum -c SHA256SUMS`` checks every file of a folder).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.dynamics import FixedIntegrator, FixedResonator, Ints
from brf_hardware.lava.parts import FIXED, LayerParts, NetworkParts, Weights

PARAMETERS, WEIGHTS, SUMS = "parameters.json", "weights.npz", "SHA256SUMS"
VERSION = 1
Arrays = dict[str, npt.NDArray[Any]]


class Refused(Exception):
    """A file or an input that cannot be used; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class StoredNetwork:
    """A network without messages. maximum: of a message. permutation: step t receives messages[permutation[t]]."""

    task: str
    skip_steps: int
    channels: int
    maximum: int
    permutation: Ints | None
    parts: NetworkParts

    def with_messages(self, messages: npt.NDArray[Any]) -> NetworkParts:
        """The parts with messages (time, batch, channels), or (time, channels) of one sample, checked and ordered."""
        if messages.dtype.kind not in "iub":
            raise Refused(f"input: dtype {messages.dtype} found, integers 0..{self.maximum} needed")
        if messages.ndim == 2:
            messages = messages[:, np.newaxis, :]
        if messages.ndim != 3 or messages.shape[2] != self.channels:
            raise Refused(f"input: shape {messages.shape} found, (time, batch, {self.channels}) needed")
        if messages.shape[1] == 0:
            raise Refused(f"input: shape {messages.shape} found, at least one sample needed")
        if messages.size and (messages.min() < 0 or messages.max() > self.maximum):
            raise Refused(f"input: {messages.min()}..{messages.max()} found, the network accepts 0..{self.maximum}")
        messages = messages.astype(np.int64)
        if self.permutation is not None:
            if len(self.permutation) != len(messages):
                raise Refused(f"input: {len(messages)} steps found, {len(self.permutation)} needed by the permutation")
            messages = messages[self.permutation]
        return replace(self.parts, messages=messages)


def to_files(network: StoredNetwork) -> dict[str, bytes]:
    """`PARAMETERS` and `WEIGHTS`; the same network gives the same bytes."""
    arrays: Arrays = {}
    layers: list[dict[str, Any]] = []
    for index, layer in enumerate(network.parts.layers):
        assert isinstance(layer.resonator, FixedResonator)
        _store_weights(arrays, f"layer{index}.input", layer.into)
        if layer.recurrent is not None:
            _store_weights(arrays, f"layer{index}.recurrent", layer.recurrent)
        numbers = _store_constants(arrays, f"layer{index}", layer.resonator)
        layers.append({"name": layer.name, "recurrent": layer.recurrent is not None, **numbers})
    _store_weights(arrays, "readout.input", network.parts.readout)
    assert isinstance(network.parts.integrator, FixedIntegrator)
    readout = _store_constants(arrays, "readout", network.parts.integrator)
    if network.permutation is not None:
        arrays["permutation"] = _narrow(network.permutation)
    parameters = {
        "format": "brf-deploy Lava project",
        "version": VERSION,
        "task": network.task,
        "skip_steps": network.skip_steps,
        "messages": {"channels": network.channels, "maximum": network.maximum},
        "layers": layers,
        "readout": readout,
    }
    file = BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return {PARAMETERS: (json.dumps(parameters, indent=2) + "\n").encode(), WEIGHTS: file.getvalue()}


def sums(files: Mapping[str, bytes]) -> bytes:
    """The text of `SUMS` for files by path."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())).encode()


def from_folder(folder: Path) -> StoredNetwork:
    """The network in a folder; raises `Refused` where a file is missing or is not the one that was written."""
    parameters = json.loads(_checked(folder, PARAMETERS))
    if parameters["version"] != VERSION:
        raise Refused(f"{PARAMETERS}: version {parameters['version']} found, {VERSION} needed; export again")
    with np.load(BytesIO(_checked(folder, WEIGHTS)), allow_pickle=False) as file:
        arrays = {name: file[name].astype(np.int64) for name in file.files}
    layers = [_layer(arrays, index, numbers) for index, numbers in enumerate(parameters["layers"])]
    channels = parameters["messages"]["channels"]
    parts = NetworkParts(
        messages=np.zeros((0, 1, channels), np.int64),
        layers=layers,
        readout=_weights(arrays, "readout.input"),
        integrator=_constants(FixedIntegrator, arrays, "readout", parameters["readout"]),
        tag=FIXED,
    )
    return StoredNetwork(
        task=parameters["task"],
        skip_steps=parameters["skip_steps"],
        channels=channels,
        maximum=parameters["messages"]["maximum"],
        permutation=arrays.get("permutation"),
        parts=parts,
    )


def _checked(folder: Path, name: str) -> bytes:
    try:
        lines = (folder / SUMS).read_text().splitlines()
        data = (folder / name).read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"'{folder / name}' cannot be read with its {SUMS} ({error}); export again") from None
    if f"{hashlib.sha256(data).hexdigest()}  {name}" not in lines:
        raise Refused(
            f"'{folder / name}' is not the file that {SUMS} names: damaged or changed; export again, or correct {SUMS} "
            "where the change was meant"
        )
    return data


def _layer(arrays: Arrays, index: int, numbers: dict[str, Any]) -> LayerParts:
    return LayerParts(
        name=numbers["name"],
        resonator=_constants(FixedResonator, arrays, f"layer{index}", numbers),
        into=_weights(arrays, f"layer{index}.input"),
        recurrent=_weights(arrays, f"layer{index}.recurrent") if numbers["recurrent"] else None,
    )


def _store_weights(arrays: Arrays, prefix: str, weights: Weights) -> None:
    arrays[f"{prefix}.weights"] = _narrow(weights.weights)
    arrays[f"{prefix}.shift"] = _narrow(np.asarray(weights.shift))


def _weights(arrays: Arrays, prefix: str) -> Weights:
    return Weights(arrays[f"{prefix}.weights"], arrays[f"{prefix}.shift"])


def _store_constants(arrays: Arrays, prefix: str, neurons: FixedResonator | FixedIntegrator) -> dict[str, int]:
    """Puts the arrays of a dataclass away and returns its numbers."""
    values = {field.name: getattr(neurons, field.name) for field in fields(neurons)}
    arrays.update(
        {f"{prefix}.{name}": _narrow(value) for name, value in values.items() if isinstance(value, np.ndarray)}
    )
    return {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}


def _constants(kind: Any, arrays: Arrays, prefix: str, numbers: dict[str, Any]) -> Any:
    names = [field.name for field in fields(kind)]
    return kind(**{name: numbers[name] if name in numbers else arrays[f"{prefix}.{name}"] for name in names})


def _narrow(values: Ints) -> npt.NDArray[Any]:
    """In the smallest signed integers that hold them."""
    ends = (values.min(initial=0), values.max(initial=0))
    kinds = (np.int8, np.int16, np.int32)
    return values.astype(
        next((k for k in kinds if np.iinfo(k).min <= ends[0] and ends[1] <= np.iinfo(k).max), np.int64)
    )
