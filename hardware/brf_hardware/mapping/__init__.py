"""Neurons onto cores, cores onto chips."""

from brf_hardware.mapping.mapper import map_network
from brf_hardware.mapping.mapping import Core, CoreLoad, Mapping
from brf_hardware.mapping.topology import Population, Topology

__all__ = ["Core", "CoreLoad", "Mapping", "Population", "Topology", "map_network"]
