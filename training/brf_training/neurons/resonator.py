"""The damped rotation that resonating neurons share."""

from torch import Tensor


def rotate(u: Tensor, v: Tensor, x: Tensor, b: Tensor, omega: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    """One explicit Euler step of ``d(u + iv)/dt = (b + i omega)(u + iv) + x``; v receives the old u.

    The order of operations is that of the published code, so that float32 runs agree with it spike for spike.
    """
    u_next = u + b * u * dt - omega * v * dt + x * dt
    v_next = v + omega * u * dt + b * v * dt
    return u_next, v_next
