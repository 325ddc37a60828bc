"""The C interface of the integer engine: the structures of engine.hpp, field by field, and its one function."""

import ctypes
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import BackendFailure, InvalidInput
from brf_deploy.native_library import load_native

STEM, VERSION = Path(__file__).with_name("engine"), 2
LEVEL = "BRF_CPU_LEVEL"  # environment variable: 2, 3 or 4 takes an x86-64 build below the best, to compare them

Pointer = ctypes.c_void_p


class Synapses(ctypes.Structure):
    """``Synapses`` of engine.hpp."""

    _fields_ = [
        ("weight", Pointer),
        ("scale", Pointer),
        ("fan_out", Pointer),
        ("targets", ctypes.c_int64),
        ("row", ctypes.c_int32),
        ("weight_bytes", ctypes.c_int32),
        ("sum_bytes", ctypes.c_int32),
        ("graded", ctypes.c_int32),
        ("paired", ctypes.c_int32),
        ("drive_bytes", ctypes.c_int32),
    ]


class Layer(ctypes.Structure):
    """``Layer`` of engine.hpp."""

    _fields_ = [
        ("input", Synapses),
        ("recurrent", Synapses),
        ("keep", Pointer),
        ("rotation", Pointer),
        ("neurons", ctypes.c_int64),
        ("threshold", ctypes.c_int64),
        ("decay", ctypes.c_int64),
        ("gain", ctypes.c_int64),
        ("state_fraction", ctypes.c_int32),
        ("fraction", ctypes.c_int32),
        ("reset_fraction", ctypes.c_int32),
        ("decay_exponent", ctypes.c_int32),
        ("gain_shift", ctypes.c_int32),
        ("rotation_bytes", ctypes.c_int32),
    ]


class Network(ctypes.Structure):
    """``Network`` of engine.hpp."""

    _fields_ = [
        ("layers", ctypes.POINTER(Layer)),
        ("layer_count", ctypes.c_int64),
        ("inputs", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
        ("readout", Synapses),
        ("alpha", Pointer),
        ("limit", ctypes.c_int64),
    ]


class LayerRecord(ctypes.Structure):
    """``LayerRecord`` of engine.hpp."""

    _fields_ = [(name, Pointer) for name in ("spikes", "u", "v", "q", "state", "last_spikes", "spike_counts", "counts")]


class Run(ctypes.Structure):
    """``Run`` of engine.hpp."""

    _fields_ = [
        ("messages", Pointer),
        ("steps", ctypes.c_int64),
        ("samples", ctypes.c_int64),
        ("layers", ctypes.POINTER(LayerRecord)),
        ("y", Pointer),
        ("readout", Pointer),
        ("winner", Pointer),
        ("readout_sum", Pointer),
        ("readout_counts", Pointer),
        ("skip_steps", ctypes.c_int64),
    ]


def address(array: npt.NDArray[Any]) -> int:
    """Where an array lies; the caller keeps it alive."""
    return array.ctypes.data


def aligned(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros that begin on a cache line, so that no vector of a row crosses one."""
    line, size = 64, int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + line, np.uint8)
    start = -memory.ctypes.data % line
    return memory[start : start + size].view(dtype).reshape(shape)


def engine() -> ctypes.CDLL:
    """The library's build for this processor, or the one that `LEVEL` names.

    Raises `Unavailable` where it was not built, `InvalidInput` for a level that this processor does not have.
    """
    library = load_native(STEM, VERSION)
    wanted, best = os.environ.get(LEVEL), int(library.brf_cpu_level())
    if wanted is None:
        return library
    if wanted not in map(str, range(2, best + 1)):
        levels = f"2 to {best}" if best else "none: leave it unset"
        raise InvalidInput(f"environment variable {LEVEL}: '{wanted}' found; x86-64 levels of this processor: {levels}")
    return load_native(STEM, VERSION, int(wanted))


def execute(network: Network, run: Run, threads: int) -> None:
    """Run every sample; the arrays that the structures point to must live. Raises `BackendFailure` out of memory."""
    function = engine().brf_engine_run
    function.argtypes, function.restype = [Pointer, Pointer, ctypes.c_int64], ctypes.c_int32
    if function(ctypes.byref(network), ctypes.byref(run), threads) != 0:
        raise BackendFailure("backend 'fast': out of memory while running; run fewer samples at once")
