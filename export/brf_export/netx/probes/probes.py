# mypy: allow-subclassing-any
"""Source and sink, in int64."""

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Source(AbstractProcess):
    """Sends messages (time, inputs) step by step, then zeros."""

    def __init__(self, *, messages: npt.NDArray[Any]) -> None:
        super().__init__(messages=messages)
        self.out = OutPort(shape=messages.shape[1:])


class Sink(AbstractProcess):
    """Writes what arrives into `buffer` (time, *shape), memory that is shared with its child process."""

    def __init__(self, *, buffer: npt.NDArray[Any]) -> None:
        super().__init__(buffer=buffer)
        self.inp = InPort(shape=buffer.shape[1:])


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySourceModel(PyLoihiProcessModel):
    """Lava counts steps from 1."""

    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)

    def run_spk(self) -> None:
        """Send the messages of this step."""
        messages, t = self.proc_params["messages"], self.time_step - 1
        self.out.send(messages[t] if t < len(messages) else np.zeros_like(messages[0]))


@implements(proc=Sink, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySinkModel(PyLoihiProcessModel):
    """Lava counts steps from 1."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)

    def run_spk(self) -> None:
        """Receive and keep."""
        self.proc_params["buffer"][self.time_step - 1] = self.inp.recv()
