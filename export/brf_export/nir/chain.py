"""The one shape that a graph of this project has: a chain of layers, each perhaps recurrent, and a readout.

    input -> messages -> layer0_input -> layer0 -> layer1_input -> ... -> readout_input -> readout -> output
                                         layer0 -> layer0_recurrent -> layer0

Node names are fixed, so that a layer's own name may hold any letter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import nir
import numpy as np

from brf_deploy.arrays import Floats
from brf_deploy.errors import InvalidFile
from brf_export.nir.contents import Contents
from brf_export.nir.fields import SchemaNode
from brf_export.nir.message_nodes import MessageNode

Node = TypeVar("Node")


@dataclass(frozen=True, eq=False)
class Stage:
    """Neurons with their input weights (neurons, inputs) and recurrent weights (neurons, neurons) or none."""

    neurons: SchemaNode
    input_weight: Floats
    recurrent_weight: Floats | None = None


@dataclass(frozen=True, eq=False)
class Chain:
    """The nodes of a network; the last stage is its readout."""

    messages: MessageNode
    stages: tuple[Stage, ...]

    def graph(self) -> nir.NIRGraph:
        """The graph with every node and edge, its checksum filled in."""
        nodes: dict[str, nir.NIRNode] = {"input": nir.Input(np.array([self.messages.width])), "messages": self.messages}
        edges, below = [("input", "messages")], "messages"
        for name, stage in zip(_names(len(self.stages)), self.stages, strict=True):
            nodes[f"{name}_input"], nodes[name] = nir.Linear(stage.input_weight), stage.neurons
            edges += [(below, f"{name}_input"), (f"{name}_input", name)]
            if stage.recurrent_weight is not None:
                nodes[f"{name}_recurrent"] = nir.Linear(stage.recurrent_weight)
                edges += [(name, f"{name}_recurrent"), (f"{name}_recurrent", name)]
            below = name
        nodes["output"] = nir.Output(np.array([self.stages[-1].neurons.width]))
        graph = nir.NIRGraph(nodes, [*edges, (below, "output")])
        self.messages.checksum = Contents.of(graph).checksum()
        return graph

    @classmethod
    def of(cls, nodes: Mapping[str, nir.NIRNode]) -> "Chain":
        """The chain that these nodes make by their names.

        What sort of neurons they are is for the network to say, and edges are compared afterwards, see `require_same`.
        """
        layers = 1  # of which a file without any is told that layer0 is missing
        while f"layer{layers}" in nodes:
            layers += 1
        messages = _wanted(nir.NIRNode, "messages", nodes)
        return cls(messages, tuple(_stage(nodes, name) for name in _names(layers + 1)))


def of_type(node_type: type[Node], name: str, found: Any, advice: str = "") -> Node:
    """`found`, where it is of that type; raises `InvalidFile` otherwise."""
    if not isinstance(found, node_type):
        raise InvalidFile(
            f"node '{name}': type '{type(found).__name__}' found, '{node_type.__name__}' needed"
            + (f"; {advice}" if advice else "")
        )
    return found


def _wanted(node_type: type[Node], name: str, nodes: Mapping[str, nir.NIRNode]) -> Node:
    if name not in nodes:
        raise InvalidFile(f"node '{name}' is missing; the file holds {', '.join(sorted(nodes)) or 'no nodes'}")
    return of_type(node_type, name, nodes[name])


def _stage(nodes: Mapping[str, nir.NIRNode], name: str) -> Stage:
    recurrent = f"{name}_recurrent"
    return Stage(
        _wanted(nir.NIRNode, name, nodes),
        _wanted(nir.Linear, f"{name}_input", nodes).weight,
        _wanted(nir.Linear, recurrent, nodes).weight if recurrent in nodes else None,
    )


def _names(stages: int) -> list[str]:
    return [*(f"layer{index}" for index in range(stages - 1)), "readout"]
