"""Float networks on disk: exact round trips, and what is refused."""

import json

import numpy as np
import pytest
from float_networks import random_float_network
from safetensors.numpy import save

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidFile, InvalidNetwork
from brf_deploy.float_file import KEY, load_float_network, save_float_network


def arrays(network):
    found = [network.readout.tau, network.readout.weight]
    for layer in network.layers:
        found += [value for value in vars(layer.neurons).values() if isinstance(value, np.ndarray)]
        found += [layer.input_weight, layer.recurrent_weight]
    return found


@pytest.mark.parametrize("kind", ["brf", "rf", "alif"])
def test_round_trip_is_exact(kind, tmp_path):
    order = np.random.default_rng(0).permutation(9)
    network = random_float_network(kind, neurons=(5, 4), encoding=Encoding(255, 255, order))
    save_float_network(network, tmp_path / "n.safetensors")
    again = load_float_network(tmp_path / "n.safetensors")
    assert repr(again) == repr(network)
    for a, b in zip(arrays(network), arrays(again), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(again.encoding.permutation, order)
    assert (again.encoding.maximum, again.encoding.full_scale) == (255, 255)
    assert not list(tmp_path.glob("*.part"))


def written(tmp_path, tensors=None, **changes):
    """A file whose configuration was tampered with."""
    path = tmp_path / "n.safetensors"
    save_float_network(random_float_network(), path)
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    configuration = json.loads(json.loads(raw[8 : 8 + size])["__metadata__"][KEY]) | changes
    arrays = tensors or {"readout.tau": np.ones(4, np.float32)}
    path.write_bytes(save(arrays, {KEY: json.dumps(configuration)}))
    return path


def test_absent_file(tmp_path):
    with pytest.raises(InvalidFile, match="no such file; make one with `brf-deploy train`"):
        load_float_network(tmp_path / "no.safetensors")


@pytest.mark.parametrize("length", [0, 5, 60, 400])
def test_truncated_file(tmp_path, length):
    path = tmp_path / "n.safetensors"
    save_float_network(random_float_network(), path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InvalidFile, match="not a readable safetensors file"):
        load_float_network(path)


def test_foreign_safetensors(tmp_path):
    path = tmp_path / "n.safetensors"
    path.write_bytes(save({"weight": np.ones(3)}))
    with pytest.raises(InvalidFile, match="it was not written by this program"):
        load_float_network(path)


def test_other_schema(tmp_path):
    with pytest.raises(InvalidFile, match="schema 2 found, this version reads schema 1"):
        load_float_network(written(tmp_path, schema=2))


def test_incomplete_configuration(tmp_path):
    with pytest.raises(InvalidFile, match="incomplete or ill-formed configuration"):
        load_float_network(written(tmp_path))
    with pytest.raises(InvalidFile, match="incomplete or ill-formed configuration"):
        load_float_network(written(tmp_path, layers=[{"neuron": "hodgkin"}]))


def test_nan_weights_are_refused_with_the_file_named(tmp_path):
    tensors = {
        "layer0.omega": np.ones(2), "layer0.b_offset": np.ones(2),
        "layer0.input_weight": np.full((2, 3), np.nan), "readout.tau": np.ones(1), "readout.weight": np.ones((1, 2)),
    }  # fmt: skip
    path = written(tmp_path, tensors, layers=[{"name": "h", "neuron": "brf", "dt": 0.01, "theta": 1.0, "gamma": 0.9}])
    with pytest.raises(InvalidNetwork, match=r"n.safetensors': layer 'h' input_weight: 6 of 6 values are NaN"):
        load_float_network(path)
