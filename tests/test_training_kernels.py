"""The engines against autograd through the plain loop: every neuron, shape and way into a run, in float64."""

import pytest
import torch
from kernel_problems import Network, gradients, outcomes, relative
from native_training import BOTH, LEVELS, native

from brf_training import Loss, Objective
from brf_training.cell_loop import run_layer, run_sequence
from brf_training.kernels.events import Events
from brf_training.kernels.manual import ManualEngine
from brf_training.kernels.native import NativeEngine, one_torch_thread
from brf_training.neurons import NEURONS

EXACT = 1e-12  # float64: rounding of sums in another order, over some tens of steps


ALL = [
    pytest.param(ManualEngine(chunk=7), id="torch-7"),
    pytest.param(ManualEngine(), id="torch"),
    *(pytest.param(NativeEngine(level=level), id=f"native-v{level}", marks=native) for level in (LEVELS or [2])),
    pytest.param(NativeEngine(tile=3, interval=7, threads=2), id="native-tile-3-interval-7", marks=native),
    pytest.param(NativeEngine(tile=64, interval=1000), id="native-one-tile", marks=native),
]


def assert_equal_to_the_loop(network, inputs, engine, leaves=None, **options):
    leaves = network.leaves if leaves is None else leaves
    options = {"keep_spikes": True, **options}
    expected, found = (network.run(inputs, name, **options) for name in ("loop", engine))
    assert [a.shape for a in outcomes(found)] == [b.shape for b in outcomes(expected)]
    assert relative(outcomes(found), outcomes(expected)) < EXACT
    assert relative(gradients(found, leaves), gradients(expected, leaves)) < EXACT
    return found


@pytest.mark.parametrize("engine", ALL)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_every_neuron(kind, engine):
    network = Network(kind)
    found = assert_equal_to_the_loop(network, network.sequence(), engine)
    assert 0.05 < found.spikes[0].mean() < 0.8


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_several_layers(kind, engine):
    network = Network(kind, neurons=(20, 17, 5), seed=1)
    found = assert_equal_to_the_loop(network, network.sequence(), engine)
    assert all(spikes.any() for spikes in found.spikes)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (1, 4), (30, 1), (57, 19), (3, 0)])
def test_sizes(steps, batch, engine):
    network = Network(neurons=(33, 7))
    assert_equal_to_the_loop(network, network.sequence(steps, batch), engine)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize(("inputs", "count", "outputs"), [(1, 1, 1), (40, 64, 17), (5, 130, 3)])
def test_widths(inputs, count, outputs, engine):
    network = Network(inputs=inputs, neurons=(count,), outputs=outputs)
    assert_equal_to_the_loop(network, network.sequence(20), engine)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_feed_forward(kind, engine):
    network = Network(kind, neurons=(8, 6), recurrent=False)
    assert_equal_to_the_loop(network, network.sequence(), engine)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_silence(kind, engine):
    network = Network(kind, gain=1e-3)
    found = assert_equal_to_the_loop(network, network.sequence().abs(), engine)
    assert kind == "alif" or not found.spikes[0].any()  # its threshold at rest is close to 0


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_every_neuron_fires(kind, engine):
    network = Network(kind)
    with torch.no_grad():
        for cell in network.cells:
            cell.input_weight.fill_(1e5)
            cell.recurrent_weight.abs_()
    found = assert_equal_to_the_loop(network, torch.ones(6, 5, 3, dtype=torch.float64), engine)
    assert found.spikes[0][:2].all()


@pytest.mark.parametrize("engine", BOTH)
def test_gradients_of_the_inputs(engine):
    network = Network(inputs=21, neurons=(12, 5))
    inputs = network.sequence().requires_grad_()
    assert_equal_to_the_loop(network, inputs, engine, [*network.leaves, inputs])


@pytest.mark.parametrize("engine", BOTH)
def test_inputs_and_weights_that_are_not_contiguous(engine):
    network = Network(inputs=4)
    network.cells[0] = network.cells[0]._replace(input_weight=network.leaf(network.normal(4, 9)).T)
    leaves = [leaf for leaf in network.leaves if leaf.shape != (9, 4)]
    inputs = network.sequence(30, 8).transpose(0, 1)[::2].transpose(0, 1)
    assert not inputs.is_contiguous()
    assert_equal_to_the_loop(network, inputs, engine, leaves)


@pytest.mark.parametrize("engine", BOTH)
def test_events_equal_the_dense_sequence(engine):
    network = Network(inputs=50)
    dense = network.sequence(density=0.1)
    dense[:, 1] = 0
    events = Events.of(dense)
    assert torch.equal(events.dense(), dense)
    expected, found = network.run(dense, engine, keep_spikes=True), network.run(events, engine, keep_spikes=True)
    assert relative(outcomes(found), outcomes(expected)) < EXACT
    assert relative(gradients(found, network.leaves), gradients(expected, network.leaves)) < EXACT
    assert_equal_to_the_loop(network, events, engine)


@pytest.mark.parametrize("engine", BOTH)
def test_events_that_are_all_1(engine):
    network = Network(inputs=50)
    dense = (network.sequence(density=0.1) != 0).double()
    found, expected = network.run(Events.of(dense), engine), network.run(dense, "loop")
    assert relative([found.readout], [expected.readout]) < EXACT
    weights = [leaf for leaf in network.leaves if leaf.ndim == 2]
    assert relative(*(torch.autograd.grad(run.readout.sum(), weights) for run in (found, expected))) < EXACT


@native
def test_a_sequence_whose_synaptic_input_is_too_much_to_keep():
    network = Network(neurons=(180,))
    inputs = network.sequence(steps=200, batch=64)
    assert inputs[..., 0].numel() * 180 * 8 > 16 * 2**20  # MOST_DRIVES of sequence.hpp
    assert_equal_to_the_loop(network, inputs, "native", keep_spikes=False)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_a_sequence_in_two_parts_equals_the_whole(kind, engine):
    network = Network(kind, neurons=(9, 6))
    inputs = network.sequence(30)
    whole = network.run(inputs, "loop")
    first = network.run(inputs[:11], engine)
    second = network.run(inputs[11:], engine, carry=first.carry)
    readout = torch.cat([first.readout, second.readout])
    weight = torch.randn(readout.shape, generator=network.generator, dtype=readout.dtype)
    assert relative([readout], [whole.readout]) < EXACT
    found, expected = (torch.autograd.grad((y * weight).sum(), network.leaves) for y in (readout, whole.readout))
    assert relative(found, expected) < EXACT


@pytest.mark.parametrize("engine", BOTH)
def test_truncated_backpropagation(engine):
    network = Network(neurons=(9, 6))
    inputs = network.sequence(30)

    def truncated(name):
        first = network.run(inputs[:11], name)
        second = network.run(inputs[11:], name, carry=first.carry.detach())
        return torch.autograd.grad(second.readout.square().sum(), network.leaves)

    assert relative(truncated(engine), truncated("loop")) < EXACT


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("loss", ["last", "every", "skipped", "counts", "masked"])
def test_losses(loss, engine):
    network = Network()
    inputs, labels = network.sequence(25, 6), torch.tensor([0, 1, 2, 3, 0, 1])
    mask = (torch.rand(9, 9, generator=network.generator) < 0.5).double()

    def value(name):
        cells = network.cells
        if loss == "masked":
            cells = [cells[0]._replace(recurrent_weight=cells[0].recurrent_weight * mask)]
        run = run_sequence(cells, network.integrators, inputs, engine=name)
        if loss == "counts":
            return (run.spike_counts[0].mean(0) - 3).square().sum() + run.readout.sum()
        chosen = Loss.LAST_STEP if loss == "last" else Loss.EVERY_STEP_SUM
        return Objective(chosen, 10 if loss == "skipped" else 0)(run.readout, labels)

    found, expected = (torch.autograd.grad(value(name), network.leaves) for name in (engine, "loop"))
    assert relative(found, expected) < EXACT


@pytest.mark.parametrize("engine", BOTH)
def test_gradcheck_of_what_is_smooth(engine):
    """A silent network is smooth in its readout's start, so that finite differences see what backpropagation sees."""
    network = Network(gain=1e-3)
    first = network.run(network.sequence(5), "loop").carry.detach()
    start, inputs = first.readout.requires_grad_(), network.sequence(6)

    def last(y, tau):
        integrators = network.integrators._replace(tau=tau)
        carry = type(first)(first.states, first.spikes, y)
        return run_sequence(network.cells, integrators, inputs, carry=carry, engine=engine).readout

    assert torch.autograd.gradcheck(last, (start, network.integrators.tau))


@native
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_do_not_depend_on_threads_or_run(dtype):
    network = Network(inputs=7, neurons=(40, 20), dtype=dtype)
    inputs = network.sequence(50, 37)
    results = []
    for threads in (1, 2, 2, 5):
        run = network.run(inputs, NativeEngine(threads=threads), keep_spikes=True)
        results.append([*outcomes(run), *gradients(run, network.leaves)])
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("kind", list(NEURONS))
def test_float32_within_rounding_where_no_spike_flips(kind, engine):
    network = Network(kind, dtype=torch.float32, neurons=(20,))
    inputs = network.sequence(60, 8)
    expected, found = (network.run(inputs, name, keep_spikes=True) for name in ("loop", engine))
    assert torch.equal(found.spikes[0], expected.spikes[0])
    assert relative(outcomes(found), outcomes(expected)) < 1e-5
    assert relative(gradients(found, network.leaves), gradients(expected, network.leaves)) < 1e-4


@native
def test_the_caller_keeps_its_denormals():
    network = Network(dtype=torch.float32)
    gradients(network.run(network.sequence(), "native", keep_spikes=True), network.leaves)
    assert torch.tensor([1e-40]).mul(0.5).item() > 0


@native
def test_one_torch_thread_leaves_the_others_to_the_kernel():
    before = torch.get_num_threads()
    network = Network()
    inputs = network.sequence()
    with one_torch_thread():
        assert torch.get_num_threads() == 1
        found = network.run(inputs, "native")
    assert torch.get_num_threads() == before
    assert torch.equal(found.readout, network.run(inputs, "native").readout)


@pytest.mark.parametrize("engine", BOTH)
def test_without_gradients_nothing_is_kept(engine):
    network = Network()
    inputs = network.sequence()
    with torch.no_grad():
        found = network.run(inputs, engine)
    assert not found.readout.requires_grad
    assert relative([found.readout], [network.run(inputs, "loop").readout]) < EXACT


@pytest.mark.parametrize("engine", BOTH)
def test_a_layer_alone(engine):
    network = Network(inputs=5)
    inputs = network.sequence().requires_grad_()
    leaves = [inputs, *network.leaves[:4]]
    found, expected = (run_layer(network.cells[0], inputs, name) for name in (engine, "loop"))
    assert torch.equal(found, expected)
    weight = torch.randn(found.shape, generator=network.generator, dtype=found.dtype)
    assert relative(*(torch.autograd.grad((z * weight).sum(), leaves) for z in (found, expected))) < EXACT


@pytest.mark.parametrize("engine", BOTH)
def test_a_second_derivative_is_refused(engine):
    network = Network()
    loss = network.run(network.sequence(), engine).readout.square().sum()
    (gradient,) = torch.autograd.grad(loss, network.leaves[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.parametrize("engine", BOTH)
def test_a_weight_changed_in_place_before_the_backward_pass_is_refused(engine):
    network = Network()
    run = network.run(network.sequence(), engine)
    with torch.no_grad():
        network.cells[0].recurrent_weight.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        run.readout.sum().backward()
