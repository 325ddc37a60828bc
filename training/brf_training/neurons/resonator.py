"""The damped rotation that resonating neurons share."""

from torch import Tensor


def rotate(u: Tensor, v: Tensor, x: Tensor, b: Tensor, omega: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """One explicit Euler step of ``d(u + iv)/dt = (b + i omega)(u + iv) + x``; v receives the old u.

    The order of operations is that of the published code, so that float32 runs agree with it spike for spike.
    """
    u_next = u + b * u * dt - omega * v * dt + x * dt
    v_next = v + omega * u * dt + b * v * dt
    return u_next, v_next


def rotate_back(
    gu: Tensor, gv: Tensor, u: Tensor, v: Tensor, b: Tensor, omega: Tensor, dt: float
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The adjoint of `rotate`: gradients of x, u, v, omega and b from those of the new u and v."""
    gx, gy = dt * gu, dt * gv
    gb = gx * u + gy * v
    return gx, gu + b * gx + omega * gy, gv + b * gy - omega * gx, gy * u - gx * v, gb
