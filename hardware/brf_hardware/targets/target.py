"""What a chip is: limits, prices and times as data. What is not public stands there as a stated assumption."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from brf_deploy.errors import InvalidInput
from brf_hardware.targets.figure import Figure, Grade


@dataclass(frozen=True)
class Limits:
    """What a core and a chip can hold and do; None where a chip has no such limit, or none is published and assumed.

    chips: how many may be joined. mesh: columns and rows of routers a chip, with `cores_per_router` cores each.
    state_bits, weight_bits, coefficient_bits: word widths of the datapath, signs included. accumulator_bits: the word
    that sums the weights of a neuron's messages. product_bits: the word that holds the rotation before its right shift.
    message_bits: payload of a graded spike, 0 where spikes are binary only. operations: what a neuron program may use
    (``add``, ``multiply``, ``shift``, ``compare``, ...).
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
    product_bits: int | None = None

    def __post_init__(self) -> None:
        places = self.mesh[0] * self.mesh[1] * self.cores_per_router
        if places < self.cores_per_chip:
            raise InvalidInput(
                f"limits: {self.cores_per_chip} cores a chip found, but a mesh of {self.mesh[0]} x {self.mesh[1]} "
                f"routers with {self.cores_per_router} cores each has {places} places; change cores_per_chip, mesh or "
                "cores_per_router"
            )


@dataclass(frozen=True)
class Origin:
    """Where a limit comes from."""

    source: str
    grade: Grade
    note: str = ""


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

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < float("inf"):
                raise InvalidInput(f"allocation: {name} is {value:g} bytes; 0 or more is needed")

    def synapse_bytes(self, weight_bits: int) -> float:
        """Of one synapse: `synapse` for weights of up to 8 bits, and a byte more for each further 8."""
        return self.synapse + (weight_bits - 1) // 8


@dataclass(frozen=True)
class Anchor:
    """A published measurement of a whole workload, which an estimate is held against; `low` to `high`, in `unit`."""

    label: str
    low: float
    high: float
    unit: str
    source: str


@dataclass(frozen=True)
class Target:
    """A named target.

    limits: None for a bare price table. allocations: ``optimistic`` and ``assumed``. energy: pJ for each count of a
    `Ledger` term (its field's name). time: ns for each count on the core or link that is busiest; the terms are those
    of the ledger with ``messages_in`` and ``messages_out`` of a core in the place of ``axon_messages``
    (`brf_hardware.targets.terms.TIME_TERMS`). barriers_by_routers: (routers, ns) where the time of a barrier is known
    by the number of routers it spans. barriers_across_chips: ns of one at which several chips meet, None where that is
    not known apart. barriers_of_layers: whether each layer has a barrier, which the figures of barriers are of.
    sequential: whether a core does one thing after another instead of overlapping its stages. static_power: W a chip.
    host_power: beside each chip, W. neuron_factor: where the energies and times of neuron updates are those of the
    chip's own LIF neuron, the multiple that a BRF neuron takes (`brf_hardware.targets.neuron_factor`); None where they
    are BRF's already.
    A term without an entry is unpriced, and a total that needs it is refused. A figure of 0 says in its note which
    other figure holds that cost. origins: of the limits, by name. assumptions: sentences. sources: full citations,
    each after the short name that figures refer to.
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
    barriers_by_routers: tuple[tuple[int, float], ...] = ()
    barriers_across_chips: Figure | None = None
    barriers_of_layers: bool = False
    sequential: bool = False
    neuron_factor: Figure | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict)
    anchors: tuple[Anchor, ...] = ()

    def barrier_time(self, chips: int) -> Figure | None:
        """ns of a barrier at which so many chips meet, None where it is unknown; `barriers_by_routers` is not asked."""
        across = self.barriers_across_chips
        return self.time.get("barriers") if chips == 1 or across is None else across
