"""What a `.nir` file may not say: every message names the node and the field."""

import numpy as np
import pytest
from nir_files import small_float_network, small_network

from brf_deploy.errors import CertificateViolation, InvalidFile, InvalidNetwork
from brf_export.nir import NIR, files, float_graph
from brf_export.nir.contents import Contents

GONE = object()
EDGES = Contents.of(NIR.to_graph(small_network())).edges


def integer_contents(changes=None, edges=EDGES):
    """The contents of the small network with some places, ``node/field`` or ``node``, changed."""
    return changed(Contents.of(NIR.to_graph(small_network())).nodes, changes or {}, edges)


def float_contents(changes):
    contents = Contents.of(float_graph.chain_of(small_float_network()).graph())
    return changed(contents.nodes, changes, contents.edges)


def changed(nodes, changes, edges):
    nodes = {name: dict(fields) for name, fields in nodes.items()}
    for place, value in changes.items():
        node, _, field = place.partition("/")
        holder, key = (nodes[node], field) if field else (nodes, node)
        if value is GONE:
            del holder[key]
        else:
            holder[key] = value
    return Contents(nodes, frozenset(edges))


def with_entry(place, index, value):
    node, field = place.split("/")
    array = np.array(integer_contents().nodes[node][field])
    array[index] = value
    return {place: array}


def test_the_contents_as_they_are():
    files.integer_from(integer_contents())
    files.float_from(float_contents({}))


SCHEMA = "schema version {} found, this program reads 1; use the version of brf-deploy that wrote"
OUTSIDE_CHAIN = "does not belong to the chain"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer0/schema": 2}, "node 'layer0': " + SCHEMA.format(2)),
        ({"messages/schema": "1"}, "node 'messages': " + SCHEMA.format(1)),
        ({"readout/schema": GONE}, "node 'readout': " + SCHEMA.format(None)),
        ({"layer0/type": "LIF"}, "node 'layer0': node type 'LIF' is unknown; this program reads ALIF, BRF, BRFFixed, "),
        ({"layer0/type": "NIRGraph"}, "node type 'NIRGraph' is unknown"),
        ({"layer0/type": GONE}, "node type 'None' is unknown"),
        ({"layer0/threshold": GONE}, "node 'layer0': field 'threshold' is missing; a node of type 'BRFFixed' has"),
        ({"layer0/tau": 1}, "node 'layer0': field 'tau' is unknown; a node of type 'BRFFixed' has schema, name, dt"),
        ({"layer0_input/bias": np.zeros(3)}, "field 'bias' is unknown; a node of type 'Linear' has weight"),
        ({"layer0_input/weight": GONE}, "field 'weight' is missing; a node of type 'Linear' has weight"),
        ({"layer0/threshold": 65536.0}, "field 'threshold': float64 scalar found, integer scalar needed"),
        ({"layer0/threshold": True}, "field 'threshold': bool scalar found, integer scalar needed"),
        ({"layer0/threshold": [65536]}, "field 'threshold': int64 array (ndim 1) found, integer scalar needed"),
        ({"layer0/damping": 600}, "field 'damping': int64 scalar found, integer array (ndim 1) needed"),
        ({"layer0/damping": np.array([1, 2, 3], np.uint64)}, "field 'damping': uint64 array (ndim 1) found"),
        ({"layer0/dt": 1}, "field 'dt': int64 scalar found, real scalar needed"),
        ({"layer0/dt": np.float16(0.5)}, "field 'dt': float16 scalar found, real scalar needed"),
        ({"layer0/dt": "0.01"}, "field 'dt': text found, real scalar needed"),
        ({"layer0/name": 3}, "field 'name': int64 scalar found, text needed"),
        ({"layer0_input/weight": np.ones(3)}, "field 'weight': float64 array (ndim 1) found, real array (ndim 2)"),
        ({"messages": GONE}, "node 'messages' is missing; the file holds input, layer0, layer0_input"),
        ({"layer0": GONE}, "node 'layer0' is missing; the file holds input"),
        ({"readout_input": GONE}, "node 'readout_input' is missing"),
        ({"input": GONE}, "node 'input' is missing; this network has the nodes input, messages, layer0_input"),
        ({"more": {"type": "Linear", "weight": np.eye(2)}}, "node 'more' " + OUTSIDE_CHAIN),
        ({"messages": {"type": "Linear", "weight": np.eye(2)}}, "node 'messages': type 'Linear' found"),
        ({"readout": integer_contents().nodes["layer0"]}, "node 'readout': type 'BRFFixed' found"),
        ({"layer0": integer_contents().nodes["readout"]}, "node 'layer0': type 'LeakyIntegratorFixed' found"),
        ({"layer0/recurrent_exponent": GONE}, "node 'layer0': a recurrent layer needs both its field"),
        ({"layer0": {"type": "Linear", "weight": np.eye(2)}}, "node 'layer0': type 'Linear' found, 'BRFFixed' needed"),
        ({"layer0_recurrent": GONE}, "and a node 'layer0_recurrent'; one of them is missing"),
        (with_entry("layer0_input/weight", (1, 0), np.nan), "node 'layer0_input': weight[1, 0]: nan found, an"),
        (with_entry("layer0_input/weight", (2, 1), np.inf), "weight[2, 1]: inf found"),
        (with_entry("layer0_input/weight", (0, 1), 1e30), "weight[0, 1]: 1.0000000150474662e+30 found"),
        (with_entry("layer0_input/weight", (0, 1), 0.3), "times 2^-9 needed; the file was damaged or edited: export"),
        (with_entry("layer0_recurrent/weight", (1, 1), 1e-9), "node 'layer0_recurrent': weight[1, 1]: "),
        (with_entry("readout_input/weight", (0, 0), 0.3), "node 'readout_input': weight[0, 0]: "),
        ({"input/shape": np.array([3])}, "node 'input': field 'shape'[0]: 3 found, the rest of the file says 2"),
        ({"output/shape": np.array([2, 1])}, "node 'output': field 'shape': shape (2,) found, the rest of the file"),
        ({"messages/inputs": 3}, "node 'messages': field 'inputs': 3 found, the rest of the file says 2"),
        ({"readout/state_bits": 20}, "node 'readout': field 'state_bits': 20 found, the rest of the file says 24"),
        ({"readout/overflow": "wrap"}, "node 'readout': field 'overflow': wrap found, the rest of the file"),
        ({"messages/task": "ecG"}, "node 'messages': field 'checksum': "),
        ({"messages/skip_steps": 11}, "the file was damaged or edited: export the network again"),
        (with_entry("layer0_input/weight", (1, 0), 126 / 4), "field 'checksum': "),
        ({"messages/checksum": "0"}, "field 'checksum': 0 found, the contents have "),
    ],
)  # fmt: skip
def test_ill_formed_contents(changes, message):
    with pytest.raises(InvalidFile) as caught:
        files.integer_from(integer_contents(changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_entry("layer0_input/weight", (0, 0), 200 / 512), "input weight[0, 0]: 200 is outside -128..127"),
        ({"layer0_input/weight": np.ones((4, 2))}, "node 'layer0_input': exponent: 3 entries on axis 0, expected 4"),
        ({"readout_input/weight": np.ones((2, 4))}, "readout weights: 4 entries on axis 1, expected 3"),
        (with_entry("layer0/input_exponent", 1, 2**40), "node 'layer0_input': exponent[1]: 1099511627776 is outside"),
        ({"layer0/damping": np.array([600, 40])}, "layer 'hidden' damping: 2 entries on axis 0, expected 3"),
        ({"layer0/rounding": "floor"}, "rounding 'floor' with overflow 'saturate': only 'toward_zero' with"),
        ({"layer0/state_bits": 64}, "node 'layer0': state_bits: 64 is outside 8..32"),
        ({"layer0/dt": float("nan")}, "node 'layer0': layer 'hidden' dt: nan found"),
        ({"messages/permutation": np.array([0, 0, 1])}, "node 'messages': encoding permutation: 3 entries that are"),
        ({"messages/full_scale": 0}, "node 'messages': encoding full_scale: 0 is outside"),
        ({"readout/leak": np.array([0, 1])}, "node 'readout': readout leak[0]: 0 is outside"),
        ({"layer0/name": "\0"}, "field 'name': '\\x00' holds NUL or half a surrogate pair"),
    ],
)  # fmt: skip
def test_contents_that_are_no_network(changes, message):
    with pytest.raises(InvalidNetwork) as caught:
        files.integer_from(integer_contents(changes))
    assert message in str(caught.value)


@pytest.mark.parametrize(("field", "index", "value"), [("damping", 0, 0), ("energy_bound", 2, 2**40)])
def test_contents_outside_the_divergence_boundary(field, index, value):
    with pytest.raises(
        CertificateViolation, match=f"1 of 3 neurons break the stability certificate, worst neuron {index}"
    ):
        files.integer_from(integer_contents(with_entry(f"layer0/{field}", index, value)))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        (EDGES - {("layer0", "layer0_recurrent")}, "edge 'layer0' -> 'layer0_recurrent' is missing"),
        (EDGES | {("input", "layer0_input")}, "edge 'input' -> 'layer0_input' " + OUTSIDE_CHAIN),
        (EDGES | {("input", "nowhere")}, "edge 'input' -> 'nowhere' " + OUTSIDE_CHAIN),
        (frozenset(), "is missing"),
    ],
)
def test_other_edges(edges, message):
    with pytest.raises(InvalidFile) as caught:
        files.integer_from(integer_contents(edges=edges))
    assert message in str(caught.value)


@pytest.mark.parametrize("notes", ["", "[]", '{"a": 1}', "[" * 100_000])
def test_ill_formed_notes(notes):
    with pytest.raises(InvalidFile, match="node 'messages': field 'notes': a JSON object of text needed"):
        files.float_from(float_contents({"messages/notes": notes}))


def test_ill_formed_float_contents():
    with pytest.raises(InvalidFile, match="node 'layer1': type 'BRFFixed' found, one of BRF, RF, ALIF needed"):
        files.float_from(float_contents({"layer1": integer_contents().nodes["layer0"]}))
    with pytest.raises(InvalidFile, match="node 'readout': type 'BRF' found, 'LeakyIntegrator' needed"):
        files.float_from(float_contents({"readout": float_contents({}).nodes["layer0"]}))
    with pytest.raises(InvalidNetwork, match=r"node 'layer0': neuron 1: dt \* omega = .* exceeds 1"):
        files.float_from(float_contents({"layer0/omega": np.array([1.0, 1000.0])}))
    with pytest.raises(InvalidNetwork, match=r"node 'readout': readout weight: 1 of 2 values are NaN or infinite"):
        files.float_from(float_contents({"readout_input/weight": np.array([[0.1], [np.nan]])}))
    with pytest.raises(InvalidFile, match="field 'checksum'"):
        files.float_from(float_contents({"layer0/omega": np.float32([5, 0.2])}))


def test_float_and_integer_files_are_told_apart(tmp_path):
    NIR.write(small_network(), tmp_path / "integer.nir")
    NIR.write_float(small_float_network(), tmp_path / "float.nir")
    with pytest.raises(
        InvalidFile,
        match=r"float\.nir': node 'messages': type 'Messages' found.* float networks are read by `read_float`",
    ):
        NIR.read(tmp_path / "float.nir")
    with pytest.raises(
        InvalidFile,
        match=r"integer\.nir': node 'messages': type 'MessagesFixed' found.* integer networks are read by `read`",
    ):
        NIR.read_float(tmp_path / "integer.nir")
