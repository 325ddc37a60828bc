"""How full each core is, limit by limit."""

from collections.abc import Mapping

import numpy as np

from brf_deploy.arrays import Floats
from brf_hardware.mapping.mapping import CoreLoad
from brf_hardware.targets.target import Limits


def utilisation(load: CoreLoad, limits: Limits) -> Mapping[str, Floats]:
    """Share of each limit of a core that is taken (cores,); what has no limit is left out."""
    memory = load.state_bytes + load.synapse_bytes + load.table_bytes
    pairs = {
        "neurons": (load.neurons, limits.neurons_per_core),
        "synaptic memory": (load.synapse_bytes, limits.synapse_memory_bytes),
        "all memory": (memory, limits.core_memory_bytes),
        "axons in": (load.axons_in, limits.axons_in_per_core),
        "axons out": (load.axons_out, limits.axons_out_per_core),
    }
    return {name: np.asarray(taken / limit) for name, (taken, limit) in pairs.items() if limit}


def fullness(load: CoreLoad, limits: Limits) -> Floats:
    """Share of its tightest limit that each core takes (cores,); 0 where nothing is limited."""
    shares = [np.zeros(len(load.neurons)), *utilisation(load, limits).values()]
    return np.asarray(np.max(shares, axis=0))
