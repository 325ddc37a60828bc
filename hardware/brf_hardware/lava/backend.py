"""The Lava backends. Nothing here imports Lava: each run happens in an interpreter of its own."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs, require_present
from brf_deploy.errors import BrfError
from brf_deploy.float_network import FloatNetwork
from brf_deploy.float_reference import presented
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import how_to_install
from brf_deploy.trace import Record, Trace
from brf_hardware.chunks import run_in_chunks
from brf_hardware.lava.interpreter import run_job
from brf_hardware.lava.limits import Limits
from brf_hardware.lava.request import Request

LAVA_VERSION = "0.10.0"
INSTALL = how_to_install("lava")
FUSED, PROCESSES = "brf_hardware.lava.jobs:fused", "brf_hardware.lava.jobs:processes"
CHUNK_BYTES = 1 << 30  # for one interpreter; what it recorded exists up to three times while it is handed over


class LavaBackend:
    """Runs integer networks in Lava's fixed-point models; without `limits`, under those of the environment."""

    slow = False

    def __init__(self, name: str, job: str, limits: Limits | None = None) -> None:
        self.name, self.job, self.limits = name, job, limits

    def availability(self) -> Availability:
        """lava-nc 0.10.0 and what it needs, found without importing it."""
        return lava_availability()

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence, as many samples at once as memory allows."""
        check_inputs(network, inputs)

        def run(chunk: Ints) -> Trace:
            return _run(self.name, self.job, network, chunk, record, self.limits)

        return run_in_chunks(run, network, inputs, record, CHUNK_BYTES)


LAVA = LavaBackend("lava", FUSED)
LAVA_PROCESSES = LavaBackend("lava-processes", PROCESSES)


def run_floating_point(
    network: FloatNetwork, inputs: Ints, record: Record = Record.SPIKES, limits: Limits | None = None
) -> Trace:
    """Run a float network of BRF layers in Lava's floating-point models, one process per population and connection.

    Equal to ``run_float(network, inputs, np.float64)`` wherever BLAS adds in the same order in both.
    """
    presented(network.encoding, network.inputs, inputs, np.float64)
    return _run("lava-processes", PROCESSES, network, inputs, record, limits)


def lava_availability() -> Availability:
    """Whether Lava can be used here, found without importing it."""
    try:
        found = version("lava-nc")
    except PackageNotFoundError:
        return Availability(False, f"lava-nc is not installed: {INSTALL}")
    if found != LAVA_VERSION:
        return Availability(False, f"lava-nc {found} found, {LAVA_VERSION} needed: {INSTALL}")
    missing = [name for name in ("lava", "networkx", "scipy") if find_spec(name) is None]
    if missing:
        return Availability(False, f"lava-nc {found} is installed without {', '.join(missing)}: {INSTALL}")
    return Availability(True, f"lava-nc {found}")


def _run(
    name: str, job: str, network: IntegerNetwork | FloatNetwork, inputs: Ints, record: Record, limits: Limits | None
) -> Trace:
    require_present(LAVA if job == FUSED else LAVA_PROCESSES)
    limits = limits or Limits.from_environment()
    steps, batch, _ = inputs.shape
    seconds = limits.total_for(steps, steps * batch * _operations_a_step(network))
    try:
        return run_job(job, Request(network, inputs, record, limits), seconds)
    except BrfError as error:
        raise type(error)(f"backend '{name}': {error}") from error


def _operations_a_step(network: IntegerNetwork | FloatNetwork) -> int:
    """Synapses, as if all were recurrent, and neuron updates of one sample."""
    if isinstance(network, IntegerNetwork):
        hidden = [layer.count for layer in network.layers]
    else:
        hidden = [layer.neurons.count for layer in network.layers]
    widths = [network.inputs, *hidden, network.outputs]
    return sum((below + width + 20) * width for below, width in pairwise(widths))
