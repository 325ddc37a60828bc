"""The ledger: what a run did, counted in integers that add. Prices multiply it later (`brf_hardware.cost.energy`)."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Ledger:
    """Counts of one layer, the readout, or a whole run; every field is a term that a target may price.

    spikes: fired by neurons. axon_messages: a spike or input event once for each core that it is sent to.
    synaptic_operations: one for each binary message and each non-zero weight it meets (accumulates).
    graded_operations: the same for graded messages (multiply-accumulates), which are those of an encoding with more
    than two values. zero_operations: dense zeros met, where a core stores them. synaptic_words: 64-bit words of weights
    fetched. neuron_updates_idle, neuron_updates_driven: every neuron at every step, without and with synaptic input in
    that step. readout_updates: every readout at every step.
    hops_east_west, hops_north_south: routers passed by messages, XY routing. messages_within_router: messages that
    stay at their router. chip_crossings: messages that leave their chip, once for each chip border. barriers: steps
    after which the cores wait for each other, once a chip. empty_steps: steps without an input event. host_bytes_in,
    host_bytes_out: input messages and readouts that cross the host's interface.
    """

    spikes: int = 0
    axon_messages: int = 0
    synaptic_operations: int = 0
    graded_operations: int = 0
    zero_operations: int = 0
    synaptic_words: int = 0
    neuron_updates_idle: int = 0
    neuron_updates_driven: int = 0
    readout_updates: int = 0
    hops_east_west: int = 0
    hops_north_south: int = 0
    messages_within_router: int = 0
    chip_crossings: int = 0
    barriers: int = 0
    empty_steps: int = 0
    host_bytes_in: int = 0
    host_bytes_out: int = 0

    def __add__(self, other: "Ledger") -> "Ledger":
        return Ledger(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))
