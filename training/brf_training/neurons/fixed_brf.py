"""The integer network's BRF neurons, in real units: docs/arithmetic.md section 2, bit for bit, differentiable."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from brf_deploy.layers import Arithmetic, ResonatorLayer
from brf_training.neurons.brf import BRFState
from brf_training.neurons.memory import AdjointMemory, Past, StepMemory, new_tensors
from brf_training.neurons.neuron import Dynamics
from brf_training.rounding import down, saturate, to_nearest, toward_zero
from brf_training.surrogate import spike

NEW = new_tensors(len(BRFState._fields))


class FixedBRFParameters(NamedTuple):
    """Damping d and rotation w (neurons) of the integer pole ``(1 - d) + i w``; constants of `FixedBRF`."""

    damping: Tensor
    rotation: Tensor
    unit: float
    limit: float
    theta: float
    decay: float
    gain: float
    reset_unit: float


@dataclass(frozen=True)
class FixedBRF(Dynamics[FixedBRFParameters, BRFState]):
    """BRF neurons of an integer layer; raw values damping and rotation, both multiples of ``2**-f``.

    unit: what the last bit of u, v, q is worth, ``2**-Fs``. limit: largest ``|u|``, ``|v|``. theta: threshold.
    decay: of q in one step, ``K 2**-k``. gain: damping per q, ``KC 2**-kc``. reset_unit: to which that damping is
    rounded, ``2**-fC``. All are integers times a power of two, so that each product and sum is exact in float64
    (docs/arithmetic.md section 2.5), and states, spikes and weights are the integer network's own, in real units.
    """

    unit: float
    limit: float
    theta: float
    decay: float
    gain: float
    reset_unit: float

    kind: ClassVar[str] = "fixed-brf"
    exact: ClassVar[bool] = True

    @classmethod
    def of(cls, layer: ResonatorLayer, arithmetic: Arithmetic) -> Self:
        """The neurons of an integer layer."""
        unit, refractory = 2.0**-layer.state_fraction, layer.refractory
        return cls(
            unit=unit,
            limit=arithmetic.limit * unit,
            theta=layer.threshold * unit,
            decay=refractory.decay * 2.0**-refractory.decay_exponent,
            gain=refractory.gain * 2.0**-refractory.gain_exponent,
            reset_unit=2.0**-arithmetic.reset_fraction,
        )

    def parameters(self, raw: Mapping[str, Tensor]) -> FixedBRFParameters:
        """The raw values as they are."""
        constants = self.unit, self.limit, self.theta, self.decay, self.gain, self.reset_unit
        return FixedBRFParameters(raw["damping"], raw["rotation"], *constants)

    def initial_state(self, x: Tensor) -> BRFState:
        """u = v = q = 0."""
        zero = torch.zeros_like(x)
        return BRFState(zero, zero, zero)

    def step(
        self, x: Tensor, state: BRFState, parameters: FixedBRFParameters, into: StepMemory = NEW
    ) -> tuple[Tensor, BRFState]:
        """One step, every right-hand side with the old u, v and q.

        ``a = 1 - d - nearest(gain q)``; ``u' = sat(rtz(a u - w v) + x)``; ``v' = sat(rtz(a v + w u))``;
        ``z = 1[u' - theta - q > 0]``; ``q' = floor(decay q) + z``. Gradients pass rounding as if it were not there, and
        stop where a state is clipped.
        """
        if into is not NEW:
            return self._step_into(x, state, parameters, into)
        u, v, q = state
        w, unit = parameters.rotation, self.unit
        a = 1 - parameters.damping - to_nearest(self.gain * q, self.reset_unit)
        u_next = saturate(toward_zero(a * u - w * v, unit) + x, self.limit)
        v_next = saturate(toward_zero(a * v + w * u, unit), self.limit)
        z = spike(u_next - self.theta - q)
        return z, BRFState(u_next, v_next, down(self.decay * q, unit) + z)

    def _step_into(
        self, x: Tensor, state: BRFState, parameters: FixedBRFParameters, into: StepMemory
    ) -> tuple[Tensor, BRFState]:
        """The same into memory, without gradients."""
        u, v, q = state
        w, unit, limit = parameters.rotation, self.unit, self.limit
        u_next, v_next, q_next = into.state
        a, product = self._keep(q, parameters, into.scratch[0]), into.scratch[1]
        torch.mul(a, u, out=u_next).sub_(torch.mul(w, v, out=product))
        u_next.div_(unit).trunc_().mul_(unit).add_(x).clamp_(-limit, limit)
        torch.mul(a, v, out=v_next).add_(torch.mul(w, u, out=product))
        v_next.div_(unit).trunc_().mul_(unit).clamp_(-limit, limit)
        z = into.fire(torch.sub(u_next, self.theta, out=into.distance).sub_(q))
        torch.mul(q, self.decay / unit, out=q_next).floor_().mul_(unit).add_(z)
        return z, BRFState(u_next, v_next, q_next)

    def _keep(self, q: Tensor, parameters: FixedBRFParameters, out: Tensor) -> Tensor:
        """``a = 1 - d - nearest(gain q)``."""
        reset = torch.mul(q, self.gain / self.reset_unit, out=out).add_(0.5).floor_().mul_(self.reset_unit)
        return torch.sub(1 - parameters.damping, reset, out=out)

    def adjoint(
        self,
        gz: Tensor,
        gradient: BRFState,
        slope: Tensor,
        past: Past,
        parameters: FixedBRFParameters,
        into: AdjointMemory,
    ) -> None:
        """With gs the gradient of the distance from threshold and ga that of a."""
        gu, gv, gq = gradient
        u, v, q = past.old
        g_damping, g_rotation = into.totals
        w, a, scratch = parameters.rotation, self._keep(q, parameters, into.scratch[0]), into.scratch[1]
        gs = gz.add_(gq).mul_(slope)
        gu.add_(gs).mul_(past.new.u.abs() < self.limit)
        gv.mul_(past.new.v.abs() < self.limit)
        gq.mul_(self.decay).sub_(gs)
        ga = torch.mul(gu, u, out=gs).addcmul_(gv, v)
        g_damping.sub_(ga)
        g_rotation.addcmul_(gv, u).addcmul_(gu, v, value=-1)
        gq.sub_(ga, alpha=self.gain)
        into.gx.copy_(gu)
        torch.mul(w, gv, out=scratch)
        gv.mul_(a).addcmul_(w, gu, value=-1)
        gu.mul_(a).add_(scratch)
