"""ONNX graphs written as formulas: a `Value` is one tensor, and arithmetic on it adds nodes to its graph."""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

DType = np.dtype[Any]
Shape = list[int | str]


class Value:
    """A tensor of a graph that is being built. Operators act element by element, both sides of the same type."""

    def __init__(self, graph: "Graph", name: str, dtype: DType) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def __add__(self, other: "Value") -> "Value":
        return self._with("Add", other)

    def __sub__(self, other: "Value") -> "Value":
        return self._with("Sub", other)

    def __mul__(self, other: "Value") -> "Value":
        return self._with("Mul", other)

    def __truediv__(self, other: "Value") -> "Value":
        """The quotient; of integers rounded toward zero, as ONNX defines `Div`."""
        return self._with("Div", other)

    def __matmul__(self, other: "Value") -> "Value":
        return self._with("MatMul", other)

    def __gt__(self, other: "Value") -> "Value":
        return self._with("Greater", other, np.bool_)

    def __lt__(self, other: "Value") -> "Value":
        return self._with("Less", other, np.bool_)

    def cast(self, dtype: npt.DTypeLike) -> "Value":
        """The same numbers in another type; this value where it has that type already."""
        kind = np.dtype(dtype)
        if kind == self.dtype:
            return self
        return self.graph.apply("Cast", self, dtype=kind, to=helper.np_dtype_to_tensor_dtype(kind))

    def _with(self, operator: str, other: "Value", dtype: npt.DTypeLike | None = None) -> "Value":
        if self.dtype != other.dtype:
            raise TypeError(f"{operator} of '{self.name}' ({self.dtype}) and '{other.name}' ({other.dtype})")
        return self.graph.apply(operator, self, other, dtype=dtype)


class Graph:
    """Nodes in the order they were added, and constants by name; `prefix` keeps names apart from other graphs'."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: npt.NDArray[Any]) -> Value:
        """A tensor stored in the graph; the same name stands for the same tensor."""
        full = self.prefix + name
        self.constants.setdefault(full, numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), full))
        return Value(self, full, value.dtype)

    def integers(self, name: str, value: npt.ArrayLike) -> Value:
        """A constant in int64."""
        return self.constant(name, np.asarray(value, np.int64))

    def apply(
        self, operator: str, *inputs: Value, dtype: npt.DTypeLike | None = None, name: str = "", **attributes: Any
    ) -> Value:
        """The output of a node, of the first input's type unless `dtype` says another."""
        return self._node(operator, inputs, (name,), dtype, attributes)[0]

    def split(self, value: Value, rows: tuple[int, ...]) -> list[Value]:
        """Parts of `value` along the first axis, each of so many rows."""
        sizes = self.integers("rows_" + "_".join(map(str, rows)), rows)
        return self._node("Split", (value, sizes), ("",) * len(rows), None, {"axis": 0})

    def _node(
        self,
        operator: str,
        inputs: tuple[Value, ...],
        names: tuple[str, ...],
        dtype: npt.DTypeLike | None,
        attributes: dict[str, Any],
    ) -> list[Value]:
        made = f"{self.prefix}{operator}{len(self.nodes)}"
        outputs = [self.prefix + name if name else f"{made}.{index}" for index, name in enumerate(names)]
        kind = inputs[0].dtype if dtype is None else np.dtype(dtype)
        node = helper.make_node(operator, [value.name for value in inputs], outputs, name=made, **attributes)
        self.nodes.append(node)
        return [Value(self, output, kind) for output in outputs]


def tensor_info(name: str, dtype: DType, shape: Shape) -> onnx.ValueInfoProto:
    """Name, type and shape of an input or output; a word is a dimension free to choose at every run."""
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)
