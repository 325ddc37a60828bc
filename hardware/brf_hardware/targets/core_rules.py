"""Rules about cores and chips: what one neuron needs, what all need together, and what a program may do."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import BrfError
from brf_deploy.network import IntegerNetwork
from brf_hardware.footprint import neuron_bytes
from brf_hardware.targets.demand import Case, Demand

SPLIT = "split the layer into smaller ones, prune, or take a target with more"
READOUT = "readout"
PROGRAMMABLE = "take a target with programmable neurons: loihi2, cortex-m4, generic-fpga"
# docs/arithmetic.md, section 2.3: what a step of a neuron or of a readout is made of.
NEURON_OPERATIONS = {
    "multiply": "rotation, decay and gain of q",
    "add": "products, drive, threshold",
    "shift": "alignment and rounding",
    "compare": "spike, sign, clip",
}
READOUT_OPERATIONS = {"multiply": "leak", "add": "weights", "shift": "alignment and rounding"}
# A circuit that decays a state by a constant does a readout's product and shift at once.
LEAKY_READOUT_OPERATIONS = {"leak": "leak", "add": "weights"}
# A spike that was fired in one step reaches recurrent synapses in the next.
RECURRENT_DELAY = 1


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of a layer or of the readout.

    neuron_bytes: states and coefficients of one. weight_bits: of a synapse onto them. fan_in, fan_out (neurons,):
    synapses that are not zero.
    """

    name: str
    neuron_bytes: int
    weight_bits: int
    fan_in: Ints
    fan_out: Ints

    @property
    def count(self) -> int:
        """Number of neurons."""
        return len(self.fan_in)


def populations(network: IntegerNetwork) -> tuple[Population, ...]:
    """Every layer and, last, the readout; a layer's fan-out counts recurrent and onward synapses."""
    into = [np.count_nonzero(layer.input.mantissa, axis=1) for layer in network.layers]
    into.append(np.count_nonzero(network.readout.weight.mantissa, axis=1))
    onward = [layer.input for layer in network.layers[1:]] + [network.readout.weight]
    out = [np.count_nonzero(block.mantissa, axis=0) for block in onward]
    for index, layer in enumerate(network.layers):
        if layer.recurrent is not None:
            into[index] = into[index] + np.count_nonzero(layer.recurrent.mantissa, axis=1)
            out[index] = out[index] + np.count_nonzero(layer.recurrent.mantissa, axis=0)
    out.append(np.zeros(network.outputs, np.int64))
    names = [*(f"layer '{layer.name}'" for layer in network.layers), READOUT]
    bits = [network.arithmetic.weight_bits] * len(network.layers) + [network.arithmetic.readout_weight_bits]
    return tuple(
        Population(name, size, wide, a, b)
        for name, size, wide, a, b in zip(names, neuron_bytes(network), bits, into, out, strict=True)
        if len(a)
    )


def neuron_state(case: Case) -> Iterator[Demand]:
    """States and coefficients of one neuron fit what a core gives to a neuron.

    Three states and two coefficients with their exponents for a BRF neuron; one state and its leak for a readout.
    """
    for part in populations(case.network):
        yield Demand.at_most(
            f"{part.name}, each neuron", part.neuron_bytes, case.limits.state_bytes_per_neuron, "bytes",
            "quantise with fewer --state-bits or --coefficient-bits",
        )  # fmt: skip


def neuron_memory(case: Case) -> Iterator[Demand]:
    """One neuron with all its synapses fits a core by itself.

    A neuron's synapses lie on its own core. A core holds the neuron, its program, its incoming weights, one axon for
    each source and one to send by; who does not fit alone fits nowhere, whatever the mapping.
    """
    allocation, limits = case.target.allocations[case.allocation], case.limits
    for part in populations(case.network):
        neuron, fan_in = _most(part.fan_in)
        synapses = fan_in * allocation.synapse_bytes(part.weight_bits)
        axons = (fan_in + min(int(part.fan_out[neuron]), 1)) * allocation.axon
        total = allocation.program + allocation.neuron + part.neuron_bytes + synapses + axons
        where = f"{part.name}, neuron {neuron}"
        remedy = f"prune its {fan_in:,} synapses, or split it into neurons that share them"
        yield Demand.at_most(f"{where}, synapses", synapses, limits.synapse_memory_bytes, "bytes", remedy)
        yield Demand.at_most(f"{where}, all", total, limits.core_memory_bytes, "bytes", remedy)


def fan_in(case: Case) -> Iterator[Demand]:
    """No neuron has more incoming synapses than the target allows, nor than a core has incoming axons.

    Weights that are zero are not counted.
    """
    for part in populations(case.network):
        neuron, count = _most(part.fan_in)
        where = f"{part.name}, neuron {neuron}"
        yield Demand.at_most(where, count, case.limits.fan_in, "synapses", "prune incoming weights")
        yield Demand.at_most(
            f"{where}, sources", count, case.limits.axons_in_per_core, "axons in", "prune incoming weights"
        )


def fan_out(case: Case) -> Iterator[Demand]:
    """No neuron has more outgoing synapses than the target allows.

    Weights that are zero are not counted.
    """
    for part in populations(case.network):
        neuron, count = _most(part.fan_out)
        yield Demand.at_most(
            f"{part.name}, neuron {neuron}", count, case.limits.fan_out, "synapses", "prune outgoing weights"
        )


def delays(case: Case) -> Iterator[Demand]:
    """Spikes arrive when the network expects them.

    Recurrent spikes arrive one step after they were fired; networks have no other delay.
    """
    for layer in case.network.layers:
        if layer.recurrent is not None:
            yield Demand.at_most(
                f"layer '{layer.name}', recurrence", RECURRENT_DELAY, case.limits.largest_delay, "steps",
                "take a target that delivers a spike in the next step",
            )  # fmt: skip


def operations(case: Case) -> Iterator[Demand]:
    """A neuron's program uses only operations that the target has.

    A BRF neuron multiplies, adds, shifts and compares. It never divides and takes no square root at run time: the
    divergence boundary's square root is in the damping that the quantiser wrote, and divisions by dt are in the
    weights.
    """
    have = case.limits.operations
    for part in populations(case.network):
        for name, purpose in _needed(part, have).items():
            holds = have is None or name in have
            limit = "no limit" if have is None else "there" if holds else "not there"
            yield Demand.there(f"{part.name}, {name} ({purpose})", "needed", limit, holds, PROGRAMMABLE)


def neuron_total(case: Case) -> Iterator[Demand]:
    """All neurons fit the chips that may be joined."""
    limits = case.limits
    total = sum(part.count for part in populations(case.network))
    room = _times(limits.neurons_per_core, limits.cores_per_chip * limits.chips)
    yield Demand.at_most("network", total, room, "neurons", SPLIT)


def memory_total(case: Case) -> Iterator[Demand]:
    """All synapses and states fit the memory of the chips that may be joined.

    A bound that no mapping can beat: axons are left out, since their number depends on the mapping.
    """
    limits, allocation = case.limits, case.target.allocations[case.allocation]
    cores = limits.cores_per_chip * limits.chips
    parts = populations(case.network)
    synapses = sum(int(part.fan_in.sum()) * allocation.synapse_bytes(part.weight_bits) for part in parts)
    total = synapses + sum(part.count * (part.neuron_bytes + allocation.neuron) for part in parts)
    yield Demand.at_most("network, synapses", synapses, _times(limits.synapse_memory_bytes, cores), "bytes", SPLIT)
    yield Demand.at_most("network, all", total, _times(limits.core_memory_bytes, cores), "bytes", SPLIT)


def mapping(case: Case) -> Iterator[Demand]:
    """Every neuron finds a core.

    Neurons, synapses, axons and programs together, placed by the mapper; `brf-deploy map` shows where. Where the
    mapper's packages are not installed, the totals above are all that is checked, and the row says so.
    """
    try:
        from brf_hardware.mapping import map_network
    except ImportError as error:
        yield Demand.there("network", f"not mapped: {error}", "totals only", True, "install what is missing")
        return
    try:
        chips = map_network(case.network, case.target, case.allocation).chips
    except BrfError as error:
        cores = case.limits.chips * case.limits.cores_per_chip
        yield Demand.there("network, cores", "no mapping", f"{cores:,}", False, str(error))
    else:
        yield Demand.at_most("network", chips, case.limits.chips, "chips", SPLIT)


def _needed(part: Population, have: frozenset[str] | None) -> Mapping[str, str]:
    if part.name != READOUT:
        return NEURON_OPERATIONS
    return LEAKY_READOUT_OPERATIONS if have is not None and "leak" in have else READOUT_OPERATIONS


def _times(limit: int | None, cores: int) -> int | None:
    return None if limit is None else limit * cores


def _most(counts: Ints) -> tuple[int, int]:
    index = int(np.argmax(counts))
    return index, int(counts[index])
