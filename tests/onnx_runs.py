"""What the tests of the ONNX export share: running a model, its step graph, and exact equality of traces."""

import numpy as np

from brf_deploy.trace import Trace
from brf_export.onnx.runtime import in_onnxruntime, message_type, silence


def run_model(model, network, inputs, state=None, runtime=in_onnxruntime):
    """Outputs by name for messages in the order of the data set, from silence unless `state` is given."""
    presented = network.encoding.present(inputs)
    if state is None:
        state = {name: np.repeat(zero, inputs.shape[1], axis=1) for name, zero in silence(model).items()}
    return runtime(model)({"messages": presented.astype(message_type(model)), **state})


def fed_back(found):
    """The states to go on with."""
    return {name.replace(".last", ".first"): array for name, array in found.items() if name.endswith(".last")}


def trace_of(found):
    """The trace among a model's outputs."""
    return Trace.from_fields({name: array for name, array in found.items() if not name.endswith(".last")})


def step_of(model):
    """The graph of one step."""
    (scan,) = (node for node in model.graph.node if node.op_type == "Scan")
    (body,) = (attribute.g for attribute in scan.attribute if attribute.name == "body")
    return body


def operators(graph):
    """The operators of a graph in order."""
    return [node.op_type for node in graph.node]


def assert_equal(found, expected):
    """Every array of two traces, in value and type."""
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)
