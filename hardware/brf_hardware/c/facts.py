"""Numbers about the C code, known before it is compiled: memory and operations of a step."""

from typing import Any

import numpy as np

from brf_hardware.c.layout import state_type
from brf_hardware.c.plan import NetworkPlan

BUSY = 0.1  # share of inputs and neurons that are active in what is called a typical step
# Of a neuron: four products of the rotation, gain, decay. Its sums: x, half, a, u, v, u + x, threshold + q, q.
MULTIPLIES_A_NEURON, ADDS_A_NEURON = 6, 8
MULTIPLIES_AN_OUTPUT, ADDS_AN_OUTPUT = 1, 1


def facts(plan: NetworkPlan) -> dict[str, Any]:
    """Bytes of tables and state; multiplications and additions of a step, shifts and comparisons not counted."""
    worst, typical = operations(plan, 1.0), operations(plan, BUSY)
    return {
        "flash (bytes of constant tables)": flash_bytes(plan),
        "RAM (bytes of a state)": state_type(plan).itemsize,
        "synapses stored": sum(synapses.weights.size for synapses in plan.synapses),
        "synapses that are not 0": sum(int(np.count_nonzero(synapses.weights)) for synapses in plan.synapses),
        "multiplications a step, worst case": worst[0],
        "additions a step, worst case": worst[1],
        f"multiplications a step, {BUSY:.0%} active": typical[0],
        f"additions a step, {BUSY:.0%} active": typical[1],
    }


def flash_bytes(plan: NetworkPlan) -> int:
    """Of all constant tables that a step reads."""
    total = 4 * plan.readout.outputs + sum(2 * layer.words["factor"].bytes * layer.neurons for layer in plan.layers)
    return total + sum(synapses.bytes for synapses in plan.synapses)


def operations(plan: NetworkPlan, active: float) -> tuple[int, int]:
    """Multiplications and additions of a step in which this share of inputs and of every layer's neurons is active."""
    multiplies, adds = MULTIPLIES_AN_OUTPUT * plan.readout.outputs, ADDS_AN_OUTPUT * plan.readout.outputs
    for layer in plan.layers:
        multiplies += MULTIPLIES_A_NEURON * layer.neurons
        adds += ADDS_A_NEURON * layer.neurons
    for synapses in plan.synapses:
        products = round(active * synapses.sources) * synapses.fan_out
        adds += products
        multiplies += products if synapses.graded else 0
    return multiplies, adds
