"""What a chip is: limits, prices and times as data. What is not public stands there as a stated assumption."""

from collections.abc import Mapping
from dataclasses import dataclass

from brf_hardware.targets.figure import Figure


@dataclass(frozen=True)
class Limits:
    """What a core and a chip can hold and do; None where a chip has no such limit, or none is published and assumed.

    chips: how many may be joined. mesh: columns and rows of routers a chip, with `cores_per_router` cores each.
    state_bits, weight_bits, coefficient_bits, accumulator_bits: word widths of the datapath. message_bits: payload of a
    graded spike, 0 where spikes are binary only. operations: what a neuron program may use (``add``, ``multiply``,
    ``shift``, ``compare``, ...).
    """

    chips: int
    cores_per_chip: int
    mesh: tuple[int, int]
    cores_per_router: int
    neurons_per_core: int | None
    state_bytes_per_neuron: int | None
    core_memory_bytes: int | None
    synapse_memory_bytes: int | None
    axons_in_per_core: int | None
    axons_out_per_core: int | None
    fan_in: int | None
    fan_out: int | None
    state_bits: int | None
    weight_bits: int | None
    coefficient_bits: int | None
    accumulator_bits: int | None
    message_bits: int | None
    largest_delay: int | None
    operations: frozenset[str] | None


@dataclass(frozen=True)
class Allocation:
    """Bytes that a core's memory gives to a thing: bare words, or with the overhead that others have assumed.

    neuron: beside its states and coefficients. synapse: one weight with its address. axon: an entry of a routing table.
    program: code of one kind of neuron, once a core.
    """

    neuron: float
    synapse: float
    axon: float
    program: float


@dataclass(frozen=True)
class Target:
    """A named target.

    allocations: ``optimistic`` and ``assumed``. energy: pJ for each count of a `Ledger` term (its field's name).
    time: ns for each count on the core or link that is busiest. static_power: W a chip. host: beside the chips, W.
    A term without an entry is unpriced, and a total that needs it is refused. assumptions: sentences.
    """

    name: str
    title: str
    description: str
    limits: Limits | None
    allocations: Mapping[str, Allocation]
    energy: Mapping[str, Figure]
    time: Mapping[str, Figure]
    static_power: Figure | None
    host_power: Figure | None = None
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
