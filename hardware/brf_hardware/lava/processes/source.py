# mypy: allow-subclassing-any
"""Time-major source as a Lava process."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.vendor import (
    CPU,
    AbstractProcess,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyLoihiProcessModel,
    PyOutPort,
    implements,
    requires,
    tag,
)


class Source(AbstractProcess):
    """Sends messages (time, batch, inputs) step by step, then zeros (Lava's RingBuffer would begin anew)."""

    def __init__(self, *, messages: npt.NDArray[Any], name: str | None = None, log_config: Any = None) -> None:
        super().__init__(messages=messages, name=name, log_config=log_config)
        self.s_out = OutPort(shape=messages.shape[1:])


class AbstractPySourceModel(PyLoihiProcessModel):
    """What both tags do in a step; Lava counts steps from 1."""

    s_out: PyOutPort

    def run_spk(self) -> None:
        """Send the messages of this step."""
        messages: npt.NDArray[Any] = self.proc_params["messages"]
        t = self.time_step - 1
        self.s_out.send(messages[t] if t < len(messages) else np.zeros(messages.shape[1:]))


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySourceModelFixed(AbstractPySourceModel):
    """Integer messages."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)


@implements(proc=Source, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySourceModelFloat(AbstractPySourceModel):
    """Real messages."""

    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
