"""Entry points: how the ground finds commands, tasks, backends and file formats without importing a wing."""

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from brf_deploy.errors import InvalidInput, Unavailable


def names(group: str) -> list[str]:
    """Names declared in an entry-point group, sorted."""
    return sorted({entry.name for entry in entry_points(group=group)})


def load_entry(group: str, name: str, noun: str) -> Any:
    """The object an entry point names.

    Raises `InvalidInput` listing what exists, or `Unavailable` naming the module that is missing.
    """
    found = {entry.name: entry for entry in entry_points(group=group)}
    if name not in found:
        raise InvalidInput(f"{noun} '{name}' is unknown; there are: {', '.join(sorted(found)) or 'none'}")
    return _load(found[name], noun)


def _load(entry: EntryPoint, noun: str) -> Any:
    try:
        return entry.load()
    except ModuleNotFoundError as error:
        raise Unavailable(missing_module(f"{noun} '{entry.name}'", error)) from error


# Which extra of this project brings an importable module; the rest name themselves.
EXTRA_OF_MODULE = {
    "torch": "train", "sklearn": "train", "tensorboard": "train", "tomli_w": "train", "filelock": "train",
    "nir": "nir", "h5py": "nir", "lava": "lava", "networkx": "lava", "onnx": "onnx", "onnxruntime": "onnx",
    "matplotlib": "report", "jinja2": "report", "scipy": "cost", "pymetis": "cost",
}  # fmt: skip


# lava-nc 0.10.0 declares Python < 3.11 and works on 3.11 to 3.13, so no extra can bring it: one more command does.
INSTALL_LAVA = "pip install --no-deps --ignore-requires-python lava-nc==0.10.0"


def how_to_install(module: str) -> str:
    """The command that brings an importable module."""
    if module.startswith("brf_"):
        return "this installation of brf-deploy is incomplete, install it again"
    extra = EXTRA_OF_MODULE.get(module)
    if module == "lava":
        return f"pip install 'brf-deploy[{extra}]', then {INSTALL_LAVA}"
    return f"pip install 'brf-deploy[{extra}]'" if extra else f"pip install {module}"


def missing_module(what: str, error: ModuleNotFoundError) -> str:
    """Message that names the extra to install for a module that is not there."""
    module = (error.name or "?").split(".")[0]
    return f"{what} needs the package '{module}', which is not installed: {how_to_install(module)}"
