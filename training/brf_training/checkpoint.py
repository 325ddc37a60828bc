"""Checkpoints: everything that a run needs to go on, in one safetensors file that is there whole or not at all."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from brf_deploy.errors import InvalidFile
from brf_deploy.whole_file import write_whole

SCHEMA = 1
KEY = "brf_training.checkpoint"
TENSOR = "$tensor"  # in the configuration, where a tensor stands


def save_checkpoint(state: Mapping[str, Any], path: Path) -> None:
    """Write a tree of dictionaries and lists that end in tensors, numbers, texts and None.

    Keys become texts. The same state gives the same bytes. Raises `InvalidInput` where the file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_without_tensors(state, "", tensors), sort_keys=True)
    content = {"schema": SCHEMA, "sha256": _digest(text, tensors), "state": text}
    # One key: safetensors writes several in an order that differs from call to call.
    write_whole(path, save(tensors, {KEY: json.dumps(content)}))


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote, bit for bit, on the CPU; raises `InvalidFile` for anything else. Runs no code."""
    if not path.is_file():
        raise InvalidFile(
            f"checkpoint '{path}': no such file; --resume goes on with a run that was interrupted. Start one with "
            "--out DIR"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidFile(f"checkpoint '{path}': not a readable safetensors file ({error})") from error
    if KEY not in metadata:
        raise InvalidFile(f"checkpoint '{path}': safetensors without the key '{KEY}'; it is no checkpoint of a run")
    try:
        content = json.loads(metadata[KEY])
        schema, digest, text = content["schema"], content["sha256"], content["state"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidFile(f"checkpoint '{path}': its configuration is not readable ({error!r})") from error
    if schema != SCHEMA:
        raise InvalidFile(f"checkpoint '{path}': schema {schema} found, this version reads schema {SCHEMA}")
    if digest != _digest(text, tensors):
        raise InvalidFile(
            f"checkpoint '{path}': its content does not have the SHA-256 that it states; it was damaged, start the run "
            "again"
        )
    state: dict[str, Any] = _with_tensors(json.loads(text), tensors)
    return state


def _without_tensors(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """The tree in JSON's types; its tensors go into `tensors`, by their path."""
    match value:
        case Tensor():
            tensors[name] = value.detach().cpu().contiguous()
            return {TENSOR: name}
        case Mapping():
            return {str(key): _without_tensors(item, f"{name}/{key}", tensors) for key, item in value.items()}
        case list() | tuple():
            return [_without_tensors(item, f"{name}/{index}", tensors) for index, item in enumerate(value)]
    return value


def _with_tensors(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    match value:
        case {"$tensor": name}:
            return tensors[name]
        case dict():
            return {key: _with_tensors(item, tensors) for key, item in value.items()}
        case list():
            return [_with_tensors(item, tensors) for item in value]
    return value


def _digest(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the configuration and of every tensor's bytes, in the order of their names."""
    digest = sha256(text.encode())
    for name in sorted(tensors):
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
