"""The damped rotation that resonating neurons share."""

import torch
from torch import Tensor

from brf_training.neurons.memory import AdjointMemory


def rotate(
    u: Tensor,
    v: Tensor,
    x: Tensor,
    b: Tensor,
    omega: Tensor,
    dt: float,
    into: tuple[Tensor | None, Tensor | None, Tensor | None],
) -> tuple[Tensor, Tensor]:
    """One explicit Euler step of ``d(u + iv)/dt = (b + i omega)(u + iv) + x``; v receives the old u.

    ``u' = u + b u dt - omega v dt + x dt``; ``v' = v + omega u dt + b v dt``. Every operation rounds, in the order of
    the published code, so that float32 runs agree with it spike for spike. into: for u', v' and intermediate results.
    """
    u_memory, v_memory, scratch = into
    u_next = torch.mul(b, u, out=u_memory).mul_(dt).add_(u)
    u_next.sub_(torch.mul(omega, v, out=scratch).mul_(dt)).add_(torch.mul(x, dt, out=scratch))
    v_next = torch.mul(omega, u, out=v_memory).mul_(dt).add_(v)
    v_next.add_(torch.mul(b, v, out=scratch).mul_(dt))
    return u_next, v_next


def rotate_back(
    gu: Tensor, gv: Tensor, gb: Tensor, u: Tensor, v: Tensor, b: Tensor, omega: Tensor, dt: float, into: AdjointMemory
) -> None:
    """The adjoint of `rotate`, in place: gu and gv, gradients of the new u and v, become those of the old ones.

    gb becomes the gradient of b. That of x goes into its memory; those of omega and b are added to the first totals.
    """
    gx, gy = torch.mul(gu, dt, out=into.gx), torch.mul(gv, dt, out=into.scratch[0])
    torch.mul(gx, u, out=gb).addcmul_(gy, v)
    into.totals[0].addcmul_(gy, u).addcmul_(gx, v, value=-1)
    into.totals[1].add_(gb)
    gu.addcmul_(b, gx).addcmul_(omega, gy)
    gv.addcmul_(b, gy).addcmul_(omega, gx, value=-1)
