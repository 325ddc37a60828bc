"""What lets lava-nc 0.10.0 and lava-dl 0.6.0 be imported on Python >= 3.11, numpy >= 2.4, and without torchvision.

Both are archived: their last releases declare Python 3.10, and no further ones will come.
"""

import dataclasses
import importlib
import importlib.util
import inspect
import sys
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

UNHASHABLE = "lava.magma.compiler.var_model"
VISION = "lava.lib.dl.slayer.object_detection"  # of no use to netx; it needs opencv and torchvision


def install() -> None:
    """Apply them; call it before the first import of anything from `lava`."""
    if UNHASHABLE not in sys.modules:
        _import_with_hashable_dataclasses(UNHASHABLE)
    if "newshape" not in inspect.signature(np.reshape).parameters:
        ports: Any = importlib.import_module("lava.magma.core.process.ports.ports")
        ports.ReshapePort.get_transform_func_fwd = lambda port: partial(np.reshape, shape=port.shape)
        ports.ReshapePort.get_transform_func_bwd = lambda port: partial(np.reshape, shape=port.old_shape)
    if importlib.util.find_spec("torchvision") is None or importlib.util.find_spec("cv2") is None:
        sys.modules.setdefault(VISION, ModuleType(VISION))


def _import_with_hashable_dataclasses(module: str) -> None:
    """Python >= 3.11 refuses unhashable dataclass defaults, and one class of this module has such a default."""
    original: Any = dataclasses.dataclass

    def hashable(cls: type | None = None, /, **options: Any) -> Any:
        decorator = original(**{"unsafe_hash": True, **options})
        return decorator if cls is None else decorator(cls)

    dataclasses.dataclass = hashable
    try:
        importlib.import_module(module)
    finally:
        dataclasses.dataclass = original
