# mypy: allow-subclassing-any
"""Dense connections over a batch as a Lava process, with the timing of Lava's own Dense."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.dynamics import FixedSynapses, Ints, Real
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


class BatchDense(AbstractProcess):
    """``a_out[t + 1] = (weights @ s_in[t]) << shift``: one step late, as Lava's own Dense.

    s_in (batch, sources): spikes or graded messages. a_out (batch, targets).
    weights (targets, sources): integers exactly as given (Lava's Dense drops the lowest bit of mixed-sign weights),
    or reals. shift (targets,): left shift of each row's sum; only tag fixed_pt looks at it.
    """

    def __init__(
        self,
        *,
        weights: npt.NDArray[Any],
        batch: int,
        shift: npt.ArrayLike = 0,
        name: str | None = None,
        log_config: Any = None,
    ) -> None:
        super().__init__(name=name, log_config=log_config)
        targets, sources = weights.shape
        self.s_in = InPort(shape=(batch, sources))
        self.a_out = OutPort(shape=(batch, targets))
        self.weights = Var(shape=(targets, sources), init=weights)
        self.shift = Var(shape=(targets,), init=np.broadcast_to(shift, (targets,)))
        self.a_buff = Var(shape=(batch, targets), init=0)


@implements(proc=BatchDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyBatchDenseModelFixed(PyLoihiProcessModel):
    """Exact integers."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    weights: Ints = LavaPyType(np.ndarray, np.int64)
    shift: Ints = LavaPyType(np.ndarray, np.int64)
    a_buff: Ints = LavaPyType(np.ndarray, np.int64)
    synapses: FixedSynapses | None = None

    def run_spk(self) -> None:
        """Send the sum of the step before, so that loops do not deadlock; then receive and sum."""
        self.a_out.send(self.a_buff)
        if self.synapses is None:
            self.synapses = FixedSynapses(self.weights, self.shift)
        self.a_buff = self.synapses.sum(self.s_in.recv())

    def on_var_update(self) -> None:
        """Weights or shift may have been set from outside."""
        self.synapses = None


@implements(proc=BatchDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyBatchDenseModelFloat(PyLoihiProcessModel):
    """float64."""

    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, float)
    a_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, float)
    weights: Real = LavaPyType(np.ndarray, float)
    shift: Real = LavaPyType(np.ndarray, float)
    a_buff: Real = LavaPyType(np.ndarray, float)
    columns: Real | None = None

    def run_spk(self) -> None:
        """Send the sum of the step before, then receive and sum."""
        self.a_out.send(self.a_buff)
        if self.columns is None:
            self.columns = np.ascontiguousarray(self.weights.T)
        self.a_buff = self.s_in.recv() @ self.columns

    def on_var_update(self) -> None:
        """Weights may have been set from outside."""
        self.columns = None
