"""The native library of the training kernels; this module needs no torch."""

import ctypes
from pathlib import Path

from brf_deploy.native_library import load_native, native_detail

STEM, VERSION = Path(__file__).parent / "training", 3


def load(level: int | None = None) -> ctypes.CDLL:
    """The build for this processor, or for a level of its own; raises `Unavailable` where there is none."""
    return load_native(STEM, VERSION, level)


def finding() -> tuple[bool, str]:
    """For `brf-deploy doctor`: whether the library is there, and which build of it, or how to get one."""
    return native_detail(STEM, VERSION)
