"""What every backend looks like, and how backends are found; those of float networks in `float_backend`."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import load_entry, names
from brf_deploy.trace import Record, Trace

Kind = Literal["integer", "float"]  # of network
GROUP = "brf_deploy.backends"
FLOAT_GROUP = "brf_deploy.float_backends"
GROUPS: dict[Kind, str] = {"integer": GROUP, "float": FLOAT_GROUP}
PREFERRED = ("fast", "reference")  # what runs a network where no backend is named: the first that is present


@dataclass(frozen=True)
class Availability:
    """Whether a backend or tool can be used here; `detail` is its version, or why not and how to get it."""

    present: bool
    detail: str


class Named(Protocol):
    """What a backend of either kind has."""

    name: str

    def availability(self) -> Availability:
        """Whether this backend can run here, without importing anything heavy."""
        ...


class Backend(Named, Protocol):
    """Runs an integer network bit for bit as `brf_deploy.reference` does."""

    slow: bool  # seconds a sample, so that `verify` runs it only when it is asked for

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs), in the order of the data set, from silence."""
        ...


def check_inputs(network: IntegerNetwork, inputs: Ints) -> Ints:
    """The messages as the network sees them: checked against its width and encoding, permuted, int64."""
    messages = network.encoding.present(inputs)
    if messages.shape[2] != network.inputs:
        raise InvalidInput(f"input messages: {messages.shape[2]} channels found, the network has {network.inputs}")
    return messages


def backend_names() -> list[str]:
    """Every declared backend, present or not; the reference first."""
    return sorted(names(GROUP), key=lambda name: (name != "reference", name))


def load_backend(name: str | None) -> Backend:
    """The backend of that name, or for None the first of `PREFERRED` that is present.

    Raises `InvalidInput` for one that is unknown or runs float networks, `Unavailable` for an absent one.
    """
    if name is None:
        return _preferred()
    backend: Backend = load_declared("integer", name)
    return backend


def load_declared(kind: Kind, name: str) -> Any:
    """The backend of that name for that kind of network, present.

    Raises `InvalidInput` for one that is unknown or runs the other kind, `Unavailable` for an absent one.
    """
    known = names(GROUPS[kind])
    for other, group in GROUPS.items():
        if name not in known and name in names(group):
            raise InvalidInput(
                f"backend '{name}' runs {other} networks; for {kind} networks there are: {', '.join(known) or 'none'}"
            )
    backend: Named = load_entry(GROUPS[kind], name, "backend")
    require_present(backend)
    return backend


def require_present(backend: Named) -> None:
    """Raise `Unavailable`, with how to get it, for a backend that cannot run here."""
    found = backend.availability()
    if not found.present:
        raise Unavailable(f"backend '{backend.name}' is not available: {found.detail}")


def choose_backends(wanted: str) -> tuple[dict[str, Backend], dict[str, str]]:
    """Backends by name, and for absent ones why.

    ``"all"`` takes what is present, ``"quick"`` that without the slow ones; a list of names must be present whole.
    """
    if wanted not in ("all", "quick"):
        return {name: load_backend(name) for name in wanted.split(",")}, {}
    present: dict[str, Backend] = {}
    absent: dict[str, str] = {}
    for name in backend_names():
        try:
            present[name] = load_backend(name)
        except Unavailable as error:
            absent[name] = str(error)
    present.pop("reference", None)  # the one that all others are compared with
    return {name: backend for name, backend in present.items() if wanted == "all" or not backend.slow}, absent


def _preferred() -> Backend:
    for name in PREFERRED[:-1]:
        with suppress(InvalidInput, Unavailable):
            return load_backend(name)
    return load_backend(PREFERRED[-1])
