"""The NIR format: a `.nir` file is the network on disk, complete without metadata (docs/nir.md).

The packages nir and h5py are imported when the format is used, not before.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from brf_deploy.errors import Unavailable
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import missing_module

if TYPE_CHECKING:
    import nir


class NIRFormat:
    """Integer and float networks as NIR graphs of the project's own nodes, in memory and on disk.

    Writing is byte-deterministic and never leaves a partial file. Reading raises `InvalidFile` or `InvalidNetwork`,
    naming file and node, for whatever this program would not have written. Every method raises `Unavailable` where nir
    or h5py is not installed.
    """

    suffix = ".nir"

    def write(self, network: IntegerNetwork, path: Path) -> None:
        """Write an integer network; raises `CertificateViolation` for one that is not certified."""
        _loaded("files").write_integer(network, path)

    def read(self, path: Path) -> IntegerNetwork:
        """The integer network in a file, equal in every field to the one that was written."""
        network: IntegerNetwork = _loaded("files").read_integer(path)
        return network

    def write_float(self, network: FloatNetwork, path: Path) -> None:
        """Write a float network, every number in its own precision."""
        _loaded("files").write_float(network, path)

    def read_float(self, path: Path) -> FloatNetwork:
        """The float network in a file, equal in every field to the one that was written."""
        network: FloatNetwork = _loaded("files").read_float(path)
        return network

    def to_graph(self, network: IntegerNetwork) -> "nir.NIRGraph":
        """The graph that `write` stores."""
        return _loaded("files").graph_of(network)

    def from_graph(self, graph: "nir.NIRGraph") -> IntegerNetwork:
        """The integer network that a graph describes, such as one from ``nir.read`` after `register`."""
        network: IntegerNetwork = _loaded("files").network_of(graph)
        return network


def register() -> None:
    """Make ``nir.read`` itself know the project's nodes, in this process.

    NIR has no interface for that, so this extends its private list of types. Raises `Unsupported` where nir no longer
    has that list or has another node of the same name, `Unavailable` where nir is not installed.
    """
    _loaded("registry").register()


def _loaded(module: str) -> ModuleType:
    try:
        return import_module(f"brf_export.nir.{module}")
    except ModuleNotFoundError as error:
        raise Unavailable(missing_module("the NIR format", error)) from error


NIR = NIRFormat()
