"""Files of schema 1 that are kept: they load to the same network, and the network is written to the same bytes."""

import hashlib
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from nir_files import same, small_float_network, small_network

from brf_export.nir import NIR

GOLDEN = Path(__file__).parent / "golden"
FILES = {
    "integer.nir": (small_network, NIR.read, NIR.write),
    "float.nir": (small_float_network, NIR.read_float, NIR.write_float),
}


@pytest.mark.parametrize("name", FILES)
def test_a_kept_file_loads_to_the_same_network(name):
    network, read, _ = FILES[name]
    assert same(read(GOLDEN / name), network())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.skipif(nir.version != "1.0.8", reason=f"files carry nir's version; kept by 1.0.8, this is {nir.version}")
def test_the_network_is_written_to_the_kept_bytes(name, tmp_path):
    network, _, write = FILES[name]
    write(network(), tmp_path / name)
    assert (tmp_path / name).read_bytes() == (GOLDEN / name).read_bytes()


def test_the_checksum_is_what_the_documentation_says():
    """Computed from the nodes alone, as docs/nir.md describes it."""
    digest = hashlib.sha256()
    with h5py.File(GOLDEN / "integer.nir") as file:
        graph = file["node"]
        for node in sorted(graph["nodes"]):
            for field in sorted(set(graph["nodes"][node]) - {"checksum", "metadata"}):
                value = graph["nodes"][node][field][()]
                if isinstance(value, bytes):
                    digest.update(f"{node}/{field} text {len(value)}\n".encode() + value + b"\n")
                else:
                    array = np.asarray(value)
                    digest.update(f"{node}/{field} {array.dtype.str} {list(array.shape)}\n".encode())
                    digest.update(array.tobytes() + b"\n")
        for source, target in sorted(edge.tolist() for edge in graph["edges"].asstr()[()]):
            digest.update(f"{source} -> {target}\n".encode())
        assert digest.hexdigest() == graph["nodes/messages/checksum"][()].decode()
