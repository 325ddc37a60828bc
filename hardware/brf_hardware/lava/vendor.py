"""The one file through which Lava's classes enter, with the shims applied first."""

from brf_hardware.lava import shims

shims.install()

from lava.magma.core.decorator import implements, requires, tag  # noqa: E402
from lava.magma.core.model.py.model import PyLoihiProcessModel  # noqa: E402
from lava.magma.core.model.py.ports import PyInPort, PyOutPort  # noqa: E402
from lava.magma.core.model.py.type import LavaPyType  # noqa: E402
from lava.magma.core.process.message_interface_enum import ActorType  # noqa: E402
from lava.magma.core.process.ports.ports import InPort, OutPort  # noqa: E402
from lava.magma.core.process.process import AbstractProcess  # noqa: E402
from lava.magma.core.process.variable import Var  # noqa: E402
from lava.magma.core.resources import CPU  # noqa: E402
from lava.magma.core.run_conditions import RunSteps  # noqa: E402
from lava.magma.core.run_configs import Loihi2SimCfg  # noqa: E402
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol  # noqa: E402
from lava.magma.runtime.message_infrastructure.multiprocessing import MultiProcessing, SystemProcess  # noqa: E402
from lava.magma.runtime.mgmt_token_enums import MGMT_RESPONSE, enum_equal  # noqa: E402
from lava.magma.runtime.runtime import Runtime  # noqa: E402

__all__ = [
    "CPU",
    "MGMT_RESPONSE",
    "AbstractProcess",
    "ActorType",
    "InPort",
    "LavaPyType",
    "Loihi2SimCfg",
    "LoihiProtocol",
    "MultiProcessing",
    "OutPort",
    "PyInPort",
    "PyLoihiProcessModel",
    "PyOutPort",
    "RunSteps",
    "Runtime",
    "SystemProcess",
    "Var",
    "enum_equal",
    "implements",
    "requires",
    "tag",
]
