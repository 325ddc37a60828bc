"""What every exported model shows outside: names, axes and metadata, the same for integer and float networks."""

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import onnx
from onnx import helper

from brf_deploy.errors import Unsupported
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_export.onnx.values import DType, Graph, Shape, Value, tensor_info

# What ONNX Runtime 1.20, the oldest one promised, loads, and everything since 2022.
OPSET, IR_VERSION = 17, 8
LARGEST_FILE = (1 << 31) - 1  # of protobuf

MESSAGES = "integers 0 to brf.largest_message, in the order in which the network sees them (brf.time_permutation)"
FIRST = "before the first step: zeros at the start of a sample, else what '{}.last' gave"
LAST = "after the last step: feed it back as '{}.first' to go on"


class Interface:
    """Inputs and outputs of a model, in the order in which they are declared."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def messages(self, network: IntegerNetwork | FloatNetwork) -> Value:
        """The input ``messages`` (time, batch, inputs)."""
        kind = np.dtype(np.uint8 if network.encoding.maximum <= 255 else np.uint16)
        return self._input("messages", kind, ["time", "batch", network.inputs], MESSAGES)

    def with_rows(self, value: Value) -> Value:
        """(time, batch, width) as (time, 1, batch, width)."""
        return self.graph.apply("Unsqueeze", value, self.graph.integers("axis_of_rows", [1]))

    def first(self, name: str, dtype: DType, states: tuple[str, ...], width: int) -> Value:
        """The input ``NAME.first`` (states, batch, width)."""
        about = f"{', '.join(states)} {FIRST.format(name)}"
        return self._input(f"{name}.first", dtype, [len(states), "batch", width], about)

    def last(self, name: str, value: Value, states: tuple[str, ...], width: int) -> None:
        """The output ``NAME.last`` (states, batch, width)."""
        about = f"{', '.join(states)} {LAST.format(name)}"
        self._output(f"{name}.last", value, [len(states), "batch", width], about)

    def every_step(self, name: str, value: Value, width: int, about: str) -> None:
        """The output NAME (time, batch, width) from (time, 1, batch, width)."""
        axis = self.graph.integers("axis_of_rows", [1])
        self._output(name, self.graph.apply("Squeeze", value, axis), ["time", "batch", width], about)

    def model(self, name: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The finished model, its checksum among the metadata."""
        constants = list(self.graph.constants.values())
        graph = helper.make_graph(self.graph.nodes, name, self._inputs, self._outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="brf-deploy",
            producer_version=version("brf-deploy"),
        )
        helper.set_model_props(model, metadata | {"brf.checksum": checksum(graph)})
        return model

    def _input(self, name: str, dtype: DType, shape: Shape, about: str) -> Value:
        self._inputs.append(tensor_info(name, dtype, shape))
        self._inputs[-1].doc_string = about
        return Value(self.graph, name, dtype)

    def _output(self, name: str, value: Value, shape: Shape, about: str) -> None:
        self._outputs.append(tensor_info(name, value.dtype, shape))
        self._outputs[-1].doc_string = about
        self.graph.apply("Identity", value, name=name)


def require_sources(inputs: int, neurons: Sequence[int]) -> None:
    """Raise `Unsupported` where something is summed over nothing: ONNX Runtime leaves such sums undefined."""
    for what, width in (("input", inputs), *((f"neuron in layer {index}", n) for index, n in enumerate(neurons))):
        if width == 0:
            raise Unsupported(
                f"network: no {what}, and ONNX runtimes do not define sums over nothing; use at least one"
            )


def about_network(network: IntegerNetwork | FloatNetwork, quantisation: str) -> dict[str, str]:
    """Metadata of both kinds of network: what it is for, and how its messages are made."""
    encoding = network.encoding
    about = {
        "brf.version": version("brf-deploy"),
        "brf.task": network.task,
        "brf.quantisation": quantisation,
        "brf.largest_message": str(encoding.maximum),
        "brf.full_scale": str(encoding.full_scale),
        "brf.skip_steps": str(network.skip_steps),
    }
    if encoding.permutation is not None:
        about["brf.time_permutation"] = json.dumps(encoding.permutation.tolist())
    return about


def checksum(graph: onnx.GraphProto) -> str:
    """SHA-256 of the serialised graph."""
    return hashlib.sha256(_bytes(graph)).hexdigest()


def serialized(model: onnx.ModelProto) -> bytes:
    """The bytes of the file, the same for the same network; checked by onnx as a whole."""
    data = _bytes(model)
    onnx.checker.check_model(model, full_check=True)
    return data


def _bytes(message: Any) -> bytes:
    size = message.ByteSize()
    if size > LARGEST_FILE:
        raise Unsupported(f"{size} bytes needed, an ONNX file has at most {LARGEST_FILE}; use fewer neurons")
    data: bytes = message.SerializeToString(deterministic=True)
    return data
