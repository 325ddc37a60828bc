"""What a `.nir` file says, apart from how HDF5 lays it out: its comparison and its checksum."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np

from brf_deploy.errors import InvalidFile
from brf_export.nir.fields import within
from brf_export.nir.registry import node_from

Fields = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Contents:
    """Nodes by name, each as its stored fields with `type`; and edges from node to node."""

    nodes: Mapping[str, Fields]
    edges: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, graph: nir.NIRGraph) -> "Contents":
        """The contents of the file that nir writes for `graph`; metadata is not among them."""
        nodes = {name: _without_metadata(node.to_dict()) for name, node in graph.nodes.items()}
        return cls(nodes, frozenset((source, target) for source, target in graph.edges))

    def made(self) -> dict[str, nir.NIRNode]:
        """Every node as an object; raises `InvalidFile` naming the node where one is not of this schema."""
        nodes = {}
        for name, stored in self.nodes.items():
            with within(f"node '{name}'"):
                nodes[name] = node_from(stored)
        return nodes

    def checksum(self) -> str:
        """SHA-256 over nodes and fields in alphabetical order with type, shape and little-endian values, then edges."""
        digest = hashlib.sha256()
        for name, stored in sorted(self.nodes.items()):
            for field, value in sorted(stored.items()):
                if field != "checksum":
                    digest.update(_canonical(f"{name}/{field}", value))
        for source, target in sorted(self.edges):
            digest.update(f"{source} -> {target}\n".encode())
        return digest.hexdigest()


def require_same(found: Contents, expected: Contents) -> None:
    """Refuse contents that are not exactly `expected`, naming the first node, edge or field that differs."""
    for name in sorted({*found.nodes, *expected.nodes}):
        if name not in found.nodes or name not in expected.nodes:
            what = "is missing" if name in expected.nodes else "does not belong to the chain"
            raise InvalidFile(f"node '{name}' {what}; this network has the nodes {', '.join(expected.nodes)}")
    for source, target in sorted(found.edges ^ expected.edges):
        what = "is missing" if (source, target) in expected.edges else "does not belong to the chain"
        raise InvalidFile(f"edge '{source}' -> '{target}' {what}")
    for name, stored in expected.nodes.items():
        with within(f"node '{name}'"):
            _require_same_fields(found.nodes[name], stored)


def _require_same_fields(found: Fields, expected: Fields) -> None:
    for field in sorted({*found, *expected} - {"checksum"}):
        _require_same_value(field, found.get(field), expected.get(field))
    if found.get("checksum") != expected.get("checksum"):
        raise InvalidFile(
            f"field 'checksum': {found.get('checksum')} found, the contents have {expected.get('checksum')}; the file "
            "was damaged or edited: export the network again"
        )


def _require_same_value(field: str, found: Any, expected: Any) -> None:
    if np.array_equal(found, expected):
        return
    if np.shape(found) != np.shape(expected) or np.ndim(found) == 0:
        shown = [value if np.ndim(value) == 0 else f"shape {np.shape(value)}" for value in (found, expected)]
        raise InvalidFile(f"field '{field}': {shown[0]} found, the rest of the file says {shown[1]}")
    at = tuple(int(i) for i in np.argwhere(np.asarray(found) != np.asarray(expected))[0])
    where = ", ".join(map(str, at))
    raise InvalidFile(f"field '{field}'[{where}]: {found[at]} found, the rest of the file says {expected[at]}")


def _without_metadata(stored: Fields) -> Fields:
    return {field: value for field, value in stored.items() if field != "metadata"}


def _canonical(path: str, value: Any) -> bytes:
    if isinstance(value, str):
        return f"{path} text {len(value.encode())}\n{value}\n".encode()
    array = np.asarray(value, np.int64) if isinstance(value, int) else np.asarray(value)
    array = array.astype(array.dtype.newbyteorder("<"))
    return f"{path} {array.dtype.str} {list(array.shape)}\n".encode() + array.tobytes() + b"\n"
