"""A `Scan` over time: the graph of one step, what it carries to the next, and what it reads and gives at each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import onnx
from onnx import helper

from brf_export.onnx.values import DType, Graph, Value, tensor_info


@dataclass(frozen=True)
class _Port:
    """One tensor (rows, batch, width) of every step and its counterpart outside."""

    name: str
    outside: str
    dtype: DType
    rows: int
    width: int

    def info(self) -> onnx.ValueInfoProto:
        return tensor_info(self.name, self.dtype, [self.rows, "batch", self.width])


class Scan:
    """First `carry` and `read` what a step needs, then add nodes to `step` and `give` values, at last `close`.

    Every tensor of a step has the axes (rows, batch, width), the rows being u and v where there are two. What is read
    and given has time as a further, first axis outside.
    """

    def __init__(self, outside: Graph) -> None:
        self.outside, self.step = outside, Graph("step.")
        self._carried: dict[str, _Port] = {}
        self._read: list[_Port] = []
        self._given: dict[str, _Port] = {}

    def carry(self, name: str, first: Value, rows: int, width: int) -> Value:
        """What the step before left under this name, at first `first`."""
        port = _Port(f"{self.step.prefix}{name}.before", first.name, first.dtype, rows, width)
        self._carried[name] = port
        return Value(self.step, port.name, port.dtype)

    def read(self, name: str, sequence: Value, rows: int, width: int) -> Value:
        """This step's entry of `sequence` (time, rows, batch, width)."""
        port = _Port(self.step.prefix + name, sequence.name, sequence.dtype, rows, width)
        self._read.append(port)
        return Value(self.step, port.name, port.dtype)

    def give(self, name: str, value: Value, rows: int, width: int) -> None:
        """Let `value` of every step out of the loop."""
        self._given[name] = _Port(value.name, f"{name}.all", value.dtype, rows, width)

    def close(self, kept: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, Value]]:
        """Put the loop into `outside`; `kept` goes to the next step under the names of `carry`.

        Returns what the last step kept, and what the steps gave, by name.
        """
        ports = {
            name: _Port(kept[name].name, f"{name}.end", port.dtype, port.rows, port.width)
            for name, port in self._carried.items()
        }
        names = {value.name for value in kept.values()}
        for name, port in self._given.items():
            if port.name in names:  # what is kept and given leaves the step under two names
                copy = self.step.apply("Identity", Value(self.step, port.name, port.dtype))
                self._given[name] = replace(port, name=copy.name)
        inputs, outputs = [*self._carried.values(), *self._read], [*ports.values(), *self._given.values()]
        body = helper.make_graph(
            self.step.nodes,
            "step",
            [port.info() for port in inputs],
            [port.info() for port in outputs],
            list(self.step.constants.values()),
        )
        node = helper.make_node(
            "Scan",
            [port.outside for port in inputs],
            [port.outside for port in outputs],
            name="time",
            body=body,
            num_scan_inputs=len(self._read),
        )
        self.outside.nodes.append(node)
        return self._values(ports), self._values(self._given)

    def _values(self, ports: Mapping[str, _Port]) -> dict[str, Value]:
        return {name: Value(self.outside, port.outside, port.dtype) for name, port in ports.items()}
