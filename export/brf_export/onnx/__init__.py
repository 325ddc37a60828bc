"""The export format "onnx": a network as one ONNX model, a Scan over time that any runtime of the standard opset runs.

Integer networks are integer operators only and give the reference's bits; float networks run in float32.
"""

from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from brf_deploy.backend import Availability
from brf_deploy.exporter import Export
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import how_to_install

if TYPE_CHECKING:
    import onnx


class OnnxExporter:
    """Writes one ``.onnx`` file, the same bytes for the same network."""

    name = "onnx"
    description = "ONNX model, bit-exact for integer networks, with its states as inputs and outputs"
    suffix = ".onnx"

    def availability(self) -> Availability:
        """Whether onnx is installed; ONNX Runtime is needed to run a file, not to write it."""
        if find_spec("onnx") is None:
            return Availability(False, f"onnx is not installed: {how_to_install('onnx')}")
        return Availability(True, f"onnx {version('onnx')}")

    def render(self, network: IntegerNetwork | FloatNetwork, name: str) -> Export:
        """The file; raises `Unsupported` for one beyond 2 GiB and for parameters that float32 cannot hold."""
        from brf_export.onnx.interface import serialized

        model = _model(network, name)
        return Export({f"{name}{self.suffix}": serialized(model)}, _facts(model), _hints(network))


EXPORTER = OnnxExporter()


def _model(network: IntegerNetwork | FloatNetwork, name: str) -> "onnx.ModelProto":
    from brf_export.onnx.float_model import float_model
    from brf_export.onnx.integer_model import integer_model

    return integer_model(network, name) if isinstance(network, IntegerNetwork) else float_model(network, name)


def _facts(model: "onnx.ModelProto") -> dict[str, int]:
    (scan,) = (node for node in model.graph.node if node.op_type == "Scan")
    (body,) = (attribute.g for attribute in scan.attribute if attribute.name == "body")
    return {"operators a step": len(body.node), "opset": model.opset_import[0].version, "IR version": model.ir_version}


def _hints(network: IntegerNetwork | FloatNetwork) -> tuple[str, ...]:
    hints = ["inputs, outputs and a program that runs it: README.md of the package brf_export.onnx"]
    if isinstance(network, IntegerNetwork):
        hints.append(f"the real readout is 'readout' divided by 2**{network.readout.fraction}")
    if network.encoding.permutation is not None:
        hints.append("step t must be given messages[permutation[t]]; the metadata brf.time_permutation has the order")
    return tuple(hints)
