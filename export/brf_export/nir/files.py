"""`.nir` files: graphs written by nir itself, and read behind a wall against damaged and hostile files."""

from io import BytesIO
from pathlib import Path

import nir

from brf_deploy.errors import Unsupported
from brf_deploy.exporter import require_certified
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.network_file import require_file_at
from brf_deploy.whole_file import write_whole
from brf_export.nir import float_graph as floats
from brf_export.nir import integer_graph as integers
from brf_export.nir.chain import Chain
from brf_export.nir.contents import Contents, require_same
from brf_export.nir.fields import within
from brf_export.nir.hdf5_program import LARGEST_CONTENTS
from brf_export.nir.hdf5_reader import read_contents


def graph_of(network: IntegerNetwork) -> nir.NIRGraph:
    """The graph of a certified integer network."""
    require_certified(network)
    return integers.chain_of(network).graph()


def network_of(graph: nir.NIRGraph) -> IntegerNetwork:
    """The integer network of a graph."""
    return integer_from(Contents.of(graph))


def integer_from(contents: Contents) -> IntegerNetwork:
    """The integer network that these nodes and edges describe, every one of them checked."""
    network = integers.network_of(Chain.of(contents.made()))
    # The network says everything again, so no edge, field or repeated number of the file goes unchecked.
    require_same(contents, Contents.of(integers.chain_of(network).graph()))
    return network


def float_from(contents: Contents) -> FloatNetwork:
    """The float network that these nodes and edges describe, every one of them checked."""
    network = floats.network_of(Chain.of(contents.made()))
    require_same(contents, Contents.of(floats.chain_of(network).graph()))
    return network


def write_integer(network: IntegerNetwork, path: Path) -> None:
    """Write a certified integer network."""
    with within(f"network file '{path}'"):
        data = _stored(graph_of(network))
    write_whole(path, data)


def read_integer(path: Path) -> IntegerNetwork:
    """Read an integer network."""
    require_file_at(path)
    with within(f"network file '{path}'"):
        return integer_from(read_contents(path))


def write_float(network: FloatNetwork, path: Path) -> None:
    """Write a float network."""
    with within(f"network file '{path}'"):
        data = _stored(floats.chain_of(network).graph())
    write_whole(path, data)


def read_float(path: Path) -> FloatNetwork:
    """Read a float network."""
    require_file_at(path)
    with within(f"network file '{path}'"):
        return float_from(read_contents(path))


def _stored(graph: nir.NIRGraph) -> bytes:
    buffer = BytesIO()
    # Uncompressed: deflated bytes differ between versions of zlib.
    nir.write(buffer, graph, compression=None)
    data = buffer.getvalue()
    if len(data) > LARGEST_CONTENTS:
        raise Unsupported(f"{len(data)} bytes needed, a `.nir` file has at most {LARGEST_CONTENTS}; use fewer neurons")
    return data
