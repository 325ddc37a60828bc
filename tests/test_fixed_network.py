"""The integer network in the training engines: every bit of the reference, and gradients straight through."""

import numpy as np
import pytest
import torch
from kernel_problems import gradients, outcomes, relative
from native_training import LEVELS, native
from networks import messages_for, random_network

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.reference import REFERENCE
from brf_training import RecurrentLayer
from brf_training.cell_loop import run_layer, run_sequence
from brf_training.extract import array_of, tensor_of
from brf_training.fixed_network import fixed_cells, fixed_inputs, fixed_integrators
from brf_training.kernels.events import Events
from brf_training.kernels.manual import ManualEngine
from brf_training.kernels.native import NativeEngine
from brf_training.rounding import down, saturate, straight_through, to_nearest, toward_zero

EXACT = 1e-12  # float64: rounding of sums in another order, over some tens of steps

ENGINES = [
    pytest.param("loop", id="loop"),
    pytest.param(ManualEngine(chunk=7), id="torch-7"),
    *(pytest.param(NativeEngine(level=level), id=f"native-v{level}", marks=native) for level in (LEVELS or [2])),
    pytest.param(NativeEngine(tile=2, interval=7, threads=2), id="native-tile-2-interval-7", marks=native),
]


def presented(network, messages, dtype=np.float32):
    """What a float network of the same encoding receives."""
    return tensor_of(network.encoding.as_real(network.encoding.present(messages), dtype))


def run_fixed(network, inputs, engine=None, **options):
    cells, integrators = fixed_cells(network), fixed_integrators(network)
    return run_sequence(cells, integrators, fixed_inputs(inputs, network.encoding), engine=engine, **options)


def assert_equal_to_the_reference(network, messages, engine):
    """Spikes, readout and last states; returns how many states were clipped."""
    trace, run = (
        REFERENCE.run(network, messages),
        run_fixed(network, presented(network, messages), engine, keep_spikes=True),
    )
    assert np.array_equal(array_of(run.readout) * 2.0**network.readout.fraction, trace.readout)
    for index, layer in enumerate(network.layers):
        assert np.array_equal(array_of(run.spikes[index]) != 0, trace.layers[index].spikes)
        for place, name in enumerate("uvq"):
            last = array_of(run.carry.states[index][place]) * 2.0**layer.state_fraction
            assert np.array_equal(last, trace.layers[index].states[name][-1])
    clipped = (np.abs(layer.states[name]) == network.arithmetic.limit for layer in trace.layers for name in "uv")
    return sum(int(states.sum()) for states in clipped)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("state_bits", [16, 24, 32])
@pytest.mark.parametrize("full_scale", [1, 16, 255])
@pytest.mark.parametrize("neurons", [(1,), (17,), (9, 20, 4)])
def test_every_bit_is_the_references(neurons, full_scale, state_bits, engine):
    clipped = 0
    for seed, recurrent in enumerate((True, False)):
        order = np.random.default_rng(seed).permutation(40) if recurrent else None
        network = random_network(
            seed, neurons=neurons, maximum=full_scale, full_scale=full_scale, recurrent=recurrent,
            state_bits=state_bits, permutation=order, weight_bits=(2, 16)[seed], coefficient_bits=(16, 4)[seed],
        )  # fmt: skip
        clipped += assert_equal_to_the_reference(network, messages_for(network, 40, 5, seed), engine)
    assert clipped or neurons == (1,)


def test_messages_beyond_full_scale():
    network = random_network(3, neurons=(12,), maximum=3)
    assert_equal_to_the_reference(network, messages_for(network, 40, 5), None)


@pytest.mark.parametrize("engine", ENGINES)
def test_in_two_parts(engine):
    network = random_network(5, neurons=(12, 7))
    inputs = presented(network, messages_for(network, 30, 4))
    whole, first = run_fixed(network, inputs, engine), run_fixed(network, inputs[:11], engine)
    second = run_fixed(network, inputs[11:], engine, carry=first.carry)
    assert torch.equal(torch.cat([first.readout, second.readout]), whole.readout)
    assert all(map(torch.equal, second.carry.states, whole.carry.states))


@pytest.mark.parametrize("engine", ENGINES)
def test_events(engine):
    network = random_network(6, inputs=30, neurons=(12,), maximum=16, full_scale=16)
    inputs = presented(network, messages_for(network, 30, 4, density=0.1))
    expected, found = run_fixed(network, inputs, engine), run_fixed(network, Events.of(inputs), engine)
    assert torch.equal(found.readout, expected.readout)


def leaves_of(network, inputs):
    """Cells, integrators and inputs with gradients, and the leaves."""
    cells, integrators = fixed_cells(network), fixed_integrators(network)
    messages = fixed_inputs(inputs, network.encoding).requires_grad_()
    tensors = [
        tensor
        for cell in cells
        for tensor in (*cell.raw.values(), cell.input_weight, cell.recurrent_weight)
        if tensor is not None
    ]
    leaves = [tensor.requires_grad_() for tensor in (*tensors, integrators.alpha, integrators.weight, messages)]
    return cells, integrators, messages, leaves


@pytest.mark.parametrize("engine", ENGINES[1:])
@pytest.mark.parametrize("recurrent", [True, False])
@pytest.mark.parametrize(("seed", "state_bits"), [(0, 24), (1, 16), (2, 32)])
def test_gradients_are_those_of_the_loop(seed, state_bits, recurrent, engine):
    network = random_network(seed, neurons=(13, 6), recurrent=recurrent, state_bits=state_bits)
    cells, integrators, messages, leaves = leaves_of(network, presented(network, messages_for(network, 30, 5)))
    expected, found = (run_sequence(cells, integrators, messages, True, engine=name) for name in ("loop", engine))
    assert all(map(torch.equal, outcomes(found), outcomes(expected)))
    assert relative(gradients(found, leaves), gradients(expected, leaves)) < EXACT


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_clipped_passes_no_gradient(engine):
    network = random_network(0, inputs=1, neurons=(1,), outputs=1, recurrent=False)
    (cell,), integrators = fixed_cells(network), fixed_integrators(network)
    weight = torch.full((1, 1), 2 * cell.neuron.limit, dtype=torch.float64, requires_grad=True)
    readout = integrators.weight.clone().fill_(2 * integrators.kind.limit).requires_grad_()
    run = run_sequence(
        [cell._replace(input_weight=weight)], integrators._replace(weight=readout),
        torch.ones(1, 1, 1, dtype=torch.float64), engine=engine,
    )  # fmt: skip
    assert run.readout.item() == integrators.kind.limit
    assert run.carry.states[0][0].item() == cell.neuron.limit
    found = torch.autograd.grad(run.readout.sum() + run.carry.states[0][0].sum(), (weight, readout), allow_unused=True)
    assert [0.0 if gradient is None else gradient.item() for gradient in found] == [0.0, 0.0]


@pytest.mark.parametrize("engine", [None, "loop", "torch", "native"])
def test_less_than_float64_is_refused(engine):
    network = random_network()
    inputs = torch.zeros(3, 1, 3)
    with pytest.raises(InvalidInput, match=r"torch\.float32 found; a network of fixed-point neurons"):
        run_sequence(fixed_cells(network), fixed_integrators(network), inputs, engine=engine)
    with pytest.raises(InvalidInput, match=r"torch\.float32 found"):
        run_layer(fixed_cells(network)[0], inputs, engine)


def test_the_engine_for_gpus_says_why_not():
    with pytest.raises(Unsupported, match=r"engine 'triton' cannot run this: .*torch.float64 .* must be float32"):
        run_fixed(random_network(), torch.zeros(3, 1, 3), "triton")


@pytest.mark.parametrize(
    ("value", "full_scale"), [(0.5, 1), (2.0, 1), (-1.0, 1), (-1e-9, 1), (1 / 254, 255), (1.1, 255), (float("nan"), 16)]
)
def test_inputs_that_are_no_messages_are_refused(value, full_scale):
    inputs, encoding = torch.zeros(4, 2, 3), Encoding(full_scale, full_scale)
    inputs[1, 1, 1] = value
    for given in (inputs, Events.of(inputs)):
        with pytest.raises(InvalidInput, match=f"found, which is no message 0..{full_scale} divided by"):
            fixed_inputs(given, encoding)


@pytest.mark.parametrize("full_scale", [1, 16, 255, 256, 65535])
def test_every_message_survives_float32(full_scale):
    encoding = Encoding(full_scale, full_scale)
    messages = np.arange(full_scale + 1).reshape(-1, 1, 1)
    units = fixed_inputs(tensor_of(encoding.as_real(messages, np.float32)), encoding)
    assert np.array_equal(array_of(units) * 2.0**encoding.graded_bits, messages)


def test_a_fixed_neuron_is_not_trained_itself():
    (cell,) = fixed_cells(random_network())
    with pytest.raises(InvalidInput, match="layer 'hidden': fixed-brf neurons are not trained themselves"):
        RecurrentLayer(cell)


def test_rounding():
    x = torch.tensor([-1.3, -0.5, 0.0, 0.5, 1.3], dtype=torch.float64, requires_grad=True)
    assert toward_zero(x, 1.0).tolist() == [-1, 0, 0, 0, 1]
    assert down(x, 0.5).tolist() == [-1.5, -0.5, 0, 0.5, 1]
    assert to_nearest(x, 1.0).tolist() == [-1, 0, 0, 1, 1]
    clipped = saturate(x, 0.5)
    assert clipped.tolist() == [-0.5, -0.5, 0, 0.5, 0.5]
    assert torch.autograd.grad(clipped.sum(), x)[0].tolist() == [0, 0, 1, 0, 0]
    through = straight_through(3 * x, toward_zero(x, 1.0).detach())
    assert torch.equal(through, toward_zero(x, 1.0))
    assert torch.autograd.grad(through.sum(), x)[0].tolist() == [3] * 5
