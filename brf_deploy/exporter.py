"""What every exporter looks like, how exporters are found, and the gate that all of them pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from brf_deploy.backend import Availability
from brf_deploy.certificate import certify
from brf_deploy.errors import CertificateViolation, InvalidInput, Unavailable
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork, UncertifiedNetwork
from brf_deploy.registry import load_entry, names
from brf_deploy.whole_file import write_whole, write_whole_folder

GROUP = "brf_deploy.exporters"


@dataclass(frozen=True)
class Export:
    """A network in another tool's form, nothing written yet.

    files: contents by path relative to the folder; a format of one file has one entry. facts: numbers about the
    result by name with unit, for people and for JSON. hints: what to do with it, one line each.
    """

    files: Mapping[str, bytes]
    facts: Mapping[str, Any] = field(default_factory=dict)
    hints: tuple[str, ...] = ()


class Exporter(Protocol):
    """Turns networks into another tool's form."""

    name: str
    description: str
    suffix: str | None  # of its one file, or None where it makes a folder

    def availability(self) -> Availability:
        """Whether `render` can run here, without importing anything heavy."""
        ...

    def render(self, network: IntegerNetwork | FloatNetwork, name: str) -> Export:
        """The network under a name, an identifier in C and Python; integer networks are certified already.

        Raises `Unsupported`, with the reason and the nearest thing that works, for what the format cannot carry.
        """
        ...


def exporter_names() -> list[str]:
    """Every declared exporter, sorted."""
    return names(GROUP)


def load_exporter(name: str) -> Exporter:
    """The exporter of that name; raises `InvalidInput` for an unknown one, `Unavailable` for one that cannot run."""
    exporter: Exporter = load_entry(GROUP, name, "export format")
    found = exporter.availability()
    if not found.present:
        raise Unavailable(f"export format '{name}' is not available: {found.detail}")
    return exporter


def export_network(network: IntegerNetwork | FloatNetwork, to: str, out: Path, *, force: bool = False) -> Export:
    """Write `network` in the format `to` as the file or folder `out`, which appears whole or not at all.

    force: replace a folder that is there. Raises `CertificateViolation` for an uncertified integer network,
    `Unsupported` for what the format cannot carry, `InvalidInput` where `out` cannot be written.
    """
    exporter = load_exporter(to)
    if isinstance(network, IntegerNetwork):
        require_certified(network)
    if exporter.suffix is not None and out.suffix != exporter.suffix:
        raise InvalidInput(f"export '{out}': a file of format '{to}' ends in '{exporter.suffix}'; name it so")
    export = exporter.render(network, identifier(out.stem))
    if exporter.suffix is None:
        write_whole_folder(out, export.files, replace=force)
    else:
        (data,) = export.files.values()
        write_whole(out, data)
    return export


def identifier(text: str) -> str:
    """`text` as an identifier of C, Verilog and Python: other characters become ``_``."""
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in text).lower()
    return name if name[:1].isalpha() else f"net_{name}"


def require_certified(network: IntegerNetwork) -> None:
    """Raise `CertificateViolation` unless `network` is certified, naming the worst neuron where one is outside."""
    try:
        certify(network)
    except CertificateViolation as error:
        raise CertificateViolation(f"export refused: {error}") from error
    if isinstance(network, UncertifiedNetwork):
        raise CertificateViolation(
            f"export refused: the network for '{network.task}' is a baseline, made without the stability certificate; "
            "quantise with scheme 'dwn', whose networks are certified when they are made"
        )
