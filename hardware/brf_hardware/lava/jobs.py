"""What a fresh interpreter can be asked to run; imported only there, since Lava is imported with it."""

from brf_deploy.errors import Unsupported
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace
from brf_hardware.lava.network import build_processes, run_fused
from brf_hardware.lava.request import Request


def fused(request: Request) -> Trace:
    """The network as one Lava process."""
    if not isinstance(request.network, IntegerNetwork):
        raise Unsupported("the one-process network is fixed-point only; run a float network as separate processes")
    return run_fused(request.network, request.inputs, request.record, request.limits)


def processes(request: Request) -> Trace:
    """The network as one Lava process per population and connection."""
    network = build_processes(request.network, request.inputs, request.record)
    network.run(request.limits)
    return network.trace()
