"""From a trained Balanced Resonate-and-Fire network to bit-exact integer runs: what a deployed network is.

The public face. Names are imported when they are first used, which keeps the command line quick. Wings add tasks,
backends, formats and commands through entry points (docs/architecture.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brf_deploy.backend import Backend, backend_names, load_backend
    from brf_deploy.encoding import Encoding
    from brf_deploy.errors import BrfError
    from brf_deploy.evaluation import Evaluation, evaluate_float, evaluate_integer
    from brf_deploy.float_file import load_float_network, save_float_network
    from brf_deploy.float_network import ALIFNeurons, BRFNeurons, FloatLayer, FloatNetwork, FloatReadout, RFNeurons
    from brf_deploy.float_reference import run_float
    from brf_deploy.network import IntegerNetwork
    from brf_deploy.network_file import load_network, save_network
    from brf_deploy.quantization import QuantizationConfig, Ranges, measure_ranges, quantize
    from brf_deploy.reference import REFERENCE
    from brf_deploy.task import Decision, Samples, Task, load_task, task_names
    from brf_deploy.trace import Record, Trace

__all__ = [
    "REFERENCE",
    "ALIFNeurons",
    "BRFNeurons",
    "Backend",
    "BrfError",
    "Decision",
    "Encoding",
    "Evaluation",
    "FloatLayer",
    "FloatNetwork",
    "FloatReadout",
    "IntegerNetwork",
    "QuantizationConfig",
    "RFNeurons",
    "Ranges",
    "Record",
    "Samples",
    "Task",
    "Trace",
    "backend_names",
    "evaluate_float",
    "evaluate_integer",
    "load_backend",
    "load_float_network",
    "load_network",
    "load_task",
    "measure_ranges",
    "quantize",
    "run_float",
    "save_float_network",
    "save_network",
    "task_names",
]

_MODULE_OF = {
    "Backend": "backend",
    "backend_names": "backend",
    "load_backend": "backend",
    "Encoding": "encoding",
    "BrfError": "errors",
    "Evaluation": "evaluation",
    "evaluate_float": "evaluation",
    "evaluate_integer": "evaluation",
    "load_float_network": "float_file",
    "save_float_network": "float_file",
    "ALIFNeurons": "float_network",
    "BRFNeurons": "float_network",
    "FloatLayer": "float_network",
    "FloatNetwork": "float_network",
    "FloatReadout": "float_network",
    "RFNeurons": "float_network",
    "run_float": "float_reference",
    "IntegerNetwork": "network",
    "load_network": "network_file",
    "save_network": "network_file",
    "QuantizationConfig": "quantization",
    "Ranges": "quantization",
    "measure_ranges": "quantization",
    "quantize": "quantization",
    "REFERENCE": "reference",
    "Decision": "task",
    "Samples": "task",
    "Task": "task",
    "load_task": "task",
    "task_names": "task",
    "Record": "trace",
    "Trace": "trace",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
