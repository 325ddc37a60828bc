"""Lets lava-dl's netx load the networks that brf-deploy writes.

    from brf_export.netx import loader
    loader.register()
    from lava.lib.dl.netx import hdf5
    net = hdf5.Network("ecg.net", reset_interval=1300)

`net.inp` takes the messages of one step, `net.out` gives the readout of the same step, and `net.layers` are the
resonator layers and the readout. This folder stands alone: it needs numpy, h5py, lava-nc 0.10.0 and lava-dl 0.6.0 and
nothing of brf-deploy, so it can be copied to where brf-deploy is not, for example to Python 3.10.
"""

import functools
import hashlib
from pathlib import Path
from typing import Any

HEADER_BYTES = 512  # the user block, which HDF5 leaves to its users; netx never looks at it
MAGIC = b"brf-deploy netx 1\n"
RESONATORS, INTEGRATORS = "balanced_resonators", "leaky_integrators"
# Under ``weight`` of the input layer, which netx without this loader takes for a number and quotes in its error.
NEEDED = (
    "this network needs a loader before netx can load it: from brf_export.netx import loader; loader.register() "
    "(pip install brf-deploy)"
)


class DamagedFile(ValueError):
    """A file that is not the one that was written."""


def register() -> None:
    """Make ``netx.hdf5.Network`` itself load these networks; all others it loads as before. Harmless when repeated."""
    from .shims import install

    install()
    from lava.lib.dl.netx.hdf5 import Network

    if hasattr(Network, "brf_deploy_loader"):
        return
    from .network import create

    network_init, network_create = Network.__init__, Network._create

    @functools.wraps(network_init)
    def checked_init(network: Any, net_config: Any, *arguments: Any, **options: Any) -> None:
        check_file(Path(net_config))
        network_init(network, net_config, *arguments, **options)

    @functools.wraps(network_create)
    def create_either(network: Any) -> Any:
        layers = network.net_config["layer"]
        types = [layers[index]["type"] for index in range(len(layers))]
        return create(network) if {RESONATORS, INTEGRATORS} & set(types) else network_create(network)

    Network.__init__, Network._create = checked_init, create_either
    Network.brf_deploy_loader = MAGIC


def header(contents: bytes) -> bytes:
    """The user block for the rest of a file."""
    return (MAGIC + f"sha256 {hashlib.sha256(contents).hexdigest()}\n".encode()).ljust(HEADER_BYTES)


def check_file(path: Path) -> None:
    """Raise `DamagedFile` for a file of brf-deploy that has changed since; any other file passes."""
    data = path.read_bytes()
    if data.startswith(MAGIC) and data[:HEADER_BYTES] != header(data[HEADER_BYTES:]):
        raise DamagedFile(f"'{path}': damaged, its checksum does not hold; export the network again")
    if not data.startswith(MAGIC) and RESONATORS.encode() in data:
        raise DamagedFile(f"'{path}': the header with its checksum is gone; export the network again")
