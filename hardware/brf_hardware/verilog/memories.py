"""The contents of the read-only memories, as the text that `$readmemh` reads."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_hardware.verilog.parameters import Parameters, words
from brf_hardware.verilog.plan import LayerPlan, ReadoutPlan, SynapsePlan


def layer_memories(plan: LayerPlan, parameters: Parameters) -> dict[str, str]:
    """Texts by file name. A word of coefficients is ``keep`` above ``W``."""
    keep_bits, rotation_bits = int(parameters["KEEP_BITS"]), int(parameters["ROTATION_BITS"])
    coefficients = (_word(plan.keep, keep_bits) << rotation_bits) | plan.rotation
    return {
        **_synapse_memories(plan.synapses, parameters),
        str(parameters["COEFFICIENT_FILE"]): _hexadecimal(coefficients, keep_bits + rotation_bits),
    }


def readout_memories(plan: ReadoutPlan, parameters: Parameters) -> dict[str, str]:
    """Texts by file name."""
    keep = _hexadecimal(plan.keep, int(parameters["KEEP_BITS"]))
    return {**_synapse_memories(plan.synapses, parameters), str(parameters["KEEP_FILE"]): keep}


def _synapse_memories(plan: SynapsePlan, parameters: Parameters) -> dict[str, str]:
    return {
        str(parameters["WEIGHT_FILE"]): _hexadecimal(_word(plan.weights, plan.weight_bits), plan.weight_bits),
        str(parameters["SHIFT_FILE"]): _hexadecimal(plan.shifts, plan.shift_bits),
    }


def _word(values: Ints, bits: int) -> Ints:
    """Two's complement in `bits` bits."""
    return values & np.int64((1 << bits) - 1)


def _hexadecimal(values: Ints, bits: int) -> str:
    flat = values.ravel().tolist()
    flat += [0] * (words(len(flat)) - len(flat))
    digits = (bits + 3) // 4
    return "".join(f"{value:0{digits}x}\n" for value in flat)
