"""What the network takes as C and as hardware: the exporters' facts, and on request what yosys makes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from brf_deploy.errors import BrfError
from brf_deploy.exporter import Exporter, require_certified
from brf_deploy.network import IntegerNetwork
from brf_hardware.c import EXPORTER as C
from brf_hardware.verilog import EXPORTER as VERILOG
from brf_hardware.verilog.synthesis import Family, Synthesis, synthesize

FAMILY: Family = "ice40"
NAME = "network"
Result = TypeVar("Result")


@dataclass(frozen=True)
class HardwareCost:
    """Facts by name, or a text that says why there are none; synthesis None where it was not asked for."""

    c: Mapping[str, Any] | str
    verilog: Mapping[str, Any] | str
    synthesis: Synthesis | str | None


def hardware_cost(network: IntegerNetwork, synthesis: bool) -> HardwareCost:
    """The exports' facts; with `synthesis`, yosys's counts for the iCE40 family, which take from seconds to minutes."""
    return HardwareCost(
        c=_or_reason(lambda: _facts(C, network)),
        verilog=_or_reason(lambda: _facts(VERILOG, network)),
        synthesis=_or_reason(lambda: synthesize(network, FAMILY)) if synthesis else None,
    )


def _facts(exporter: Exporter, network: IntegerNetwork) -> Mapping[str, Any]:
    require_certified(network)
    return exporter.render(network, NAME).facts


def _or_reason(work: Callable[[], Result]) -> Result | str:
    try:
        return work()
    except BrfError as error:
        return str(error)
