"""The neurons in Triton: of each, what it does before and after its spike, and the adjoint of both.

State, parameters and constants are tuples in the order of the neuron's named tuples in ``brf_training.neurons``; the
tensors are tiles (samples, neurons). The order of operations is theirs too, so that no spike flips by rounding.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import triton
import triton.language as tl

from brf_training import surrogate

jit: Callable[[Callable[..., Any]], Any] = triton.jit
Tile: TypeAlias = tl.tensor
Tiles: TypeAlias = tl.tuple

NARROW_PEAK, NARROW_RATE = tl.constexpr(surrogate.NARROW_PEAK), tl.constexpr(surrogate.NARROW_RATE)
WIDE_PEAK, WIDE_RATE = tl.constexpr(surrogate.WIDE_PEAK), tl.constexpr(surrogate.WIDE_RATE)


class TritonNeuron(NamedTuple):
    """The functions of a neuron, and how many states it has.

    ``integrate(x, state, parameters, constants) -> (distance, state)``: distance from threshold, state before a spike.
    ``reset(z, state, constants) -> state``: what the spikes z = 1[distance > 0], as real numbers, make of that state.
    ``adjoint(gz, gradient, x, old, z, parameters, constants) -> (gx, gradient, parts)``: from gradients of the spikes
    and of the new state those of x, of the old state and of each parameter.
    """

    integrate: Any
    reset: Any
    adjoint: Any
    states: int


@jit
def double_gaussian(x: Tile) -> Tile:
    """`surrogate.double_gaussian`."""
    square = x * x
    return tl.exp(square * NARROW_RATE) * NARROW_PEAK - tl.exp(square * WIDE_RATE) * WIDE_PEAK


@jit
def rotate(u: Tile, v: Tile, x: Tile, b: Tile, omega: Tile, dt: Tile) -> Tiles:
    """`resonator.rotate`."""
    return u + b * u * dt - omega * v * dt + x * dt, v + omega * u * dt + b * v * dt


@jit
def rotate_back(gu: Tile, gv: Tile, u: Tile, v: Tile, b: Tile, omega: Tile, dt: Tile) -> Tiles:
    """`resonator.rotate_back`."""
    gx, gy = dt * gu, dt * gv
    gb = gx * u + gy * v
    return gx, gu + b * gx + omega * gy, gv + b * gy - omega * gx, gy * u - gx * v, gb


@jit
def brf_integrate(x: Tile, state: Tiles, parameters: Tiles, constants: Tiles) -> Tiles:
    """`brf.brf_step` up to the spike; q has decayed."""
    u, v, q = state
    omega, damping = parameters
    dt, theta, gamma = constants
    u_next, v_next = rotate(u, v, x, damping - q, omega, dt)
    return u_next - theta - q, (u_next, v_next, gamma * q)


@jit
def refract(z: Tile, state: Tiles, constants: Tiles) -> Tiles:
    """A spike raises q."""
    u, v, q = state
    return u, v, q + z


@jit
def brf_adjoint(gz: Tile, gradient: Tiles, x: Tile, old: Tiles, z: Tile, parameters: Tiles, constants: Tiles) -> Tiles:
    """`BRF.adjoint`."""
    gu, gv, gq = gradient
    u, v, q = old
    omega, damping = parameters
    dt, _, gamma = constants
    distance, _ = brf_integrate(x, old, parameters, constants)
    gs = (gz + gq) * double_gaussian(distance)
    gx, gu, gv, g_omega, gb = rotate_back(gu + gs, gv, u, v, damping - q, omega, dt)
    return gx, (gu, gv, gamma * gq - gs - gb), (g_omega, gb)


@jit
def rf_integrate(x: Tile, state: Tiles, parameters: Tiles, constants: Tiles) -> Tiles:
    """`rf.rf_step` up to the spike."""
    u, v = state
    omega, damping = parameters
    dt, theta = constants
    u_next, v_next = rotate(u, v, x, damping, omega, dt)
    return u_next - theta, (u_next, v_next)


@jit
def no_reset(z: Tile, state: Tiles, constants: Tiles) -> Tiles:
    """A spike leaves the state alone."""
    return state


@jit
def rf_adjoint(gz: Tile, gradient: Tiles, x: Tile, old: Tiles, z: Tile, parameters: Tiles, constants: Tiles) -> Tiles:
    """`RF.adjoint`."""
    gu, gv = gradient
    u, v = old
    omega, damping = parameters
    dt, _ = constants
    distance, _ = rf_integrate(x, old, parameters, constants)
    gs = gz * double_gaussian(distance)
    gx, gu, gv, g_omega, gb = rotate_back(gu + gs, gv, u, v, damping, omega, dt)
    return gx, (gu, gv), (g_omega, gb)


@jit
def bhrf_integrate(x: Tile, state: Tiles, parameters: Tiles, constants: Tiles) -> Tiles:
    """`bhrf.bhrf_step` up to the spike; q has decayed."""
    u, v, q = state
    stiffness, damping = parameters
    dt, theta, gamma = constants
    b = damping + q
    v_next = v + u * dt
    u_next = u + x * dt - 2 * b * u * dt - stiffness * v_next * dt
    return u_next - theta - q, (u_next, v_next, gamma * q)


@jit
def bhrf_adjoint(gz: Tile, gradient: Tiles, x: Tile, old: Tiles, z: Tile, parameters: Tiles, constants: Tiles) -> Tiles:
    """`BHRF.adjoint`."""
    gu, gv, gq = gradient
    u, _, q = old
    stiffness, damping = parameters
    dt, _, gamma = constants
    distance, new = bhrf_integrate(x, old, parameters, constants)
    _, v_next, _ = new
    gs = (gz + gq) * double_gaussian(distance)
    gu = gu + gs
    gx = dt * gu
    gv = gv - stiffness * gx
    gb = -2 * u * gx
    return gx, (gu - 2 * (damping + q) * gx + dt * gv, gv, gamma * gq - gs + gb), (-v_next * gx, gb)


@jit
def lif_integrate(x: Tile, state: Tiles, parameters: Tiles, constants: Tiles) -> Tiles:
    """`lif.lif_step` up to the spike."""
    (u,) = state
    (alpha,) = parameters
    (theta,) = constants
    u_next = alpha * u + (1 - alpha) * x
    return u_next - theta, (u_next,)


@jit
def lif_reset(z: Tile, state: Tiles, constants: Tiles) -> Tiles:
    """A spike lowers u by theta."""
    (u,) = state
    (theta,) = constants
    return (u - z * theta,)


@jit
def lif_adjoint(gz: Tile, gradient: Tiles, x: Tile, old: Tiles, z: Tile, parameters: Tiles, constants: Tiles) -> Tiles:
    """`LIF.adjoint`."""
    (gu,) = gradient
    (u,) = old
    (alpha,) = parameters
    (theta,) = constants
    distance, _ = lif_integrate(x, old, parameters, constants)
    gu = gu + (gz - gu * theta) * double_gaussian(distance)
    return (1 - alpha) * gu, (alpha * gu,), (gu * (u - x),)


@jit
def alif_integrate(x: Tile, state: Tiles, parameters: Tiles, constants: Tiles) -> Tiles:
    """`alif.alif_step` up to the spike; the last of the states is that of the step before."""
    u, a, z = state
    alpha, rho = parameters
    theta, beta = constants
    a_next = rho * a + (1 - rho) * z
    u_next = alpha * u + (1 - alpha) * x
    return u_next - (theta + beta * a_next), (u_next, a_next, z)


@jit
def alif_reset(z: Tile, state: Tiles, constants: Tiles) -> Tiles:
    """A spike lowers u by the threshold, and is kept."""
    u, a, _ = state
    theta, beta = constants
    return u - z * (theta + beta * a), a, z


@jit
def alif_adjoint(gz: Tile, gradient: Tiles, x: Tile, old: Tiles, z: Tile, parameters: Tiles, constants: Tiles) -> Tiles:
    """`ALIF.adjoint`."""
    gu, ga, g_last = gradient
    u, a, last = old
    alpha, rho = parameters
    theta, beta = constants
    distance, new = alif_integrate(x, old, parameters, constants)
    _, a_next, _ = new
    gs = (gz + g_last - gu * (theta + beta * a_next)) * double_gaussian(distance)
    ga = ga - beta * (gu * z + gs)
    gu = gu + gs
    return (1 - alpha) * gu, (alpha * gu, rho * ga, (1 - rho) * ga), (gu * (u - x), ga * (a - last))


NEURONS = {
    "brf": TritonNeuron(brf_integrate, refract, brf_adjoint, 3),
    "rf": TritonNeuron(rf_integrate, no_reset, rf_adjoint, 2),
    "bhrf": TritonNeuron(bhrf_integrate, refract, bhrf_adjoint, 3),
    "lif": TritonNeuron(lif_integrate, lif_reset, lif_adjoint, 1),
    "alif": TritonNeuron(alif_integrate, alif_reset, alif_adjoint, 3),
}
