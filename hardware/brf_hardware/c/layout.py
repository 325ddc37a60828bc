"""The members of a state, in the order of the header, and the size a compiler gives it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from brf_hardware.c.plan import LayerPlan, NetworkPlan
from brf_hardware.c.words import Word, index_word


@dataclass(frozen=True)
class Member:
    """An array of `count` values of a type; a single value where `count` is None."""

    name: str
    word: Word
    count: int | None
    meaning: str

    @property
    def field(self) -> tuple[Any, ...]:
        """As numpy describes it."""
        return (self.name, self.word.numpy) if self.count is None else (self.name, self.word.numpy, self.count)


def layer_members(layer: LayerPlan) -> list[Member]:
    """Of a layer; larger types first, which leaves no gaps."""
    neurons, index = layer.neurons, index_word(layer.neurons)
    members = [
        Member("u", layer.state, neurons, ""),
        Member("v", layer.state, neurons, ""),
        Member("q", layer.refractory, neurons, ""),
        Member("input_sum", layer.input.sum, neurons, "work space of a step"),
        Member("spikes", index, neurons, "the neurons that fired in the last step, ascending"),
        Member("spike_count", index, None, "how many did"),
    ]
    if layer.recurrent is not None:
        members.insert(4, Member("recurrent_sum", layer.recurrent.sum, neurons, "work space of a step"))
    return sorted(members, key=lambda member: -member.word.bits)


def state_type(plan: NetworkPlan) -> "np.dtype[np.void]":
    """NAME_state as a compiler lays it out: every member at a multiple of its size."""
    layers: list[Any] = [
        (f"layer{index}", np.dtype([member.field for member in layer_members(layer)], align=True))
        for index, layer in enumerate(plan.layers)
    ]
    outputs = plan.readout.outputs
    readout = [("readout_sum", plan.readout.synapses.sum.numpy, outputs), ("readout", "i4", outputs)]
    return np.dtype([*layers, *readout], align=True)
