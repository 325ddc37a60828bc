"""Files of netx: what they hold, what is refused, what lava-dl makes of them with and without the loader."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from float_networks import random_float_network
from hypothesis import given, settings
from networks import integer_networks, random_network
from netx_files import lava_dl_program, lif_network

from brf_deploy.errors import CertificateViolation, InvalidInput, Unsupported
from brf_deploy.exporter import export_network, load_exporter
from brf_deploy.float_network import BHRFNeurons, FloatLayer, FloatNetwork
from brf_deploy.network import UncertifiedNetwork
from brf_export.netx import EXPORTER
from brf_export.netx.loader import HEADER_BYTES, DamagedFile, check_file

pytestmark = pytest.mark.xdist_group("lava")


def file_of(network):
    (data,) = EXPORTER.render(network, "net").files.values()
    return data


def types_in(data):
    found = []
    with h5py.File(BytesIO(data)) as file:
        file.visititems(lambda path, item: found.append(item[()].decode()) if path.endswith("type") else None)
    return found


@given(network=integer_networks())
@settings(max_examples=30)
def test_no_type_is_one_that_netx_takes_for_its_own(network):
    """netx compares the types of layers, and looks for RF anywhere in the types of neurons."""
    known = {"dense", "dense_rec", "dense_comp", "conv", "flatten", "pool", "convT", "unpool", "average", "concat"}
    _, *types = types_in(file_of(network))
    assert not [name for name in types if "RF" in name or name in known | {"LOIHI", "CUBA", "SDNN"}]
    assert len(types) == 2 * len(network.layers) + 3


def test_without_the_loader_netx_stops_and_says_what_is_needed(tmp_path):
    export_network(random_network(neurons=(4, 3)), "netx", tmp_path / "net.net")
    errors = lava_dl_program(
        f"from lava.lib.dl.netx.hdf5 import Network; Network({str(tmp_path / 'net.net')!r})", fails=True
    )
    assert "this network needs a loader before netx can load it: from brf_export.netx import loader" in errors


def test_with_the_loader_netx_finds_its_own_blocks_and_the_loaders(tmp_path):
    """One program: a type that contains RF is Izhikevich's resonator to netx; ours is not; stock files stay stock."""
    export_network(random_network(neurons=(4, 3)), "netx", tmp_path / "ours.net")
    export_network(lif_network(), "netx", tmp_path / "lif.net")
    with h5py.File(tmp_path / "trap.net", "w") as file:
        layer = file.create_group("layer/0")
        layer.update({"type": np.bytes_("dense"), "shape": [2], "weight/real": [[2, 4], [2, 4]]})
        layer.update({"weight/imag": [[2, -4], [2, 4]], "neuron/type": np.bytes_("BRF"), "neuron/vThMant": 10})
        layer.update({"neuron/sinDecay": 800, "neuron/cosDecay": 3900})
    out = lava_dl_program(f"""
from brf_export.netx import loader
loader.register()
loader.register()
from lava.lib.dl.netx.hdf5 import Network
for name in ("trap", "ours", "lif"):
    network = Network({str(tmp_path)!r} + f"/{{name}}.net")
    print(name, *[type(getattr(layer, "neuron", layer)).__name__ for layer in network.layers])
network = Network({str(tmp_path / "ours.net")!r}, num_layers=2)
print("first", *[type(layer).__name__ for layer in network.layers], network.out.shape)
""")
    assert out.splitlines() == [
        "trap RF_IZ",
        "ours Resonators Resonators LeakyIntegrators",
        "lif LIF LIF",
        "first Resonators (4,)",
    ]


@pytest.mark.parametrize("at", [0, 20, 60, HEADER_BYTES + 1, 3000, -1])
def test_damaged_files_are_refused(tmp_path, at):
    data = bytearray(file_of(random_network(neurons=(4, 3))))
    data[at] ^= 1
    (tmp_path / "net.net").write_bytes(data)
    with pytest.raises(DamagedFile, match=r"net.net'.*export the network again"):
        check_file(tmp_path / "net.net")


def test_cut_files_are_refused_and_others_pass(tmp_path):
    data = file_of(random_network())
    for name, contents in {"cut": data[:-8], "rewritten": data[HEADER_BYTES:]}.items():
        (tmp_path / name).write_bytes(contents)
        with pytest.raises(DamagedFile):
            check_file(tmp_path / name)
    for name, contents in {"whole": data, "lif": file_of(lif_network())}.items():
        (tmp_path / name).write_bytes(contents)
        check_file(tmp_path / name)


@pytest.mark.parametrize("network", [random_network(permutation=np.arange(4)[::-1]), lif_network()])
def test_same_network_same_bytes(network):
    assert EXPORTER.render(network, "net") == EXPORTER.render(network, "net")


def test_what_a_file_says_about_itself():
    network = random_network(permutation=np.arange(4)[::-1], maximum=3, task="mine", skip_steps=7)
    export = EXPORTER.render(network, "mine")
    assert list(export.files) == ["mine.net"]
    assert "netx does not reorder time" in export.hints[1]
    with h5py.File(BytesIO(export.files["mine.net"])) as file:
        assert (file.attrs["task"], file.attrs["skip_steps"]) == ("mine", 7)
        assert file.attrs["writer"].startswith("brf-deploy ")
        np.testing.assert_array_equal(file["layer/0/permutation"], [3, 2, 1, 0])
        assert file["layer/0/neuron/maximum"][()] == 3
        np.testing.assert_array_equal(file["layer/1/weight_rec"], network.layers[0].recurrent.mantissa)


def bhrf_network():
    network = lif_network(neurons=(2,))
    layer = network.layers[0]
    neurons = BHRFNeurons(np.ones(2), np.ones(2))
    return FloatNetwork("t", network.encoding, (FloatLayer("h", neurons, layer.input_weight),), network.readout)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (random_float_network("brf"), "brf neurons found: netx has no BRF neuron; quantise the network with"),
        (random_float_network("rf"), "rf neurons found: they spike at every step with u above the threshold, while"),
        (random_float_network("alif"), "alif neurons found: netx has no adaptive threshold; train LIF neurons, or BRF"),
        (bhrf_network(), "bhrf neurons found: netx has no BHRF neuron; train BRF neurons"),
        (lif_network(tau=(9000.0, 9000.0)), "leaks 0.00011 a step, which is 0 in the 12 bits of iDecay"),
        (lif_network(maximum=255, full_scale=40000), "signal to noise is .* dB, at least 3 needed"),
    ],
)
def test_what_netx_cannot_carry_is_refused_with_the_reason(tmp_path, network, reason):
    with pytest.raises(Unsupported, match=reason):
        export_network(network, "netx", tmp_path / "net.net")
    assert list(tmp_path.iterdir()) == []


def test_baselines_and_other_suffixes_are_refused(tmp_path):
    network = random_network()
    baseline = UncertifiedNetwork(network.task, network.encoding, network.arithmetic, network.layers, network.readout)
    with pytest.raises(CertificateViolation, match="export refused"):
        export_network(baseline, "netx", tmp_path / "net.net")
    with pytest.raises(InvalidInput, match=r"ends in '\.net'; name it so"):
        export_network(network, "netx", tmp_path / "net.h5")


def test_writing_needs_neither_lava_nor_torch():
    program = """
import sys
from networks import random_network
from brf_deploy.exporter import load_exporter
exporter = load_exporter("netx")
print(exporter.availability().detail.split()[0], len(exporter.render(random_network(), "net").files))
print([name for name in ("lava", "torch") if name in sys.modules])
"""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "h5py 1\n[]\n"
    assert load_exporter("netx") is EXPORTER


def test_absent_h5py_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("brf_export.netx.find_spec", lambda name: None)
    assert EXPORTER.availability().detail == "h5py is not installed: pip install 'brf-deploy[nir]'"
