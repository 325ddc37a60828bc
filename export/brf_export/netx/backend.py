"""The netx backend: exports a network and runs the file through lava-dl's own ``netx.hdf5.Network``.

Nothing here imports Lava: each run happens in an interpreter of its own. For conformance, not for speed: netx has no
batches, so samples run one after the other.
"""

import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs, require_present
from brf_deploy.errors import BrfError
from brf_deploy.fresh_interpreter import run_module
from brf_deploy.network import IntegerNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.registry import how_to_install
from brf_deploy.trace import Record, Trace
from brf_export.netx import EXPORTER
from brf_export.netx.worker import MESSAGES, NETWORK, TRACE

LAVA_DL_VERSION = "0.6.0"
INSTALL = f"pip install --no-deps --ignore-requires-python lava-dl=={LAVA_DL_VERSION}"
LOADER = "brf_export.netx.loader"


class NetxBackend:
    """Runs integer networks in lava-dl's netx.

    loader: the module that teaches netx. seconds: for one run; None allows a minute to start, 0.1 s for each step and
    20 times what the arithmetic takes.
    """

    name = "netx"
    slow = True

    def __init__(self, loader: str = LOADER, seconds: float | None = None) -> None:
        self.loader, self.seconds = loader, seconds

    def availability(self) -> Availability:
        """lava-dl 0.6.0, Lava, torch and h5py, found without importing them."""
        try:
            found = version("lava-dl")
        except PackageNotFoundError:
            return Availability(False, f"lava-dl is not installed: {how_to_install('lava')}, then {INSTALL}")
        if found != LAVA_DL_VERSION:
            return Availability(False, f"lava-dl {found} found, {LAVA_DL_VERSION} needed: {INSTALL}")
        for module in ("lava", "torch", "h5py"):
            if find_spec(module) is None:
                return Availability(False, f"lava-dl {found} is installed without {module}: {how_to_install(module)}")
        return Availability(True, f"lava-dl {found}")

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence, one sample after the other."""
        messages = check_inputs(network, inputs)
        (data,) = EXPORTER.render(network, "network").files.values()
        if messages.shape[0] * messages.shape[1] == 0:
            return REFERENCE.run(network, inputs, record)  # of nothing; Lava cannot run it
        operations = messages.shape[0] * messages.shape[1] * sum(layer.count**2 for layer in network.layers)
        return self.run_file(data, messages, record.value, operations)

    def run_file(self, data: bytes, messages: Ints, what: str, operations: int = 0) -> Trace:
        """Run the contents of a file; `what` is "spikes", "states" or "cuba" (see `brf_export.netx.worker`)."""
        require_present(self)
        steps, batch, _ = messages.shape
        seconds = self.seconds or 60 + 0.1 * steps * batch + operations / 4e6
        with tempfile.TemporaryDirectory(prefix="brf-netx-") as name:
            directory = Path(name)
            (directory / NETWORK).write_bytes(data)
            np.save(directory / MESSAGES, messages)
            try:
                run_module("brf_export.netx.worker", [what, self.loader], directory, seconds, "run fewer samples")
            except BrfError as error:
                raise type(error)(f"backend '{self.name}': {error}") from error
            return Trace.load(directory / TRACE)


NETX = NetxBackend()
