"""Numbers about the hardware, known before it is synthesised."""

from typing import Any

from brf_hardware.verilog.cycles import CycleModel
from brf_hardware.verilog.parameters import Parameters
from brf_hardware.verilog.plan import CorePlan


def facts(core: CorePlan, cycles: CycleModel, layers: list[Parameters], readout: Parameters) -> dict[str, Any]:
    """Bits of the memories, the multiplier, and clock cycles of a step."""
    units = [*layers, readout]
    rom = sum(_weight_bits(unit) for unit in units) + sum(_coefficient_bits(unit) for unit in layers)
    ram = sum(_sum_bits(unit) for unit in units) + sum(_state_bits(unit) for unit in layers)
    return {
        "ROM, bits": rom + _product(readout, "WORDS", "KEEP_BITS"),
        "RAM, bits": ram + _product(readout, "WORDS", "STATE_BITS"),
        "multipliers": 1,
        "multiplier operands, bits": f"{core.a.signed_bits} x {core.b.signed_bits}",
        "idle step, cycles": cycles.idle,
        "worst step, cycles": cycles.worst,
    }


def _weight_bits(unit: Parameters) -> int:
    return _product(unit, "WEIGHTS", "WEIGHT_BITS") + _product(unit, "SHIFTS", "SHIFT_BITS")


def _coefficient_bits(layer: Parameters) -> int:
    return _product(layer, "WORDS", "KEEP_BITS") + _product(layer, "WORDS", "ROTATION_BITS")


def _sum_bits(unit: Parameters) -> int:
    return _product(unit, "WORDS", "SUM_BITS")


def _state_bits(layer: Parameters) -> int:
    """u, v, q and the list of spikes."""
    a_neuron = 2 * int(layer["STATE_BITS"]) + int(layer["Q_BITS"]) + int(layer["INDEX_BITS"])
    return int(layer["WORDS"]) * a_neuron


def _product(unit: Parameters, count: str, bits: str) -> int:
    return int(unit[count]) * int(unit[bits])
