"""The node types that may stand in a `.nir` file of this project, and how a node is made from its fields."""

from collections.abc import Mapping
from typing import Any

import nir

from brf_deploy.errors import InvalidFile, Unsupported
from brf_export.nir.fields import Kind, SchemaNode, kinds_of, require_schema
from brf_export.nir.float_nodes import ALIF, BRF, RF, LeakyIntegrator
from brf_export.nir.integer_nodes import BRFFixed, LeakyIntegratorFixed
from brf_export.nir.message_nodes import Messages, MessagesFixed

OWN: dict[str, type[SchemaNode]] = {
    node.__name__: node
    for node in (MessagesFixed, BRFFixed, LeakyIntegratorFixed, Messages, BRF, RF, ALIF, LeakyIntegrator)
}
# The fields of NIR's own nodes as they stand in a file; the classes name them otherwise and do not check them.
STANDARD: dict[str, dict[str, Kind]] = {
    "Input": {"shape": Kind("integer", 1)},
    "Linear": {"weight": Kind("real", 2)},
    "Output": {"shape": Kind("integer", 1)},
}


def node_from(stored: Mapping[str, Any]) -> nir.NIRNode:
    """The node with these stored fields and `type`; raises `InvalidFile` for a type, version or field unknown here."""
    kind_name = stored.get("type")
    if kind_name in OWN:
        require_schema(stored.get("schema"))
        return OWN[kind_name].from_dict(_checked(stored, kinds_of(OWN[kind_name])))
    if kind_name in STANDARD:
        return getattr(nir, kind_name).from_dict(_checked(stored, STANDARD[kind_name]))
    raise InvalidFile(f"node type '{kind_name}' is unknown; this program reads {', '.join(sorted({*OWN, *STANDARD}))}")


def register() -> None:
    """Extend nir's private list of types, which `nir.read` looks at, by the project's nodes."""
    known = vars(nir.ir).get("__all_ir")
    if not isinstance(known, list):
        raise Unsupported(
            f"nir {nir.version}: no list of node types to extend; read the file with `brf_export.nir.NIR` instead, or "
            "install nir 1.0.8"
        )
    for name, node in OWN.items():
        if name in known and getattr(nir.ir, name) is not node:
            raise Unsupported(
                f"nir {nir.version}: a node type '{name}' is there already; read the file with `brf_export.nir.NIR` "
                "instead, or install nir 1.0.8"
            )
    for name, node in OWN.items():
        setattr(nir.ir, name, node)
        if name not in known:
            known.append(name)


def _checked(stored: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    values = {name: value for name, value in stored.items() if name not in ("type", "metadata")}
    for name in values:
        if name not in kinds:
            raise InvalidFile(f"field '{name}' is unknown; a node of type '{stored['type']}' has {', '.join(kinds)}")
    for name, kind in kinds.items():
        if name not in values and not kind.optional:
            raise InvalidFile(f"field '{name}' is missing; a node of type '{stored['type']}' has {', '.join(kinds)}")
    return {"type": stored["type"], **{name: kinds[name].checked(name, value) for name, value in values.items()}}
