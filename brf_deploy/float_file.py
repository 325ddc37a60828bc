"""Float networks on disk: safetensors, with the whole configuration as JSON in the file's metadata (never pickle)."""

import json
from pathlib import Path
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from brf_deploy.encoding import Encoding
from brf_deploy.errors import BrfError, InvalidFile
from brf_deploy.float_network import (
    ALIFNeurons,
    BHRFNeurons,
    BRFNeurons,
    FloatLayer,
    FloatNetwork,
    FloatReadout,
    LIFNeurons,
    Neurons,
    RFNeurons,
)
from brf_deploy.whole_file import write_whole

SCHEMA = 1
KEY = "brf_deploy.float_network"

# Per neuron: its type, the arrays it stores as tensors, the numbers it stores as configuration.
NEURON_FIELDS: dict[str, tuple[type[Neurons], tuple[str, ...], tuple[str, ...]]] = {
    "brf": (BRFNeurons, ("omega", "b_offset"), ("dt", "theta", "gamma")),
    "rf": (RFNeurons, ("omega", "b_offset"), ("dt", "theta")),
    "alif": (ALIFNeurons, ("tau_mem", "tau_adp"), ("theta", "beta")),
    "lif": (LIFNeurons, ("tau_mem",), ("theta",)),
    "bhrf": (BHRFNeurons, ("omega", "b_offset"), ("dt", "theta", "gamma")),
}

Tensors = dict[str, npt.NDArray[Any]]


def save_float_network(network: FloatNetwork, path: Path) -> None:
    """Write a float network; the file appears whole or not at all, and the same network gives the same bytes."""
    tensors: Tensors = {"readout.tau": network.readout.tau, "readout.weight": network.readout.weight}
    layers = []
    for index, layer in enumerate(network.layers):
        _, arrays, numbers = NEURON_FIELDS[layer.neurons.kind]
        for name in arrays:
            tensors[f"layer{index}.{name}"] = getattr(layer.neurons, name)
        tensors[f"layer{index}.input_weight"] = layer.input_weight
        if layer.recurrent_weight is not None:
            tensors[f"layer{index}.recurrent_weight"] = layer.recurrent_weight
        constants = {name: getattr(layer.neurons, name) for name in numbers}
        layers.append({"name": layer.name, "neuron": layer.neurons.kind, **constants})
    if network.encoding.permutation is not None:
        tensors["encoding.permutation"] = network.encoding.permutation
    configuration = {
        "schema": SCHEMA,
        "task": network.task,
        "encoding": {"maximum": network.encoding.maximum, "full_scale": network.encoding.full_scale},
        "skip_steps": network.skip_steps,
        "layers": layers,
        "notes": network.notes,
    }
    write_whole(path, save(tensors, {KEY: json.dumps(configuration, sort_keys=True)}))


def load_float_network(path: Path) -> FloatNetwork:
    """Read what `save_float_network` wrote; raises `InvalidFile` for anything else."""
    configuration, tensors = _read(path)
    try:
        return _build(configuration, tensors)
    except BrfError as error:
        raise type(error)(f"model '{path}': {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFile(f"model '{path}': incomplete or ill-formed configuration ({error!r})") from error


def _read(path: Path) -> tuple[dict[str, Any], Tensors]:
    if not path.is_file():
        raise InvalidFile(f"model '{path}': no such file; make one with `brf-deploy train` or `brf-deploy import`")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidFile(
            f"model '{path}': not a readable safetensors file ({error}); "
            "published .pt checkpoints are read by `brf-deploy import`"
        ) from error
    if KEY not in metadata:
        raise InvalidFile(f"model '{path}': safetensors without the key '{KEY}'; it was not written by this program")
    try:
        configuration: dict[str, Any] = json.loads(metadata[KEY])
        schema = configuration["schema"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidFile(f"model '{path}': its configuration is not readable ({error!r})") from error
    if schema != SCHEMA:
        raise InvalidFile(f"model '{path}': schema {schema} found, this version reads schema {SCHEMA}")
    return configuration, tensors


def _build(configuration: dict[str, Any], tensors: Tensors) -> FloatNetwork:
    encoding = configuration["encoding"]
    permutation = tensors.get("encoding.permutation")
    return FloatNetwork(
        task=configuration["task"],
        encoding=Encoding(int(encoding["maximum"]), int(encoding["full_scale"]), permutation),
        layers=tuple(_layer(index, entry, tensors) for index, entry in enumerate(configuration["layers"])),
        readout=FloatReadout(tensors["readout.tau"], tensors["readout.weight"]),
        skip_steps=int(configuration["skip_steps"]),
        notes={str(key): str(value) for key, value in configuration["notes"].items()},
    )


def _layer(index: int, entry: dict[str, Any], tensors: Tensors) -> FloatLayer:
    kind, arrays, numbers = NEURON_FIELDS[entry["neuron"]]
    parameters: dict[str, Any] = {name: tensors[f"layer{index}.{name}"] for name in arrays}
    parameters.update({name: float(entry[name]) for name in numbers})
    return FloatLayer(
        name=str(entry["name"]),
        neurons=kind(**parameters),
        input_weight=tensors[f"layer{index}.input_weight"],
        recurrent_weight=tensors.get(f"layer{index}.recurrent_weight"),
    )
