# mypy: allow-subclassing-any
"""Leaky-integrator readout as a Lava process."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.dynamics import Integrator, Ints, Real
from brf_hardware.lava.vendor import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyInPort,
    PyLoihiProcessModel,
    PyOutPort,
    Var,
    implements,
    requires,
    tag,
)


class LeakyIntegrator(AbstractProcess):
    """Leaky integrators over a batch: a `FixedIntegrator` for tag fixed_pt, a `FloatIntegrator` for floating_pt.

    a_in (batch, outputs): weighted sum of spikes. y_out (batch, outputs): the integrators after the same step.
    """

    def __init__(self, *, integrator: Integrator, batch: int, name: str | None = None, log_config: Any = None) -> None:
        super().__init__(integrator=integrator, name=name, log_config=log_config)
        shape = (batch, integrator.count)
        self.a_in = InPort(shape=shape)
        self.y_out = OutPort(shape=shape)
        self.y = Var(shape=shape, init=0)


class AbstractPyLeakyIntegratorModel(PyLoihiProcessModel):
    """What both tags do in a step."""

    a_in: PyInPort
    y_out: PyOutPort
    y: npt.NDArray[Any]

    def run_spk(self) -> None:
        """Receive the drive, advance, send y."""
        integrator: Integrator = self.proc_params["integrator"]
        self.y = integrator.step(self.y, self.a_in.recv())
        self.y_out.send(self.y)


@implements(proc=LeakyIntegrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLeakyIntegratorModelFixed(AbstractPyLeakyIntegratorModel):
    """Integers of docs/arithmetic.md."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    y_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    y: Ints = LavaPyType(np.ndarray, np.int64)


@implements(proc=LeakyIntegrator, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyLeakyIntegratorModelFloat(AbstractPyLeakyIntegratorModel):
    """float64."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    y_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    y: Real = LavaPyType(np.ndarray, float)
