"""What a checkpoint belongs to: recipe, data and versions, without which the same bits cannot come out."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from brf_deploy.errors import InvalidInput
from brf_deploy.task import Samples
from brf_training.recipe import Recipe, differences
from brf_training.recipe_file import parse_recipe, recipe_text


def run_identity(recipe: Recipe, samples: Samples) -> dict[str, str]:
    """Recipe as text, digest of the training split, versions of this program and of torch."""
    return {
        "recipe": recipe_text(recipe),
        "training data": _digest(samples),
        "brf-deploy": version("brf-deploy"),
        "torch": torch.__version__,
    }


def check_identity(found: Mapping[str, str], expected: Mapping[str, str], path: Path) -> None:
    """Refuse a checkpoint of another run, and say which values differ."""
    old, new = (parse_recipe(identity["recipe"], "recipe") for identity in (found, expected))
    wrong = [f"recipe {difference} now" for difference in differences(old, new)]
    wrong += [f"{name}: {found[name]}, {expected[name]} now" for name in expected if name != "recipe"
              and found[name] != expected[name]]  # fmt: skip
    if wrong:
        raise InvalidInput(
            f"checkpoint '{path}': it is of another run, and going on would give other numbers than an uninterrupted "
            f"one. {'; '.join(wrong)}. Take the same values, or start a run of its own, with --from for the weights"
        )


def _digest(samples: Samples) -> str:
    digest = sha256()
    for array in samples.arrays:
        digest.update(f"{array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()[:16]
