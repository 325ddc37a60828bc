"""The two changes that let lava-nc 0.10.0 import and run on Python >= 3.11 and numpy >= 2.4.

Lava is archived: its last release declares Python 3.10, and no further one will come.
"""

import dataclasses
import importlib
import inspect
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

VAR_MODEL = "lava.magma.compiler.var_model"


def install() -> None:
    """Apply both; call it before the first import of anything from `lava`."""
    if VAR_MODEL not in sys.modules:
        _import_with_hashable_dataclasses(VAR_MODEL)
    if "newshape" not in inspect.signature(np.reshape).parameters:
        _reshape_by_its_new_name()


def _import_with_hashable_dataclasses(module: str) -> None:
    """Python >= 3.11 refuses unhashable dataclass defaults, and one class of this module has such a default."""
    original = dataclasses.dataclass

    def hashable_here(cls: type | None = None, /, **options: Any) -> Any:
        def decorate(found: type) -> type:
            extra = {"unsafe_hash": True} if found.__module__ == module else {}
            decorator: Callable[[type], type] = original(**{**extra, **options})
            return decorator(found)

        return decorate if cls is None else decorate(cls)

    dataclasses.dataclass = hashable_here
    try:
        importlib.import_module(module)
    finally:
        dataclasses.dataclass = original


def _reshape_by_its_new_name() -> None:
    """numpy 2.4 has no `np.reshape(newshape=...)` any more, which Lava's reshaping ports call."""
    ports = importlib.import_module("lava.magma.core.process.ports.ports")
    ports.ReshapePort.get_transform_func_fwd = lambda port: partial(np.reshape, shape=port.shape)
    ports.ReshapePort.get_transform_func_bwd = lambda port: partial(np.reshape, shape=port.old_shape)
