"""What a checkpoint belongs to: recipe, data and versions, without which the same bits cannot come out."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from brf_deploy.errors import InvalidInput
from brf_deploy.task import Samples
from brf_training.kernels.library import finding
from brf_training.recipe import Recipe, differences
from brf_training.recipe_file import parse_recipe, recipe_text


def run_identity(recipe: Recipe, samples: Samples, device: torch.device) -> dict[str, str]:
    """Recipe as text, digest of the training split, versions of this program and of torch, and the kernels."""
    native, build = finding()
    return {
        "recipe": recipe_text(recipe),
        "training data": _digest(samples),
        "brf-deploy": version("brf-deploy"),
        "torch": torch.__version__,
        "kernels": device.type if device.type != "cpu" else build if native else "torch alone",
    }


def check_identity(found: Mapping[str, str], expected: Mapping[str, str], path: Path, *, elsewhere: bool) -> None:
    """Refuse a checkpoint of another run, and say which values differ; versions and kernels may, `elsewhere`."""
    old, new = (parse_recipe(identity["recipe"], "recipe") for identity in (found, expected))
    wrong = [f"recipe {difference} now" for difference in differences(old, new)]
    wrong += _differences(found, expected, ["training data"])
    others = [] if elsewhere else _differences(found, expected, ["brf-deploy", "torch", "kernels"])
    if wrong:
        raise InvalidInput(
            f"checkpoint '{path}': it is of another run, and going on would give other numbers than an uninterrupted "
            f"one. {'; '.join([*wrong, *others])}. Take the same values, or start a run of its own, with --from for "
            "the weights"
        )
    if others:
        raise InvalidInput(
            f"checkpoint '{path}': it was written elsewhere, and going on would not give an uninterrupted run's very "
            f"bits. {'; '.join(others)}. Resume where it was written, or go on all the same with --elsewhere"
        )


def _differences(found: Mapping[str, str], expected: Mapping[str, str], names: Sequence[str]) -> list[str]:
    values = ((name, found.get(name, "unknown"), expected[name]) for name in names)
    return [f"{name}: {old}, {new} now" for name, old, new in values if old != new]


def _digest(samples: Samples) -> str:
    digest = sha256()
    for array in samples.arrays:
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()[:16]
