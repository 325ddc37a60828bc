# mypy: allow-subclassing-any
"""Sink into shared memory as a Lava process."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.vendor import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    PyInPort,
    PyLoihiProcessModel,
    implements,
    requires,
    tag,
)


class Sink(AbstractProcess):
    """Writes what arrives into `buffer` (time, *shape), leaving out the first `delay` steps.

    `buffer` must be shared memory (see `recording.shared_array`), since the model runs in a child: reading it is a
    million times faster than `Var.get`, which ships one number at a time through two channels.
    """

    def __init__(
        self, *, buffer: npt.NDArray[Any], delay: int = 0, name: str | None = None, log_config: Any = None
    ) -> None:
        super().__init__(buffer=buffer, delay=delay, name=name, log_config=log_config)
        self.a_in = InPort(shape=buffer.shape[1:])


class AbstractPySinkModel(PyLoihiProcessModel):
    """What both tags do in a step; Lava counts steps from 1."""

    a_in: PyInPort

    def run_spk(self) -> None:
        """Receive, and keep what belongs to the run."""
        received, buffer = self.a_in.recv(), self.proc_params["buffer"]
        t = self.time_step - 1 - self.proc_params["delay"]
        if 0 <= t < len(buffer):
            buffer[t] = received


@implements(proc=Sink, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySinkModelFixed(AbstractPySinkModel):
    """Integers."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)


@implements(proc=Sink, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySinkModelFloat(AbstractPySinkModel):
    """Reals."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
