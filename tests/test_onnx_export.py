"""The exported `.onnx` file: what is in it, the same bytes every time, and what is refused."""

import json
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import onnx
import pytest
from float_networks import random_float_network
from networks import messages_for, random_network
from onnx_runs import assert_equal, run_model, step_of, trace_of

from brf_deploy.errors import CertificateViolation, InvalidInput, Unavailable, Unsupported
from brf_deploy.exporter import export_network, load_exporter
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_export import onnx as onnx_export
from brf_export.onnx import EXPORTER, interface
from brf_export.onnx.interface import checksum
from brf_export.onnx.values import Graph, Value

NETWORK = random_network(
    seed=3,
    neurons=(8, 5),
    maximum=255,
    full_scale=255,
    permutation=np.array([2, 0, 1]),
    task="ecg",
    skip_steps=7,
)


def rendered(network, name="net"):
    """The model in the one file of an export."""
    (data,) = EXPORTER.render(network, name).files.values()
    return onnx.load_from_string(data)


def test_the_exporter_writes_a_file_that_runs(tmp_path):
    path = tmp_path / "my net.onnx"
    export = export_network(NETWORK, "onnx", path)
    assert list(export.files) == ["my_net.onnx"]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    messages = messages_for(NETWORK, 3, 2)
    expected = REFERENCE.run(NETWORK, messages, Record.SPIKES)
    assert_equal(trace_of(run_model(model, NETWORK, messages)), expected)


def test_inputs_and_outputs_are_declared():
    model = rendered(NETWORK)

    def declared(infos):
        kinds = ((info.name, info.type.tensor_type) for info in infos)
        return {
            name: (onnx.TensorProto.DataType.Name(kind.elem_type), [d.dim_param or d.dim_value for d in kind.shape.dim])
            for name, kind in kinds
        }

    states = {f"layer0.{when}": ("INT32", [4, "batch", 8]) for when in ("first",)}
    states |= {"layer1.first": ("INT32", [4, "batch", 5]), "readout.first": ("INT32", [1, "batch", 2])}
    assert declared(model.graph.input) == {"messages": ("UINT8", ["time", "batch", 3]), **states}
    assert declared(model.graph.output) == {
        "layer0.spikes": ("BOOL", ["time", "batch", 8]),
        "layer1.spikes": ("BOOL", ["time", "batch", 5]),
        "readout": ("INT32", ["time", "batch", 2]),
        **{name.replace("first", "last"): shape for name, shape in states.items()},
    }
    assert all(info.doc_string for info in (*model.graph.input, *model.graph.output))


@pytest.mark.parametrize(
    "network", [NETWORK, random_network(), random_float_network()], ids=["graded", "binary", "float"]
)
def test_metadata_say_what_a_program_needs(network):
    model = rendered(network)
    about = {entry.key: entry.value for entry in model.metadata_props}
    assert about["brf.task"] == network.task
    assert about["brf.version"] == model.producer_version == version("brf-deploy")
    assert about["brf.skip_steps"] == str(network.skip_steps)
    assert (about["brf.largest_message"], about["brf.full_scale"]) == tuple(
        str(n) for n in (network.encoding.maximum, network.encoding.full_scale)
    )
    assert about["brf.checksum"] == checksum(model.graph)
    if network.encoding.permutation is None:
        assert "brf.time_permutation" not in about
    else:
        assert json.loads(about["brf.time_permutation"]) == [2, 0, 1]


def test_quantisation_is_among_the_metadata():
    about = {entry.key: entry.value for entry in rendered(NETWORK).metadata_props}
    words = "8-bit weights, 8-bit readout weights, 12-bit coefficients, 24-bit states, toward_zero, saturate"
    assert about["brf.quantisation"] == words
    assert about["brf.state_fraction"].split() == [str(layer.state_fraction) for layer in NETWORK.layers]
    assert about["brf.readout_fraction"] == str(NETWORK.readout.fraction)
    assert (
        "none"
        in {entry.key: entry.value for entry in rendered(random_float_network()).metadata_props}["brf.quantisation"]
    )


def test_integer_networks_have_integer_operators_only():
    """The graph is checked by onnx, so types follow from inputs, constants and casts: none of them is real."""
    model = rendered(NETWORK)
    reals = {onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16}
    for graph in (model.graph, step_of(model)):
        assert not {tensor.data_type for tensor in graph.initializer} & reals
        casts = [node for node in graph.node if node.op_type == "Cast"]
        assert casts
        assert not {attribute.i for node in casts for attribute in node.attribute} & reals


def test_opset_and_ir_are_those_of_the_oldest_runtime():
    export = EXPORTER.render(NETWORK, "net")
    model = onnx.load_from_string(export.files["net.onnx"])
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    assert export.facts == {"operators a step": len(step_of(model).node), "opset": 17, "IR version": 8}
    assert any("brf.time_permutation" in hint for hint in export.hints)


def test_the_step_is_lean():
    """One layer with 8-bit weights: every operator costs half a microsecond, whatever it does."""
    model = rendered(random_network(neurons=(8,), state_bits=20))
    assert len(step_of(model).node) <= 33


def test_the_same_network_gives_the_same_bytes_in_another_process():
    program = """
import sys
from importlib.metadata import version
sys.path.insert(0, sys.argv[1])
from hashlib import sha256
from networks import random_network
from brf_export.onnx import EXPORTER
print(sha256(EXPORTER.render(random_network(seed=5, neurons=(4, 3)), "n").files["n.onnx"]).hexdigest())
"""
    command = [sys.executable, "-c", program, str(onnx_export.__file__).rsplit("/export/", 1)[0] + "/tests"]
    found = {subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)}
    assert len(found) == 1


def test_uncertified_networks_are_refused(tmp_path):
    fields = {name: getattr(NETWORK, name) for name in ("task", "encoding", "arithmetic", "layers", "readout")}
    with pytest.raises(CertificateViolation, match="export refused"):
        export_network(UncertifiedNetwork(**fields), "onnx", tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match=r"ends in '\.onnx'"):
        export_network(NETWORK, "onnx", tmp_path / "a.pb")


def test_files_beyond_two_gibibytes_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(interface, "LARGEST_FILE", 1000)
    with pytest.raises(Unsupported, match="bytes needed, an ONNX file has at most 1000; use fewer neurons"):
        export_network(NETWORK, "onnx", tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_absent_onnx_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(onnx_export, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="onnx is not installed: pip install 'brf-deploy\\[onnx\\]'"):
        load_exporter("onnx")


def test_the_exporter_is_found_without_importing_onnx():
    program = """
import sys
from importlib.metadata import version
from brf_deploy.exporter import load_exporter
print(load_exporter("onnx").availability().present, {"onnx", "onnxruntime"} & set(sys.modules))
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.split() == ["True", "set()"]


def test_formulas_do_not_mix_types():
    graph = Graph()
    with pytest.raises(TypeError, match=r"Add of 'a' \(int32\) and 'b' \(int64\)"):
        Value(graph, "a", np.dtype(np.int32)) + Value(graph, "b", np.dtype(np.int64))
