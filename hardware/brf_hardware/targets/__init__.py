"""Chips as data: limits, prices and times, each figure with unit, range, source and grade."""
