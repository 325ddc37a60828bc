"""Saving and loading by suffix."""

from importlib.metadata import entry_points

import pytest
from networks import random_network
from nir_files import same

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.network_file import GROUP, load_network, save_network


@pytest.mark.parametrize("name", ["net.nir", "NET.NIR"])
def test_what_is_saved_is_loaded(tmp_path, name):
    network = random_network()
    save_network(network, tmp_path / name)
    assert same(load_network(tmp_path / name), network)


def test_an_entry_point_is_named_like_its_suffix():
    for entry in entry_points(group=GROUP):
        assert entry.load().suffix == f".{entry.name}"


@pytest.mark.parametrize("name", ["net.xyz", "net"])
def test_an_unknown_suffix_lists_what_there_is(tmp_path, name):
    path = tmp_path / name
    for act in (lambda: load_network(path), lambda: save_network(random_network(), path)):
        with pytest.raises(InvalidInput, match=r"no format has the suffix '(\.xyz)?'; there are: .*\.nir") as caught:
            act()
        assert str(path) in str(caught.value)
    assert not path.exists()


def test_a_missing_file(tmp_path):
    with pytest.raises(InvalidFile, match=r"net\.nir': no such file; make one with `brf-deploy quantize`"):
        load_network(tmp_path / "net.nir")


def test_a_directory(tmp_path):
    (tmp_path / "net.nir").mkdir()
    with pytest.raises(InvalidFile, match="this is a directory; name the file in it"):
        load_network(tmp_path / "net.nir")
