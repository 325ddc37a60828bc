"""The commands of the hardware wing, one file each: `simulate`, `verify`, `report`, `check`, `map`, `estimate`."""
