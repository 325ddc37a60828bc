"""Integer networks as synthesizable SystemVerilog, and what simulates and synthesises it."""

from brf_hardware.verilog.exporter import EXPORTER

__all__ = ["EXPORTER"]
