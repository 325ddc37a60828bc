# mypy: allow-subclassing-any
"""A layer of balanced resonators and a readout, each one Lava process with its synapses inside.

Integers only, int64 throughout; what a step computes is section 2 of docs/arithmetic.md in brf-deploy. A block answers
in the step in which it is asked, unlike netx's own blocks, each of which is a step late.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

Ints = npt.NDArray[np.int64]


class Block(AbstractProcess):
    """What netx asks of a block.

    constants: a layer's datasets by name. reset: interval and offset in steps at which the state becomes zero, or None.
    inp (sources,), out (targets,).
    """

    output_message_bits = 0

    def __init__(
        self,
        *,
        constants: "dict[str, Any]",
        reset: "tuple[int, int] | None" = None,
        name: "str | None" = None,
        log_config: Any = None,
    ) -> None:
        super().__init__(constants=constants, reset=reset, name=name, log_config=log_config)
        targets, sources = constants["weight"].shape
        self.shape = (targets,)
        self.inp = InPort(shape=(sources,))
        self.out = OutPort(shape=self.shape)


class Resonators(Block):
    """A layer of BRF neurons; `out` are the spikes. state_out (3, neurons): u, v, q after the step."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.state_out = OutPort(shape=(3, *self.shape))
        self.u, self.v, self.q, self.z = (Var(shape=self.shape, init=0) for _ in range(4))


class LeakyIntegrators(Block):
    """The readout; `out` are its values y, graded."""

    output_message_bits = 32

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.y = Var(shape=self.shape, init=0)


def toward_zero(y: Ints, bits: int) -> Ints:
    """y / 2**bits rounded toward zero."""
    return np.asarray(np.sign(y) * (np.abs(y) >> bits))


class BlockModel(PyLoihiProcessModel):
    """What both models do."""

    inp: PyInPort
    out: PyOutPort

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        constants = proc_params["constants"]
        self.weight = constants["weight"].astype(np.int64)
        self.weight_shift = constants["weight_shift"].astype(np.int64)
        self.keep = constants["keep"].astype(np.int64)
        self.fraction = int(constants["fraction"])
        self.limit = (1 << int(constants["state_bits"]) - 1) - 1

    @property
    def begins_anew(self) -> bool:
        """Whether the state is to be zero before this step; Lava counts steps from 1."""
        if self.proc_params["reset"] is None:
            return False
        interval, offset = self.proc_params["reset"]
        return bool((self.time_step - 1 - offset) % interval == 0)

    def drive(self) -> Ints:
        """The weighted sum of what arrives in this step."""
        return np.asarray(self.weight @ self.inp.recv().astype(np.int64) << self.weight_shift)

    def clipped(self, y: Ints) -> Ints:
        """y within the state word."""
        return np.clip(y, -self.limit, self.limit)


@implements(proc=Resonators, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyResonatorsModel(BlockModel):
    """Rotate with the old state and the old q's damping, add x, clip, compare with the old q."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    state_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    u: Ints = LavaPyType(np.ndarray, np.int64)
    v: Ints = LavaPyType(np.ndarray, np.int64)
    q: Ints = LavaPyType(np.ndarray, np.int64)
    z: Ints = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        constants = proc_params["constants"]
        self.rotation = constants["rotation"].astype(np.int64)
        self.recurrent = constants.get("weight_rec", np.zeros((len(self.keep), 0))).astype(np.int64)
        self.recurrent_shift = constants.get("weight_rec_shift", np.zeros(1)).astype(np.int64)
        numbers = ("vThMant", "decay", "decay_exponent", "gain", "gain_shift", "gain_up", "state_fraction")
        self.threshold, self.decay, self.decay_exponent, self.gain, self.gain_shift, self.gain_up, self.spike = (
            int(constants[name]) for name in numbers
        )

    def run_spk(self) -> None:
        """One step."""
        if self.begins_anew:
            for state in (self.u, self.v, self.q, self.z):
                state[:] = 0
        x = self.drive()
        if self.recurrent.size:
            x += self.recurrent @ self.z << self.recurrent_shift
        damping = self.q * self.gain + (1 << self.gain_shift - 1) >> self.gain_shift
        a = self.keep - (damping << self.gain_up)
        u = self.clipped(toward_zero(a * self.u - self.rotation * self.v, self.fraction) + x)
        v = self.clipped(toward_zero(a * self.v + self.rotation * self.u, self.fraction))
        z = (u > self.threshold + self.q).astype(np.int64)
        q = (self.q * self.decay >> self.decay_exponent) + (z << self.spike)
        self.u, self.v, self.q, self.z = u, v, q, z
        self.out.send(z)
        if self.state_out.csp_ports:
            self.state_out.send(np.stack((u, v, q)))


@implements(proc=LeakyIntegrators, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyLeakyIntegratorsModel(BlockModel):
    """Leak, rounding toward zero; add; clip."""

    inp: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    y: Ints = LavaPyType(np.ndarray, np.int64)

    def run_spk(self) -> None:
        """One step."""
        if self.begins_anew:
            self.y[:] = 0
        self.y = self.clipped(toward_zero(self.keep * self.y, self.fraction) + self.drive())
        self.out.send(self.y)
