"""Numbers about the C code, known before it is compiled: memory and operations of a step."""

from typing import Any

from brf_hardware.c.layout import state_type
from brf_hardware.c.plan import NetworkPlan, SynapsePlan

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
        "multiplications a step, worst case": worst[0],
        "additions a step, worst case": worst[1],
        f"multiplications a step, {BUSY:.0%} active": typical[0],
        f"additions a step, {BUSY:.0%} active": typical[1],
    }


def flash_bytes(plan: NetworkPlan) -> int:
    """Of all constant tables that a step reads."""
    total = _synapse_bytes(plan.readout.synapses) + 4 * plan.readout.outputs
    for layer in plan.layers:
        total += _synapse_bytes(layer.input) + 2 * layer.words["factor"].bytes * layer.neurons
        total += 0 if layer.recurrent is None else _synapse_bytes(layer.recurrent)
    return total


def operations(plan: NetworkPlan, active: float) -> tuple[int, int]:
    """Multiplications and additions of a step in which this share of inputs and of every layer's neurons is active."""
    multiplies, adds = MULTIPLIES_AN_OUTPUT * plan.readout.outputs, ADDS_AN_OUTPUT * plan.readout.outputs
    walks = [plan.readout.synapses]
    for layer in plan.layers:
        multiplies += MULTIPLIES_A_NEURON * layer.neurons
        adds += ADDS_A_NEURON * layer.neurons
        walks += [layer.input] if layer.recurrent is None else [layer.input, layer.recurrent]
    for synapses in walks:
        products = round(active * synapses.sources) * synapses.targets
        adds += products
        multiplies += products if synapses.graded else 0
    return multiplies, adds


def _synapse_bytes(synapses: SynapsePlan) -> int:
    return synapses.weights.size * synapses.weight.bytes + synapses.targets
