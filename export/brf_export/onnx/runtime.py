"""Runs a model: in ONNX Runtime, or in onnx's own reference evaluator."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

Arrays = Mapping[str, npt.NDArray[Any]]
Runner = Callable[[Arrays], dict[str, npt.NDArray[Any]]]


def in_onnxruntime(model: onnx.ModelProto, threads: int = 1) -> Runner:
    """A function from inputs to outputs by name, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 4  # errors are raised, no need to print them as well
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))


def in_reference_evaluator(model: onnx.ModelProto, threads: int = 1) -> Runner:
    """The same in Python, operator by operator: slow, and independent of ONNX Runtime."""
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    names = [output.name for output in model.graph.output]
    return lambda inputs: dict(zip(names, evaluator.run(names, dict(inputs)), strict=True))


def message_type(model: onnx.ModelProto) -> np.dtype[Any]:
    """The type of the input ``messages``."""
    (kind,) = (info.type.tensor_type.elem_type for info in model.graph.input if info.name == "messages")
    dtype: np.dtype[Any] = onnx.helper.tensor_dtype_to_np_dtype(kind)
    return dtype


def silence(model: onnx.ModelProto) -> dict[str, npt.NDArray[Any]]:
    """The states of one sample before its first step, all zero: (states, 1, width) by name of the input."""
    states = {}
    for info in model.graph.input:
        kind = info.type.tensor_type
        if info.name.endswith(".first"):
            rows, _, width = (dimension.dim_value for dimension in kind.shape.dim)
            states[info.name] = np.zeros((rows, 1, width), onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return states
