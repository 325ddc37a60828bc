"""Chips as data: limits, prices and times, each figure with unit, range, source and grade."""

from brf_hardware.targets.load import load_target, target_names
from brf_hardware.targets.override import override
from brf_hardware.targets.target import Target

__all__ = ["Target", "load_target", "override", "target_names"]
