"""Neurons in torch: against the equations written out in plain Python floats, and against the ground's numpy run."""

import math

import numpy as np
import pytest
import torch

from brf_deploy.encoding import Encoding
from brf_deploy.errors import BrfError, InvalidNetwork
from brf_deploy.float_reference import run_float
from brf_training import ALIF, BHRF, BRF, LIF, RF, LeakyReadout, RecurrentLayer, RecurrentNetwork, to_float_network
from brf_training.cell_loop import Cell, Integrators, run_layer
from brf_training.neurons import NEURONS
from brf_training.neurons.brf import p_omega
from brf_training.neurons.leaky_integrator import leaky_step

STEPS, BATCH, INPUTS, COUNT, OUTPUTS = 60, 3, 2, 7, 4


def dyadic(rng, *shape, scale=64.0):
    """Weights whose sums are exact in any order, so that torch, numpy and Python agree on every bit."""
    return torch.tensor(rng.integers(-256, 257, shape) * (scale / 256), dtype=torch.float64)


def dot(row, values):
    return sum(w * value for w, value in zip(row, values, strict=True))


def brf_by_hand(x, weight, recurrent, omega, b_offset, dt, theta=1.0, gamma=0.9):
    count = len(omega)
    u, v, q, z = [0.0] * count, [0.0] * count, [0.0] * count, [0] * count
    history = []
    for x_t in x:
        old_z, rows = list(z), []
        for i in range(count):
            current = dot(weight[i], x_t) + dot(recurrent[i], old_z)
            w = abs(omega[i])
            b = (-1 + math.sqrt(1 - (dt * w) ** 2)) / dt - abs(b_offset[i]) - q[i]
            u_new = u[i] + b * u[i] * dt - w * v[i] * dt + current * dt
            v_new = v[i] + w * u[i] * dt + b * v[i] * dt
            z[i] = 1 if u_new - theta - q[i] > 0 else 0
            u[i], v[i], q[i] = u_new, v_new, gamma * q[i] + z[i]
            rows.append((u[i], v[i], q[i], z[i]))
        history.append(rows)
    return np.array(history)


def rf_by_hand(x, weight, recurrent, omega, b_offset, dt, theta=1.0):
    count = len(omega)
    u, v, z = [0.0] * count, [0.0] * count, [0] * count
    history = []
    for x_t in x:
        old_z, rows = list(z), []
        for i in range(count):
            current = dot(weight[i], x_t) + dot(recurrent[i], old_z)
            w, b = abs(omega[i]), -abs(b_offset[i])
            u_new = u[i] + b * u[i] * dt - w * v[i] * dt + current * dt
            v_new = v[i] + w * u[i] * dt + b * v[i] * dt
            z[i] = 1 if u_new - theta > 0 else 0
            u[i], v[i] = u_new, v_new
            rows.append((u[i], v[i], z[i]))
        history.append(rows)
    return np.array(history)


def alif_by_hand(x, weight, recurrent, tau_mem, tau_adp, theta=0.01, beta=1.8):
    count = len(tau_mem)
    u, a, z = [0.0] * count, [0.0] * count, [0] * count
    history = []
    for x_t in x:
        old_z, rows = list(z), []
        for i in range(count):
            current = dot(weight[i], x_t) + dot(recurrent[i], old_z)
            alpha, rho = math.exp(-1 / abs(tau_mem[i])), math.exp(-1 / abs(tau_adp[i]))
            a[i] = rho * a[i] + (1 - rho) * old_z[i]
            threshold = theta + beta * a[i]
            u[i] = alpha * u[i] + (1 - alpha) * current
            z[i] = 1 if u[i] - threshold > 0 else 0
            u[i] -= z[i] * threshold
            rows.append((u[i], a[i], z[i]))
        history.append(rows)
    return np.array(history)


def bhrf_by_hand(x, weight, recurrent, omega, b_offset, dt, theta=1.0, gamma=0.9):
    count = len(omega)
    u, v, q, z = [0.0] * count, [0.0] * count, [0.0] * count, [0] * count
    history = []
    for x_t in x:
        old_z, rows = list(z), []
        for i in range(count):
            current = dot(weight[i], x_t) + dot(recurrent[i], old_z)
            b = dt / 2 * (omega[i] * omega[i]) + abs(b_offset[i]) + q[i]
            v[i] = v[i] + u[i] * dt
            u[i] = u[i] + current * dt - 2 * b * u[i] * dt - omega[i] * omega[i] * v[i] * dt
            z[i] = 1 if u[i] - theta - q[i] > 0 else 0
            q[i] = gamma * q[i] + z[i]
            rows.append((u[i], v[i], q[i], z[i]))
        history.append(rows)
    return np.array(history)


def lif_by_hand(x, weight, recurrent, tau_mem, theta=1.0):
    count = len(tau_mem)
    u, z = [0.0] * count, [0] * count
    history = []
    for x_t in x:
        old_z, rows = list(z), []
        for i in range(count):
            alpha = math.exp(-1 / abs(tau_mem[i]))
            u[i] = alpha * u[i] + (1 - alpha) * (dot(weight[i], x_t) + dot(recurrent[i], old_z))
            z[i] = 1 if u[i] - theta > 0 else 0
            u[i] -= z[i] * theta
            rows.append((u[i], z[i]))
        history.append(rows)
    return np.array(history)


def states_over_time(cell, x):
    """States (time, batch, neurons, fields) and spikes, stepping the neuron as the cell loop does."""
    parameters = cell.neuron.parameters(cell.raw)
    drive = x @ cell.input_weight.T
    z, state = torch.zeros_like(drive[0]), cell.neuron.initial_state(drive[0])
    states, spikes = [], []
    for x_t in drive:
        z, state = cell.neuron.step(x_t + z @ cell.recurrent_weight.T, state, parameters)
        states.append(torch.stack(list(state), -1))
        spikes.append(z)
    return torch.stack(states).numpy(), torch.stack(spikes).numpy()


def resonator_cell(rng, neuron):
    raw = {
        "omega": torch.tensor(rng.uniform(-1, 1, COUNT) * 0.99 / neuron.dt),
        "b_offset": torch.tensor(rng.uniform(-3, 3, COUNT)),
    }
    scale = 256.0 if isinstance(neuron, BHRF) else 64.0  # its damping grows with omega squared
    return Cell(neuron, raw, dyadic(rng, COUNT, INPUTS, scale=scale), dyadic(rng, COUNT, COUNT, scale=scale))


def binary(rng, *shape):
    return torch.tensor(rng.integers(0, 2, shape), dtype=torch.float64)


@pytest.mark.parametrize("dt", [0.01, 0.004, 0.05])
@pytest.mark.parametrize(("kind", "by_hand"), [(BRF, brf_by_hand), (RF, rf_by_hand), (BHRF, bhrf_by_hand)])
def test_resonators_equal_the_equations_on_every_bit(kind, by_hand, dt):
    rng = np.random.default_rng(int(1000 * dt))
    cell, x = resonator_cell(rng, kind(dt=dt)), binary(rng, STEPS, BATCH, INPUTS)
    states, spikes = states_over_time(cell, x)
    assert spikes.sum() > 40
    assert np.array_equal(run_layer(cell, x).numpy(), spikes)
    for sample in range(BATCH):
        arguments = [tensor.tolist() for tensor in (x[:, sample], cell.input_weight, cell.recurrent_weight)]
        expected = by_hand(*arguments, cell.raw["omega"].tolist(), cell.raw["b_offset"].tolist(), dt)
        assert np.array_equal(states[:, sample], expected[..., :-1])
        assert np.array_equal(spikes[:, sample], expected[..., -1])


@pytest.mark.parametrize(("kind", "by_hand", "scale"), [(ALIF, alif_by_hand, 1), (LIF, lif_by_hand, 8)])
def test_integrators_equal_the_equations(kind, by_hand, scale):
    rng = np.random.default_rng(5)
    raw = {"tau_mem": torch.tensor(rng.normal(20, 5, COUNT)), "tau_adp": torch.tensor(-rng.normal(50, 9, COUNT))}
    raw = {name: raw[name] for name in kind.initial}
    cell = Cell(kind(), raw, dyadic(rng, COUNT, INPUTS, scale=4 * scale), dyadic(rng, COUNT, COUNT, scale=scale))
    x = binary(rng, STEPS, BATCH, INPUTS)
    states, spikes = states_over_time(cell, x)
    assert spikes.sum() > 40
    for sample in range(BATCH):
        arguments = [tensor.tolist() for tensor in (x[:, sample], cell.input_weight, cell.recurrent_weight)]
        expected = by_hand(*arguments, *(values.tolist() for values in raw.values()))
        assert np.array_equal(spikes[:, sample], expected[..., -1])
        # exp of torch and of libm may differ in the last bit
        kept = expected.shape[-1] - 1
        np.testing.assert_allclose(states[:, sample, :, :kept], expected[..., :-1], rtol=1e-12, atol=1e-15)


def test_leaky_integrator_equals_the_equation():
    y = leaky_step(torch.tensor([3.0]), torch.tensor([2.0]), torch.tensor([0.75]))
    assert y.item() == 0.75 * 2 + 0.25 * 3


def network_of(kind, rng, dtype, layers):
    made, width = [], INPUTS
    for index in range(layers):
        layer = RecurrentLayer.create(kind(), width, COUNT, name=f"layer{index}", generator=torch.manual_seed(index))
        scale = 512.0 if kind is BHRF else 64.0
        values = tuple(dyadic(rng, COUNT, columns, scale=scale).to(dtype) for columns in (width, COUNT))
        made.append(RecurrentLayer(Cell(kind(), {k: v.to(dtype) for k, v in layer.raw.items()}, *values), layer.name))
        width = COUNT
    tau = torch.tensor(rng.normal(20, 5, OUTPUTS)).to(dtype)
    return RecurrentNetwork(made, LeakyReadout(Integrators(tau, dyadic(rng, OUTPUTS, COUNT, scale=8).to(dtype))))


# The exp of torch and of numpy may differ in the last bit; in float64 that flips no spike, in float32 it could.
CASES = [(kind, torch.float64) for kind in NEURONS.values()] + [(kind, torch.float32) for kind in (BRF, RF, BHRF)]


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("kind", "dtype"), CASES, ids=lambda value: getattr(value, "kind", str(value)))
def test_torch_equals_the_numpy_run_of_the_ground(kind, dtype, layers):
    rng = np.random.default_rng(layers)
    model, encoding = network_of(kind, rng, dtype, layers), Encoding(maximum=16, full_scale=16)
    messages = rng.integers(0, 17, (STEPS, BATCH, INPUTS))
    real = np.float32 if dtype is torch.float32 else np.float64
    inputs = torch.from_numpy(encoding.as_real(encoding.present(messages), real))
    with torch.no_grad():
        run = model(inputs, keep_spikes=True)
    trace = run_float(to_float_network(model, "test", encoding), messages, real)
    for spikes, counts, layer in zip(run.spikes, run.spike_counts, trace.layers, strict=True):
        assert layer.spikes.any()
        assert np.array_equal(spikes.numpy() > 0, layer.spikes)
        assert np.array_equal(counts.numpy(), layer.spikes.sum(0))
    # the two exp differ in the last bit, which (1 - alpha) magnifies
    np.testing.assert_allclose(
        run.readout.numpy(), trace.readout, rtol=1e-3 if real is np.float32 else 1e-11, atol=1e-5
    )


def test_p_omega_uses_the_layers_own_dt():
    omega = torch.tensor([0.0, 12.0, 30.0], dtype=torch.float64)
    for dt in (0.01, 0.002, 1 / 30):
        boundary = p_omega(omega, dt)
        # on the boundary, an explicit Euler step stays on the unit circle
        radius = torch.sqrt((1 + dt * boundary) ** 2 + (dt * omega) ** 2)
        torch.testing.assert_close(radius, torch.ones(3, dtype=torch.float64), rtol=1e-12, atol=0)


def test_dt_omega_above_one_names_neuron_value_and_remedy():
    layer = RecurrentLayer.create(BRF(dt=0.05), 1, 3)
    with torch.no_grad():
        layer.omega.copy_(torch.tensor([1.0, -30.0, 2.0]))
    with pytest.raises(
        InvalidNetwork, match=r"neuron 1: omega 30 rad/s with dt 0.05 s gives dt \* omega = 1.5.*at most 20"
    ):
        layer(torch.ones(2, 1, 1))


@pytest.mark.parametrize("arguments", [{"dt": 0.0}, {"dt": float("nan")}, {"theta": -1.0}, {"gamma": 1.0}])
def test_constants_out_of_range_are_refused(arguments):
    with pytest.raises(BrfError):
        BRF(**arguments)


@pytest.mark.parametrize("kind", [BRF, RF])
def test_threshold_is_strict_and_refractory_state_is_the_old_one(kind):
    neuron = kind(dt=0.5, theta=1.0)
    raw = {"omega": torch.zeros(1), "b_offset": torch.zeros(1)}
    parameters = neuron.parameters(raw)
    x = torch.tensor([[2.0]])
    z, state = neuron.step(x, neuron.initial_state(x), parameters)  # u = 1 exactly: no spike
    assert (z.item(), state.u.item()) == (0, 1)
    z, state = neuron.step(x, state, parameters)  # u = 2 > 1: spike, with q still 0
    assert (z.item(), state.u.item()) == (1, 2)
    if kind is BRF:
        assert state.q.item() == 1
