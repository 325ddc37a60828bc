"""The checkpoints published with the BRF paper (Higuchi et al. 2024): ``.pt`` files of one hidden layer.

``model_state_dict`` holds ``hidden.<raw value> (H)``, ``hidden.linear.weight (H, in + H)`` acting on ``cat(x_t,
z_{t-1})``, optionally ``hidden.linear.mask`` of the same shape, ``out.tau_mem (C)`` and ``out.linear.weight (C, H)``.
RF and BRF files hold the same keys: only the user knows which neuron a file was trained with.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from brf_deploy.encoding import Encoding
from brf_deploy.errors import BrfError, InvalidFile, InvalidInput
from brf_deploy.float_network import FloatNetwork
from brf_deploy.task import Task
from brf_training.cell_loop import Cell, Integrators
from brf_training.extract import array_of, to_float_network
from brf_training.model import LeakyReadout, RecurrentLayer, RecurrentNetwork
from brf_training.neurons import NEURONS

WEIGHT, MASK, TAU, OUTPUT = "hidden.linear.weight", "hidden.linear.mask", "out.tau_mem", "out.linear.weight"

# Steps that the published training and evaluation skip (`sub_seq_length`), by task and neuron.
SKIP_STEPS = {("ecg", "alif"): 10}


def read_published(path: Path, neuron: str, task: Task, permutation: Path | None = None) -> FloatNetwork:
    """The float network of a published checkpoint.

    neuron: a name of `brf_training.neurons.NEURONS`. permutation: the ``.pt`` file saved beside a checkpoint of a
    permuted task. Raises `InvalidFile` for what is not such a checkpoint or does not fit neuron or task,
    `InvalidNetwork` for NaN and for ``dt * omega > 1``.
    """
    encoding = published_encoding(task, permutation)
    values = _read_values(path, neuron)
    _check_shapes(path, values, neuron, task)
    skip_steps = SKIP_STEPS.get((task.name, neuron), 0)
    notes = {"source": f"published checkpoint {path.name}"}
    try:
        return to_float_network(_model(values, neuron, task.inputs), task.name, encoding, skip_steps, notes)
    except BrfError as error:
        raise type(error)(f"checkpoint '{path}': {error}") from error


def published_encoding(task: Task, permutation: Path | None) -> Encoding:
    """The task's encoding, with the order of steps that the checkpoint was trained with."""
    usual = task.encoding.permutation
    if usual is None and permutation is None:
        return task.encoding
    if usual is None:
        raise InvalidInput(f"--permutation {permutation}: task '{task.name}' runs in natural order; leave it out")
    if permutation is None:
        raise InvalidInput(
            f"task '{task.name}': a published checkpoint knows only the order of steps it was trained with; name the "
            "file saved beside it (*_permuted_idx.pt) with --permutation FILE"
        )
    order = load_pt(permutation, "permutation")
    if not isinstance(order, Tensor) or order.dtype != torch.int64 or order.shape != usual.shape:
        found = f"{order.dtype} {tuple(order.shape)}" if isinstance(order, Tensor) else type(order).__name__
        raise InvalidFile(f"permutation '{permutation}': {found} found, expected a tensor of int64 {usual.shape}")
    try:
        return Encoding(task.encoding.maximum, task.encoding.full_scale, array_of(order))
    except BrfError as error:
        raise InvalidFile(f"permutation '{permutation}': {error}") from error


def load_pt(path: Path, noun: str) -> Any:
    """What a ``.pt`` file holds, without running code from it; raises `InvalidFile` where it cannot be read."""
    if not path.is_file():
        raise InvalidFile(f"{noun} '{path}': no such file")
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:  # torch's own text advises to run the code in the file
        raise InvalidFile(
            f"{noun} '{path}': not a torch file, or one that holds more than tensors; such a file could run code and "
            "is not read. Save the state_dict alone"
        ) from error
    except (RuntimeError, EOFError, KeyError, ValueError, AttributeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidFile(f"{noun} '{path}': not a readable torch file of plain tensors ({reason})") from error


def _read_values(path: Path, neuron: str) -> dict[str, Tensor]:
    """The tensors of the state dictionary, the mask already multiplied into the weights."""
    content = load_pt(path, "checkpoint")
    values = content.get("model_state_dict") if isinstance(content, Mapping) else None
    if not isinstance(values, Mapping) or not all(isinstance(value, Tensor) for value in values.values()):
        raise InvalidFile(
            f"checkpoint '{path}': no 'model_state_dict' of tensors in it; expected a file published with the BRF "
            "paper. Models trained here are .safetensors files and need no import"
        )
    _check_keys(path, set(values), neuron)
    weight, mask = values[WEIGHT], values.get(MASK)
    if mask is not None and mask.shape != weight.shape:
        raise InvalidFile(
            f"checkpoint '{path}': {MASK} {tuple(mask.shape)} does not fit {WEIGHT} {tuple(weight.shape)}"
        )
    return {**values, WEIGHT: weight if mask is None else weight * mask}


def _check_keys(path: Path, found: set[str], neuron: str) -> None:
    if neuron not in NEURONS:
        raise InvalidInput(f"neuron '{neuron}' is unknown; there are: {', '.join(NEURONS)}")
    expected = _hidden_keys(neuron) | {WEIGHT, TAU, OUTPUT}
    if missing := sorted(expected - found):
        stored = {key for key in found if key.startswith("hidden.")} - {WEIGHT, MASK}
        fitting = [name for name in NEURONS if _hidden_keys(name) == stored]
        advice = f"; its keys are those of: --neuron {' or '.join(fitting)}" if fitting else ""
        raise InvalidFile(
            f"checkpoint '{path}': a network of {neuron} neurons needs {', '.join(missing)}, not found{advice}"
        )
    if unknown := sorted(found - expected - {MASK}):
        raise InvalidFile(
            f"checkpoint '{path}': {', '.join(unknown)} found, which a published network of {neuron} neurons does not "
            "have; importing it without them would change what it computes"
        )


def _hidden_keys(neuron: str) -> set[str]:
    return {f"hidden.{name}" for name in NEURONS[neuron].initial}


def _check_shapes(path: Path, values: Mapping[str, Tensor], neuron: str, task: Task) -> None:
    """Refuse shapes that do not fit each other, or not the task."""
    weight = values[WEIGHT]
    neurons = len(weight) if weight.ndim == 2 else 0
    expected = {WEIGHT: (neurons, task.inputs + neurons), TAU: (task.classes,), OUTPUT: (task.classes, neurons)}
    expected |= dict.fromkeys(sorted(_hidden_keys(neuron)), (neurons,))
    for key, shape in expected.items():
        if tuple(values[key].shape) != shape:
            raise InvalidFile(
                f"checkpoint '{path}': {key} has shape {tuple(values[key].shape)}, expected {shape} for {neurons} "
                f"neurons on task '{task.name}' ({task.inputs} inputs, {task.classes} classes)"
            )


def _model(values: Mapping[str, Tensor], neuron: str, inputs: int) -> RecurrentNetwork:
    kind, weight = NEURONS[neuron](), values[WEIGHT]
    raw = {name: values[f"hidden.{name}"] for name in kind.initial}
    layer = RecurrentLayer(Cell(kind, raw, weight[:, :inputs], weight[:, inputs:]))
    return RecurrentNetwork([layer], LeakyReadout(Integrators(values[TAU], values[OUTPUT])))
