"""The C structures of ``sequence.hpp`` and ``cross_entropy.hpp``, field by field."""

import ctypes
from functools import cache
from typing import Any

from torch import Tensor

Pointer = ctypes.c_void_p


class LayerArguments(ctypes.Structure):
    """``LayerArguments`` of sequence.hpp."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("neuron", "inputs", "neurons")),
        *(
            (name, Pointer)
            for name in (
                *("constants", "parameters", "input_weight", "recurrent_weight", "first_states", "first_spikes"),
                *("last_states", "last_spikes", "counts", "spikes"),
                *("g_last_states", "g_last_spikes", "g_counts", "g_spikes"),
                *("g_parameters", "g_input_weight", "g_recurrent_weight", "g_first_states", "g_first_spikes"),
            )
        ),
    ]


class SequenceArguments(ctypes.Structure):
    """``SequenceArguments`` of sequence.hpp."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("steps", "batch", "layers", "outputs", "tile", "interval", "threads")),
        *(
            (name, Pointer)
            for name in (
                *("surrogate", "inputs", "event_begin", "event_channels", "event_values"),
                *("integrators", "alpha", "readout_weight", "first_readout", "readout", "tape"),
                *("g_readout", "g_inputs", "g_alpha", "g_readout_weight", "g_first_readout"),
            )
        ),
    ]


class LossArguments(ctypes.Structure):
    """``LossArguments`` of cross_entropy.hpp."""

    _fields_ = [
        *((name, ctypes.c_int32) for name in ("steps", "batch", "outputs", "first_step", "threads")),
        ("readout", Pointer),
        ("labels", Pointer),
        ("label_steps", ctypes.c_int32),
        ("gradient", Pointer),
        ("loss", Pointer),
    ]


@cache
def array_of(kind: Any, count: int) -> Any:
    """The type of an array, kept: ctypes would make a new class at each call, which is slow and leaves garbage."""
    return kind * count


def address(tensor: Tensor | None) -> int | None:
    """Where a contiguous tensor lies; the caller keeps it alive. None is the null pointer."""
    return None if tensor is None else tensor.data_ptr()
