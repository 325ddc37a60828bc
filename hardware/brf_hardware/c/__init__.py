"""Integer networks as C99, and what compiles and runs it here and on a simulated Cortex-M4."""

from brf_hardware.c.exporter import EXPORTER

__all__ = ["EXPORTER"]
