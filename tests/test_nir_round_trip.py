"""A `.nir` file is the network: what is written is read back, equal in every field."""

import os
import subprocess
import sys
from pathlib import Path

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from networks import integer_networks, messages_for, random_network
from nir_files import replace_dataset, same, small_float_network, small_network

from brf_deploy.certificate import certificate
from brf_deploy.encoding import Encoding
from brf_deploy.errors import CertificateViolation, InvalidInput, InvalidNetwork, Unsupported
from brf_deploy.fixed_point import to_fixed
from brf_deploy.float_network import ALIFNeurons, BRFNeurons, FloatLayer, FloatNetwork, FloatReadout, RFNeurons
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.reference import synaptic_input
from brf_export.nir import NIR, files, float_graph, integer_graph, register
from brf_export.nir.chain import Chain
from brf_export.nir.contents import Contents

TESTS = Path(__file__).parent
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)


@st.composite
def float_networks(draw):
    def reals(shape, low, high):
        dtype = draw(st.sampled_from([np.float32, np.float64]))
        width = np.dtype(dtype).itemsize * 8
        numbers = st.floats(float(dtype(low)), float(dtype(high)), width=width)
        return draw(hnp.arrays(dtype, shape, elements=numbers))

    def neurons(count):
        kind = draw(st.sampled_from([BRFNeurons, RFNeurons, ALIFNeurons]))
        return kind(reals(count, 0, 99), reals(count, 0, 99))

    layers, width = [], draw(st.integers(1, 3))
    for count in draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)):
        recurrent = reals((count, count), -1e9, 1e9) if draw(st.booleans()) else None
        layers.append(FloatLayer(draw(texts), neurons(count), reals((count, width), -1e9, 1e9), recurrent))
        width = count
    readout = FloatReadout(reals(2, 0, 500), reals((2, width), -9, 9))
    return FloatNetwork(
        draw(texts), Encoding(255, 256), tuple(layers), readout, 3, draw(st.dictionaries(st.text(), st.text()))
    )


@given(integer_networks())
def test_the_nodes_say_the_whole_integer_network(network):
    assert same(NIR.from_graph(NIR.to_graph(network)), network)


@given(float_networks())
def test_the_nodes_say_the_whole_float_network(network):
    contents = Contents.of(float_graph.chain_of(network).graph())
    assert same(float_graph.network_of(Chain.of(contents.made())), network)


@given(integer_networks(), texts, texts)
@settings(max_examples=15)
def test_integer_files_round_trip(tmp_path_factory, network, task, name):
    path = tmp_path_factory.mktemp("nir") / "network.nir"
    first = type(network.layers[0])(**{**vars(network.layers[0]), "name": name})
    named = type(network)(**{**vars(network), "task": task, "layers": (first, *network.layers[1:])})
    NIR.write(named, path)
    assert same(NIR.read(path), named)


@given(float_networks())
@settings(max_examples=10)
def test_float_files_round_trip(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("nir") / "network.nir"
    NIR.write_float(network, path)
    assert same(NIR.read_float(path), network)


@pytest.mark.parametrize(
    "network",
    [
        small_network(encoding=Encoding(3, 1, None)),
        small_network(encoding=Encoding(3, 1, np.zeros(0, int))),
        small_network(task="", skip_steps=2**31),
        random_network(neurons=(2,) * 12, recurrent=False),
        random_network(weight_bits=16, maximum=1000, full_scale=1000, neurons=(40,), inputs=30),
        random_network(weight_bits=1, state_bits=32),
    ],
    ids=["no permutation", "empty permutation", "no task", "twelve layers", "wide weights", "narrow weights"],
)
def test_corner_cases_round_trip(tmp_path, network):
    NIR.write(network, tmp_path / "network.nir")
    assert same(NIR.read(tmp_path / "network.nir"), network)


def test_neurons_of_every_sort_round_trip(tmp_path):
    NIR.write_float(small_float_network(), tmp_path / "network.nir")
    assert same(NIR.read_float(tmp_path / "network.nir"), small_float_network())


def test_a_step_of_one_second_round_trips():
    network = small_network(layers=(type(small_network().layers[0])(**{**vars(small_network().layers[0]), "dt": 1}),))
    assert NIR.from_graph(NIR.to_graph(network)).layers[0].dt == 1


@given(integer_networks(max_neurons=6))
def test_linear_nodes_hold_the_real_weight_of_a_message(network):
    """2**Fs times what the Linear nodes deliver is the x of the reference, bit for bit."""
    messages, graph = messages_for(network, 1, 4)[0], NIR.to_graph(network)
    layer, spikes = network.layers[0], np.arange(4 * network.layers[0].count).reshape(4, -1) % 3 == 0
    x = messages.astype(np.float64) @ graph.nodes["layer0_input"].weight.T.astype(np.float64)
    if layer.recurrent is not None:
        x = x + spikes.astype(np.float64) @ graph.nodes["layer0_recurrent"].weight.T.astype(np.float64)
    expected = synaptic_input(layer, messages, network.input_fraction(0), spikes)
    np.testing.assert_array_equal(to_fixed(x, layer.state_fraction), expected)


def test_the_same_network_gives_the_same_bytes_in_another_process(tmp_path):
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "from nir_files import small_network, small_float_network\n"
        "from brf_export.nir import NIR\n"
        "NIR.write(small_network(), Path(sys.argv[2], 'integer.nir'))\n"
        "NIR.write_float(small_float_network(), Path(sys.argv[2], 'float.nir'))\n"
    )
    for seed in ("1", "2"):
        arguments = [sys.executable, "-c", program, str(TESTS), str(tmp_path / seed)]
        subprocess.run(arguments, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=120)
    NIR.write(small_network(), tmp_path / "here.nir")
    for name in ("integer.nir", "float.nir"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
    assert (tmp_path / "1" / "integer.nir").read_bytes() == (tmp_path / "here.nir").read_bytes()


def test_a_file_that_nir_wrote_anew_is_the_same_network(tmp_path):
    """Another tool may pack the arrays and order the nodes otherwise."""
    graph = NIR.to_graph(small_network())
    graph.nodes = dict(reversed(graph.nodes.items()))
    graph.edges = graph.edges[::-1]
    graph.nodes["readout"].metadata = {"note": "by hand", "nested": {"more": np.arange(3)}}
    graph.metadata = {"tool": "another"}
    nir.write(tmp_path / "network.nir", graph, compression="gzip")
    assert same(NIR.read(tmp_path / "network.nir"), small_network())


def test_numbers_in_other_words_are_the_same_network(tmp_path):
    path = tmp_path / "network.nir"
    NIR.write(small_network(), path)
    replace_dataset(path, "layer0/threshold", np.int32(65536))
    replace_dataset(
        path, "layer0/damping", np.array([600, 40, 2000], ">u2"), chunks=(2,), compression="lzf", shuffle=True
    )
    replace_dataset(
        path, "layer0_input/weight", NIR.to_graph(small_network()).nodes["layer0_input"].weight.astype(">f8")
    )
    replace_dataset(path, "messages/task", np.bytes_("ecg"))
    assert same(NIR.read(path), small_network())


def test_nir_itself_refuses_the_file_until_the_nodes_are_registered(tmp_path):
    """In a process of its own, because registering changes nir for good."""
    path, again = tmp_path / "network.nir", tmp_path / "again.nir"
    NIR.write(small_network(), path)
    program = (
        "import sys, nir\n"
        "from pathlib import Path\n"
        "from brf_export.nir import NIR, register\n"
        "try: nir.read(sys.argv[1])\n"
        "except AssertionError: print('refused')\n"
        "register(), register()\n"
        "graph = nir.read(sys.argv[1])\n"
        "print(type(graph.nodes['layer0']).__name__, *graph.nodes['layer0'].damping, graph.nodes['messages'].task)\n"
        "print(NIR.from_graph(graph))\n"
        "nir.write(sys.argv[2], graph)\n"
    )
    arguments = [sys.executable, "-c", program, str(path), str(again)]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[:2] == ["refused", "BRFFixed 600 40 2000 ecg"]
    assert done.stdout.splitlines()[2:] == repr(small_network()).splitlines()
    assert same(NIR.read(again), small_network())


def test_registering_needs_nirs_list_of_types(monkeypatch):
    monkeypatch.delitem(vars(nir.ir), "__all_ir")
    with pytest.raises(
        Unsupported, match=r"no list of node types to extend; read the file with `brf_export\.nir\.NIR`"
    ):
        register()


def test_registering_does_not_replace_another_node(monkeypatch):
    monkeypatch.setitem(vars(nir.ir), "__all_ir", [*vars(nir.ir)["__all_ir"], "ALIF"])
    monkeypatch.setattr(nir.ir, "ALIF", nir.LIF, raising=False)
    before = list(vars(nir.ir)["__all_ir"])
    with pytest.raises(Unsupported, match="a node type 'ALIF' is there already"):
        register()
    assert vars(nir.ir)["__all_ir"] == before


def test_an_uncertified_network_is_refused(tmp_path):
    network = small_network(UncertifiedNetwork, layers=(with_damping(small_network().layers[0], [0, 40, 2000]),))
    assert certificate(network.layers[0], network.arithmetic).violations.any()
    with pytest.raises(
        CertificateViolation, match=r"network\.nir': export refused: layer 'hidden': 1 of 3 neurons break"
    ):
        NIR.write(network, tmp_path / "network.nir")
    with pytest.raises(CertificateViolation, match="export refused"):
        NIR.to_graph(network)
    assert list(tmp_path.iterdir()) == []


def test_a_baseline_inside_the_disc_is_refused_all_the_same(tmp_path):
    with pytest.raises(
        CertificateViolation, match="is a baseline, made without the stability certificate; quantise with"
    ):
        NIR.write(small_network(UncertifiedNetwork), tmp_path / "network.nir")


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_hdf5_cannot_store_is_refused(tmp_path, text):
    with pytest.raises(InvalidNetwork, match=r"field 'task': .* holds NUL or half a surrogate pair"):
        NIR.write(small_network(task=text), tmp_path / "network.nir")
    assert list(tmp_path.iterdir()) == []


def test_weights_wider_than_float32_are_refused():
    with pytest.raises(Unsupported, match="more than the 24 bits of a float32 needed"):
        integer_graph.exact_weights(np.array([[1 << 24, (1 << 24) + 1]]), np.array([3]))


def test_a_file_too_large_to_read_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST_CONTENTS", 10_000)
    with pytest.raises(Unsupported, match=r"\d+ bytes needed, a `\.nir` file has at most 10000; use fewer neurons"):
        NIR.write(small_network(), tmp_path / "network.nir")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_and_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "network.nir"
    NIR.write(small_network(task="old"), path)
    NIR.write(small_network(), path)
    assert same(NIR.read(path), small_network())
    assert [file.name for file in path.parent.iterdir()] == ["network.nir"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "network.nir"
    NIR.write(small_network(), path)
    before = path.read_bytes()
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(
        InvalidInput, match=r"network\.nir': cannot be written \(No space left on device\); name a file in"
    ):
        NIR.write(small_network(task="new"), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_cannot_be_overwritten(tmp_path):
    with pytest.raises(InvalidInput, match=r"cannot be written \(Is a directory\)"):
        NIR.write(small_network(), tmp_path)


def test_importing_the_format_imports_neither_nir_nor_h5py():
    program = "import sys; from brf_export.nir import NIR; print(NIR.suffix, {'nir', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == [".nir", "set()"]


@pytest.mark.parametrize("module", ["nir", "h5py"])
def test_an_absent_package_names_its_extra(tmp_path, module):
    program = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from pathlib import Path\n"
        "from brf_deploy.errors import Unavailable\n"
        "from brf_export.nir import NIR, register\n"
        "for act in (lambda: NIR.read(Path('a.nir')), lambda: NIR.write(None, Path('a.nir')), register):\n"
        "    try: act()\n"
        "    except Unavailable as error: print(error)\n"
    )
    arguments = [sys.executable, "-c", program, module]
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    reason = f"the NIR format needs the package '{module}', which is not installed: pip install 'brf-deploy[nir]'"
    assert done.stdout.splitlines() == [reason] * 3


def with_damping(layer, damping):
    return type(layer)(**{**vars(layer), "damping": np.array(damping)})
