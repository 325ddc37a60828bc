"""Layers, readout and network as modules, and their way to the ground's float network and back."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import brf_training
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput, InvalidNetwork
from brf_deploy.float_file import load_float_network, save_float_network
from brf_training import (
    ALIF,
    BRF,
    RF,
    LeakyReadout,
    Loss,
    Objective,
    RecurrentLayer,
    RecurrentNetwork,
    from_float_network,
    to_float_network,
)
from brf_training.cell_loop import Cell, Integrators
from brf_training.initial import Normal, Uniform
from brf_training.neurons import NEURONS


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_model(kind=BRF, recurrent=True):
    first = RecurrentLayer.create(kind(), 3, 6, recurrent=recurrent, name="first", generator=seeded(1))
    second = RecurrentLayer.create(kind(), 6, 5, name="second", generator=seeded(2))
    return RecurrentNetwork([first, second], LeakyReadout.create(5, 2, generator=seeded(3)))


def test_a_layer_works_inside_a_users_own_model():
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), RecurrentLayer.create(RF(), 3, 6), LeakyReadout.create(6, 2))
    readout = model(50 * torch.rand(10, 5, 4))
    assert readout.shape == (10, 5, 2)
    readout.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_a_network_returns_readout_counts_and_spikes_on_request():
    model, inputs = small_model(), 500 * torch.rand(20, 4, 3, generator=seeded())
    run, silent = model(inputs, keep_spikes=True), model(inputs)
    assert run.readout.shape == (20, 4, 2)
    assert [tuple(spikes.shape) for spikes in run.spikes] == [(20, 4, 6), (20, 4, 5)]
    assert all(torch.equal(counts, spikes.sum(0)) for counts, spikes in zip(run.spike_counts, run.spikes, strict=True))
    assert run.spike_counts[0].sum() > 0
    assert run.spike_counts[0].requires_grad  # a loss may weigh them
    assert silent.spikes == ()
    assert torch.equal(silent.readout, run.readout)


@pytest.mark.parametrize("kind", list(NEURONS.values()))
def test_a_frozen_network_is_a_copy_with_the_same_numbers(kind):
    network = small_model(kind)
    inputs = 500 * torch.rand(20, 4, 3, generator=seeded(1))
    with torch.no_grad():
        expected = network(inputs, keep_spikes=True)
    assert expected.spike_counts[0].sum() > 0
    frozen = network.freeze()
    for parameter in network.parameters():
        parameter.data.zero_()  # which version counters do not see
    whole, first = frozen(inputs.requires_grad_(), keep_spikes=True), frozen(inputs[:4])
    rest = frozen(inputs[4:], carry=first.carry)
    assert not whole.readout.requires_grad
    assert torch.equal(whole.readout, expected.readout)
    assert torch.equal(whole.spikes[0], expected.spikes[0])
    assert torch.equal(torch.cat([first.readout, rest.readout]), expected.readout)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_frozen_network_with_a_poisoned_weight_gives_what_the_network_gives(poison):
    network, inputs = small_model(), torch.zeros(6, 2, 3)  # no input meets the weight, yet 0 times NaN is NaN
    network.layers[0].input_weight.data[0, 0] = poison
    with torch.no_grad():
        expected = network(inputs)
    found = network.freeze()(inputs)
    assert expected.readout.isnan().any() or expected.carry.states[0].isnan().any()
    assert torch.equal(found.readout.isnan(), expected.readout.isnan())
    assert torch.equal(found.carry.states[0].isnan(), expected.carry.states[0].isnan())


def test_parameters_have_the_names_of_the_field():
    names = {name for name, _ in small_model(recurrent=False).named_parameters()}
    layers = {f"layers.{i}.{name}" for i in (0, 1) for name in ("omega", "b_offset", "input_weight")}
    assert names == layers | {"layers.1.recurrent_weight", "readout.tau", "readout.weight"}


def test_the_same_generator_gives_the_same_layer_and_leaves_torchs_own_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    pairs = zip(small_model().parameters(), small_model().parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert torch.equal(torch.get_rng_state(), before)


def test_initial_values_follow_their_distributions():
    initial = {"omega": Uniform(10, 80), "b_offset": Normal(1, 0.1)}
    layer = RecurrentLayer.create(BRF(), 2, 2000, recurrent=False, initial=initial, generator=seeded())
    assert 10 <= layer.omega.min() < 11 < 79 < layer.omega.max() <= 80
    assert layer.b_offset.mean().item() == pytest.approx(1, abs=0.02)
    assert layer.input_weight.abs().max() <= (6 / 2002) ** 0.5


def test_an_unknown_parameter_name_lists_the_known_ones():
    with pytest.raises(InvalidInput, match="brf neurons have no parameter 'tau_mem'; they have omega, b_offset"):
        RecurrentLayer.create(BRF(), 1, 1, initial={"tau_mem": Normal(20, 5)})


@pytest.mark.parametrize(("kind", "numbers", "message"), [
    (Uniform, (2, 1), "first bound exceeds the second"),
    (Normal, (2, -1), "standard deviation is negative"),
])  # fmt: skip
def test_distributions_refuse_ill_formed_numbers(kind, numbers, message):
    with pytest.raises(InvalidInput, match=message):
        kind(*numbers)


def cell(count=4, inputs=3, **changes):
    raw = {"omega": torch.ones(count), "b_offset": torch.ones(count)}
    return Cell(BRF(), raw, torch.ones(count, inputs), torch.ones(count, count))._replace(**changes)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: RecurrentLayer(cell(raw={"omega": torch.ones(3), "b_offset": torch.ones(4)})),
     r"layer 'hidden' omega: shape \(3,\) found, expected \(4,\)"),
    (lambda: RecurrentLayer(cell(recurrent_weight=torch.ones(4, 3))), r"recurrent_weight: shape \(4, 3\)"),
    (lambda: LeakyReadout(Integrators(torch.ones(2), torch.ones(3, 4))), r"readout tau: shape \(2,\)"),
    (lambda: RecurrentNetwork([], LeakyReadout.create(4, 2)), "no layer found"),
    (lambda: RecurrentNetwork([RecurrentLayer(cell()), RecurrentLayer(cell(), "top")], LeakyReadout.create(4, 2)),
     r"layer 'top' input_weight: shape \(4, 3\) found, expected \(4, 4\)"),
    (lambda: RecurrentNetwork([RecurrentLayer(cell())], LeakyReadout.create(5, 2)),
     r"readout weight: shape \(2, 5\) found, expected \(2, 4\)"),
])  # fmt: skip
def test_shapes_that_do_not_fit_are_refused(make, message):
    with pytest.raises(InvalidNetwork, match=message):
        make()


@pytest.mark.parametrize("shape", [(5, 3), (5, 1, 2), (0, 1, 3)])
def test_an_input_of_another_shape_is_refused(shape):
    with pytest.raises(InvalidInput, match=r"expected \(time, batch, 3\) with at least one step"):
        small_model()(torch.zeros(shape))


def test_projection_keeps_omega_where_the_boundary_has_a_slope():
    model = small_model()
    with torch.no_grad():
        model.layers[0].omega.copy_(torch.tensor([-500.0, 99.99, 100, 101, 3, -3]))
    model.project()
    omega = model.layers[0].omega
    assert omega.tolist() == pytest.approx([-99, 99, 99, 99, 3, -3])
    model(torch.ones(5, 1, 3)).readout.sum().backward()
    assert omega.grad.isfinite().all()


def test_projection_leaves_other_neurons_alone():
    model = small_model(ALIF)
    before = [parameter.clone() for parameter in model.parameters()]
    model.project()
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def assert_same_network(a, b):
    assert (a.task, a.skip_steps, a.notes) == (b.task, b.skip_steps, b.notes)
    assert (a.encoding.maximum, a.encoding.full_scale) == (b.encoding.maximum, b.encoding.full_scale)
    assert np.array_equal(a.encoding.permutation, b.encoding.permutation)
    for one, other in zip(a.layers, b.layers, strict=True):
        assert (one.name, type(one.neurons)) == (other.name, type(other.neurons))
        assert_same_arrays(vars(one.neurons), vars(other.neurons))
        assert_same_arrays(vars(one) | {"neurons": 0}, vars(other) | {"neurons": 0})
    assert_same_arrays(vars(a.readout), vars(b.readout))


def assert_same_arrays(one, other):
    for name, value in one.items():
        assert np.array_equal(value, other[name])
        assert getattr(value, "dtype", None) == getattr(other[name], "dtype", None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", list(NEURONS.values()), ids=list(NEURONS))
def test_extraction_round_trip_is_exact(kind, dtype, tmp_path):
    model = small_model(kind, recurrent=False).to(dtype)
    with torch.no_grad():
        next(iter(model.layers[0].raw.values())).neg_()
    encoding = Encoding(255, 255, np.array([2, 0, 1]))
    network = to_float_network(model, "ecg", encoding, 10, {"seed": "0"})
    assert network.layers[0].input_weight.dtype == (np.float32 if dtype is torch.float32 else np.float64)
    save_float_network(network, tmp_path / "model.safetensors")
    again = to_float_network(
        from_float_network(load_float_network(tmp_path / "model.safetensors")), "ecg", encoding, 10, {"seed": "0"}
    )
    assert_same_network(network, again)
    inputs = 100 * torch.rand(10, 2, 3, generator=seeded()).to(dtype)
    assert torch.equal(from_float_network(network)(inputs).readout, model(inputs).readout)


def test_extraction_keeps_constants():
    layer = RecurrentLayer.create(BRF(dt=0.004, theta=0.5, gamma=0.8), 1, 2)
    model = RecurrentNetwork([layer], LeakyReadout.create(2, 2))
    network = to_float_network(model, "digits", Encoding())
    assert (network.layers[0].neurons.dt, network.layers[0].neurons.gamma) == (0.004, 0.8)
    assert from_float_network(network).layers[0].neuron == BRF(dt=0.004, theta=0.5, gamma=0.8)


def test_extraction_refuses_nan():
    model = small_model()
    with torch.no_grad():
        model.layers[1].input_weight[2, 3] = torch.nan
    with pytest.raises(InvalidNetwork, match=r"layer 'second' input_weight: 1 of 30 values are NaN.*\[2, 3\]"):
        to_float_network(model, "digits", Encoding())


def test_losses():
    readout = torch.randn(4, 3, 5, generator=seeded())
    labels = torch.tensor([1, 2, 0])
    log = torch.log_softmax(readout, -1)
    picked = log[:, torch.arange(3), labels]
    assert torch.allclose(Objective(Loss.LAST_STEP)(readout, labels), -picked[-1].mean())
    assert torch.allclose(Objective(Loss.EVERY_STEP_SUM)(readout, labels), -picked.sum(0).mean())
    assert torch.allclose(Objective(Loss.EVERY_STEP_SUM, 1)(readout, labels.expand(4, 3)), -picked[1:].sum(0).mean())
    assert torch.allclose(Objective(Loss.LAST_STEP)(readout, labels.expand(4, 3)), -picked[-1].mean())
    with pytest.raises(InvalidInput, match="4 steps, of which 4 are skipped"):
        Objective(Loss.LAST_STEP, 4)(readout, labels)


def test_the_public_face_is_complete():
    assert all(hasattr(brf_training, name) for name in brf_training.__all__)
    assert set(brf_training._MODULE_OF) == set(brf_training.__all__)
    with pytest.raises(AttributeError, match="module 'brf_training' has no attribute 'nothing'"):
        brf_training.nothing  # noqa: B018


def test_tasks_and_commands_load_without_torch():
    program = (
        "import sys, brf_training, brf_training.commands, brf_training.tasks.digits, brf_training.tasks.ecg, "
        "brf_training.tasks.mnist; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
