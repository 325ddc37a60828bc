"""Of the manual engine what equality with the loop does not show: where it writes, what it leaves, what it reads."""

from dataclasses import replace

import pytest
import torch
from kernel_problems import Network, gradients

from brf_training.cell_loop import chain_of, problem_of
from brf_training.kernels.events import Events
from brf_training.kernels.manual import ManualEngine
from brf_training.kernels.problem import each
from brf_training.kernels.received import EventRows, add_gradient, rows, weigh
from brf_training.neurons import NEURONS
from brf_training.neurons.memory import StepMemory


@pytest.mark.parametrize("fired", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", list(NEURONS))
def test_a_step_writes_the_same_bits_where_it_is_told_to(kind, dtype, fired):
    network = Network(kind, dtype=dtype, neurons=(40,))
    neuron, parameters = network.cells[0].neuron, network.cells[0].neuron.parameters(network.cells[0].raw)
    x = network.normal(6, 5, 40).to(dtype) * 100
    state = neuron.initial_state(x[0])
    new = torch.empty(len(x), len(state), 5, 40, dtype=dtype).unbind()
    spikes, scratch = 0, (torch.empty(5, 40, dtype=dtype), torch.empty(5, 40, dtype=dtype))
    with torch.no_grad():
        for now, memory in zip(x, new, strict=True):
            expected, after = neuron.step(now, state, parameters)
            z, distance = expected.clone() if fired else torch.empty_like(now), torch.empty_like(now)
            zero = torch.zeros((), dtype=dtype)
            into = StepMemory(z, distance, type(state)(*memory.unbind()), scratch, zero, fired)
            found, state = neuron.step(now, state, parameters, into)
            assert found is z
            assert torch.equal(z, expected)
            assert torch.equal(memory, torch.stack(list(after)))
            assert torch.equal(distance > 0, expected > 0)
            spikes += int(z.sum())
    assert 0 < spikes < x.numel()


@pytest.mark.parametrize("flushing", [False, True])
def test_the_caller_keeps_its_denormals_and_threads(flushing):
    network, threads = Network(dtype=torch.float32), torch.get_num_threads()
    if not torch.set_flush_denormal(flushing):
        pytest.fail("this processor cannot flush denormal numbers")
    try:
        gradients(network.run(network.sequence(), "torch", keep_spikes=True), network.leaves)
        assert (torch.tensor([1e-40]).mul(0.5).item() == 0) == flushing
    finally:
        torch.set_flush_denormal(False)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("density", [0.0, 0.1, 1.0])
def test_products_of_events_equal_those_of_the_dense_rows(density):
    network = Network(inputs=11)
    dense = network.sequence(9, 4, density)
    events = EventRows.of(Events.of(dense), 2, 7)
    weight, g_x = network.normal(6, 11).double(), network.normal(20, 6).double()
    found, expected = torch.empty(20, 6, dtype=torch.float64), rows(dense[2:7]) @ weight.T
    weigh(events, weight, out=found)
    torch.testing.assert_close(found, expected)
    total = torch.ones(6, 11, dtype=torch.float64)
    add_gradient(total, g_x, events)
    torch.testing.assert_close(total, 1 + g_x.T @ rows(dense[2:7]))


@pytest.mark.parametrize("kind", list(NEURONS))
def test_no_number_is_read_back_from_the_device(kind):
    """On the meta device, which has none: what runs there does not wait for a GPU."""
    network, engine = Network(kind, neurons=(9, 6)), ManualEngine(chunk=7)
    problem = problem_of(chain_of(network.cells, network.integrators), network.sequence(), True, None)
    problem = replace(
        problem,
        inputs=problem.inputs.to("meta"),
        layers=tuple(each(layer, lambda tensor: tensor.detach().to("meta")) for layer in problem.layers),
        readout=each(problem.readout, lambda tensor: tensor.detach().to("meta")),
    )
    assert engine.obstacle(problem) is None
    outcome, tape = engine.forward(problem, keep=True)
    found = engine.backward(problem, outcome.readout, tape, outcome, True)
    assert found.inputs.shape == problem.inputs.shape
    assert [t.shape for t in found.layers[0][:3]] == [t.shape for t in problem.layers[0][:3]]
