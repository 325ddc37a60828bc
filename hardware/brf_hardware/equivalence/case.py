"""A failing comparison kept as a folder that can be run again: `brf-deploy verify --case FOLDER`."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidFile
from brf_deploy.network import IntegerNetwork
from brf_deploy.network_file import load_network, save_network
from brf_deploy.trace import Trace
from brf_hardware.equivalence.difference import Difference

NETWORK, MESSAGES, EXPECTED, FOUND, ABOUT = "network.nir", "messages.npy", "expected.npz", "found.npz", "case.json"


@dataclass(frozen=True, eq=False)
class Case:
    """One backend, one sample, and what it takes to see the difference again."""

    backend: str
    network: IntegerNetwork
    messages: Ints


def keep_case(folder: Path, case: Case, expected: Trace, found: Trace, difference: Difference) -> Path:
    """Write the differing sample's messages, both traces, the network and a description; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    one = slice(difference.sample, difference.sample + 1)
    save_network(case.network, folder / NETWORK)
    np.save(folder / MESSAGES, case.messages[:, one])
    for name, trace in ((EXPECTED, expected), (FOUND, found)):
        Trace.from_fields({key: array[:, one] for key, array in trace.fields().items()}).save(folder / name)
    about = {
        "backend": case.backend,
        "first_difference": vars(difference.of_sample(-difference.sample)),
        "run_again": f"brf-deploy verify --case {folder}",
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    return folder


def load_case(folder: Path) -> Case:
    """Read what `keep_case` wrote."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        messages = np.load(folder / MESSAGES, allow_pickle=False)
        backend = str(about["backend"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise InvalidFile(f"case '{folder}': not a folder kept by `brf-deploy verify` ({error})") from error
    return Case(backend, load_network(folder / NETWORK), messages)
