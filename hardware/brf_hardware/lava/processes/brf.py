# mypy: allow-subclassing-any
"""Balanced resonate-and-fire neurons as a Lava process."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.dynamics import Ints, Real, Resonator
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


class BRF(AbstractProcess):
    """One group of BRF neurons over a batch: a `FixedResonator` for tag fixed_pt, a `FloatResonator` for floating_pt.

    a_in (batch, neurons): synaptic input x of this step. s_out (batch, neurons): spikes of the same step.
    state_out (3, batch, neurons): u, v, q after the step; costs nothing while it is not connected.
    u, v, q (batch, neurons): the state. u is the real part of the membrane state, not a LIF's current.
    The coefficients are no Vars, so that nothing can move a neuron across its divergence boundary during a run.
    """

    def __init__(self, *, resonator: Resonator, batch: int, name: str | None = None, log_config: Any = None) -> None:
        super().__init__(resonator=resonator, name=name, log_config=log_config)
        shape = (batch, resonator.count)
        self.a_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)
        self.state_out = OutPort(shape=(3, *shape))
        self.u = Var(shape=shape, init=0)
        self.v = Var(shape=shape, init=0)
        self.q = Var(shape=shape, init=0)


class AbstractPyBRFModel(PyLoihiProcessModel):
    """What both tags do in a step."""

    a_in: PyInPort
    s_out: PyOutPort
    state_out: PyOutPort
    u: npt.NDArray[Any]
    v: npt.NDArray[Any]
    q: npt.NDArray[Any]

    def run_spk(self) -> None:
        """Receive x, advance, send the spikes."""
        resonator: Resonator = self.proc_params["resonator"]
        (self.u, self.v, self.q), z = resonator.step(self.u, self.v, self.q, self.a_in.recv())
        self.s_out.send(z)
        if self.state_out.csp_ports:
            self.state_out.send(np.stack((self.u, self.v, self.q)))


@implements(proc=BRF, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyBRFModelFixed(AbstractPyBRFModel):
    """Integers of docs/arithmetic.md; 64 bits wide, so that no channel cuts a sum before it saturates."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool, precision=1)
    state_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    u: Ints = LavaPyType(np.ndarray, np.int64)
    v: Ints = LavaPyType(np.ndarray, np.int64)
    q: Ints = LavaPyType(np.ndarray, np.int64)


@implements(proc=BRF, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyBRFModelFloat(AbstractPyBRFModel):
    """float64."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, bool, precision=1)
    state_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    u: Real = LavaPyType(np.ndarray, float)
    v: Real = LavaPyType(np.ndarray, float)
    q: Real = LavaPyType(np.ndarray, float)
