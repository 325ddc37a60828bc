"""Integer networks on disk: the file's suffix names the format, and formats are found by entry point."""

from pathlib import Path
from typing import Protocol

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import load_entry, names

GROUP = "brf_deploy.network_formats"


class NetworkFormat(Protocol):
    """Writes an integer network to one file and reads it back, equal in every field.

    Its entry point bears the suffix without the dot: ``.nir`` is declared as ``nir``.
    """

    suffix: str

    def write(self, network: IntegerNetwork, path: Path) -> None:
        """Write `network`; the file appears whole or not at all.

        Raises `CertificateViolation` for an uncertified network, `InvalidInput` where `path` cannot be written.
        """
        ...

    def read(self, path: Path) -> IntegerNetwork:
        """The network in the file; raises `InvalidFile` or `InvalidNetwork`, naming the file, for any other content."""
        ...


def save_network(network: IntegerNetwork, path: Path) -> None:
    """Write `network` in the format that the suffix of `path` names; raises `InvalidInput` for an unknown suffix."""
    _format_of(path).write(network, path)


def load_network(path: Path) -> IntegerNetwork:
    """Read a network in the format that the suffix of `path` names.

    Raises `InvalidInput` for an unknown suffix, `InvalidFile` for a file that is missing or ill-formed.
    """
    source = _format_of(path)
    require_file_at(path)
    return source.read(path)


def require_file_at(path: Path) -> None:
    """Refuse a path where there is nothing, or something that is not a file."""
    if path.is_dir():
        raise InvalidFile(f"network file '{path}': this is a directory; name the file in it")
    if not path.is_file():
        raise InvalidFile(f"network file '{path}': no such file; make one with `brf-deploy quantize`")


def _format_of(path: Path) -> NetworkFormat:
    declared = names(GROUP)
    name = path.suffix.lower().removeprefix(".")
    if name not in declared:
        listed = ", ".join(f".{known}" for known in declared) or "none"
        raise InvalidInput(
            f"network file '{path}': no format has the suffix '{path.suffix}'; there are: {listed}. Rename the "
            "file, or install the package that brings the format"
        )
    found: NetworkFormat = load_entry(GROUP, name, "network format")
    return found
