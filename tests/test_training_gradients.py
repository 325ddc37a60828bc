"""The surrogate, and gradients through time against an adjoint derived by hand."""

import math

import numpy as np
import pytest
import torch

from brf_training import ALIF, BHRF, BRF, LIF, RF, spike
from brf_training.cell_loop import Cell, Integrators, run_sequence
from brf_training.surrogate import double_gaussian

STEPS, BATCH, INPUTS, COUNT, OUTPUTS = 12, 2, 3, 5, 4


def normal(x, std):
    return np.exp(-0.5 * (x / std) ** 2) / (std * math.sqrt(2 * math.pi))


def formula(x):
    return 0.5 * (1.15 * normal(x, 0.5) - 0.30 * normal(x, 3.0))


def test_surrogate_gradient_equals_the_formula():
    x = torch.linspace(-5, 5, 101, dtype=torch.float64, requires_grad=True)
    upstream = torch.linspace(1, 2, 101, dtype=torch.float64)
    spike(x).backward(upstream)
    np.testing.assert_allclose(x.grad.numpy(), upstream.numpy() * formula(x.detach().numpy()), rtol=1e-13)


def test_surrogate_has_the_published_peak_and_zero():
    assert double_gaussian(torch.tensor(0.0)).item() == pytest.approx(0.4388, abs=5e-5)
    assert double_gaussian(torch.tensor(1.27)).item() == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spike_is_a_strict_step_in_the_dtype_of_its_input(dtype):
    tiny = torch.finfo(dtype).tiny
    z = spike(torch.tensor([-1, -0.0, 0, tiny, 1], dtype=dtype))
    assert z.dtype == dtype
    assert z.tolist() == [0, 0, 0, 1, 1]


def test_spike_survives_overflow():
    x = torch.tensor([torch.inf, -torch.inf, 3e38], requires_grad=True)
    z = spike(x)
    z.sum().backward()
    assert z.tolist() == [1, 0, 1]
    assert x.grad.tolist() == [0, 0, 0]


def random_problem(neuron, rng):
    raw = {"omega": rng.uniform(-80, 80, COUNT), "b_offset": rng.uniform(-3, 3, COUNT)}
    if isinstance(neuron, ALIF | LIF):
        raw = {"tau_mem": rng.normal(20, 5, COUNT), "tau_adp": rng.normal(50, 9, COUNT)}
        raw = {name: raw[name] for name in neuron.initial}
    weights = rng.normal(0, 40, (COUNT, INPUTS)), rng.normal(0, 40, (COUNT, COUNT))
    readout = rng.normal(20, 5, OUTPUTS), rng.normal(0, 2, (OUTPUTS, COUNT))
    x = rng.integers(0, 2, (STEPS, BATCH, INPUTS)).astype(float)
    return raw, weights, readout, x


def leaves(arrays):
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def run(neuron, names, tensors, x, engine=None):
    raw, (into, recurrent, tau, weight) = dict(zip(names, tensors, strict=False)), tensors[len(names) :]
    return run_sequence([Cell(neuron, raw, into, recurrent)], Integrators(tau, weight), x, engine=engine).readout


def adjoint_by_hand(raw, weights, readout, x, upstream, dt=0.01, theta=1.0, gamma=0.9):
    """Gradients of sum(upstream * readout), from the equations, with ds/dz replaced by the surrogate."""
    omega, offset = np.abs(raw["omega"]), np.abs(raw["b_offset"])
    into, recurrent = weights
    alpha, out = np.exp(-1 / np.abs(readout[0])), readout[1]
    root = np.sqrt(1 - (dt * omega) ** 2)
    zero = np.zeros((BATCH, COUNT))
    u, v, q, z, y, tape = zero, zero, zero, zero, np.zeros((BATCH, OUTPUTS)), []
    for x_t in x:
        current = x_t @ into.T + z @ recurrent.T
        b = (root - 1) / dt - offset - q
        u_new, v_new = u + dt * (b * u - omega * v + current), v + dt * (omega * u + b * v)
        s = u_new - theta - q
        z_new = (s > 0).astype(float)
        tape.append((x_t, u, v, b, s, z, z_new, y))
        u, v, q, z = u_new, v_new, gamma * q + z_new, z_new
        y = alpha * y + (1 - alpha) * (z @ out.T)
    gu = gv = gq = gx = zero
    gy = np.zeros((BATCH, OUTPUTS))
    total = dict.fromkeys(("omega", "damping", "into", "recurrent", "alpha", "out"), 0.0)
    for (x_t, u, v, b, s, z_old, z, y_old), g in zip(reversed(tape), reversed(upstream), strict=True):
        gy = g + alpha * gy
        total["out"] += ((1 - alpha) * gy).T @ z
        total["alpha"] += (gy * (y_old - z @ out.T)).sum(0)
        gs = (((1 - alpha) * gy) @ out + gx @ recurrent + gq) * formula(s)
        gu_new = gu + gs
        gb = dt * (gu_new * u + gv * v)
        gx = dt * gu_new
        total["damping"] += gb.sum(0)
        total["omega"] += dt * (gv * u - gu_new * v).sum(0)
        total["into"] += gx.T @ x_t
        total["recurrent"] += gx.T @ z_old
        gq = gamma * gq - gs - gb
        gu, gv = (1 + dt * b) * gu_new + dt * omega * gv, (1 + dt * b) * gv - dt * omega * gu_new
    return [
        (total["omega"] - total["damping"] * dt * omega / root) * np.sign(raw["omega"]),
        -total["damping"] * np.sign(raw["b_offset"]),
        total["into"],
        total["recurrent"],
        total["alpha"] * alpha / readout[0] ** 2 * np.sign(readout[0]),
        total["out"],
    ]


@pytest.mark.parametrize("engine", ["loop", "torch", "native"])
@pytest.mark.parametrize("seed", range(5))
def test_gradients_through_time_equal_an_adjoint_derived_by_hand(seed, engine):
    rng = np.random.default_rng(seed)
    raw, weights, readout, x = random_problem(BRF(), rng)
    tensors = leaves([*raw.values(), *weights, *readout])
    y = run(BRF(), list(raw), tensors, torch.tensor(x), engine)
    upstream = rng.normal(size=y.shape)
    y.backward(torch.tensor(upstream))
    for found, expected in zip(tensors, adjoint_by_hand(raw, weights, readout, x, upstream), strict=True):
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(found.grad.numpy(), expected, rtol=1e-9, atol=1e-11)


def smooth(x):
    """An antiderivative of the surrogate: with it as the spike, finite differences see what backpropagation sees."""
    narrow, wide = (0.5 * (1 + torch.erf(x / (std * math.sqrt(2)))) for std in (0.5, 3.0))
    return 0.5 * (1.15 * narrow - 0.30 * wide)


@pytest.mark.parametrize("neuron", [BRF(), RF(), BHRF(), LIF(), ALIF(), BRF(dt=0.005)], ids=repr)
def test_gradients_equal_finite_differences_of_a_smooth_spike(neuron, monkeypatch):
    monkeypatch.setattr(f"brf_training.neurons.{neuron.kind}.spike", smooth)
    rng = np.random.default_rng(7)
    raw, weights, readout, x = random_problem(neuron, rng)
    weights = tuple(weight / 10 for weight in weights)
    tensors = leaves([*raw.values(), *weights, *readout])
    assert torch.autograd.gradcheck(lambda *t: run(neuron, list(raw), t, torch.tensor(x), "loop"), tensors, atol=1e-6)
