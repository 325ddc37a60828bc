"""What `test_triton_engine.py` runs in a process of its own: the Triton engine against the plain loop.

On the GPU, or under Triton's interpreter on the CPU where TRITON_INTERPRET=1, which has to be set before the first
import of Triton. Both run in float32 with elementwise operations in the same order, so spikes have to be equal;
everything else may differ by the rounding of sums in another order, over some tens of steps.
"""

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from kernel_problems import Network, gradients, outcomes, relative

from brf_deploy.errors import Unsupported
from brf_training import Loss, Objective
from brf_training.cell_loop import Carry, run_layer, run_sequence
from brf_training.kernels.events import Events
from brf_training.kernels.triton_engine import MOST_RECURRENT, TritonEngine
from brf_training.kernels.triton_launch import split
from brf_training.neurons import NEURONS

DEVICE = "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"
KINDS = list(NEURONS)
OUTCOME, GRADIENT = 1e-5, 1e-4
ONE_SPAN = TritonEngine(interval=5)
MANY_SPANS = TritonEngine(interval=3, span_bytes=1)  # one interval each
TWO_SPANS = TritonEngine(interval=3, span_bytes=2 * 3 * 5 * 9 * 4)  # of 5 samples and 9 neurons: two intervals each


def on_device(network):
    """Cells and readout of a network on the device; gradients flow back to its leaves."""
    cells = [
        cell._replace(
            raw={name: value.to(DEVICE) for name, value in cell.raw.items()},
            input_weight=cell.input_weight.to(DEVICE),
            recurrent_weight=None if cell.recurrent_weight is None else cell.recurrent_weight.to(DEVICE),
        )
        for cell in network.cells
    ]
    return cells, network.integrators._replace(
        tau=network.integrators.tau.to(DEVICE), weight=network.integrators.weight.to(DEVICE)
    )


def run(network, inputs, engine, **options):
    cells, integrators = on_device(network)
    inputs = inputs if isinstance(inputs, Events) else inputs.to(DEVICE)
    return run_sequence(cells, integrators, inputs, engine=engine, **options)


def results(found):
    """Every tensor of a run on the CPU, as `outcomes` takes them."""
    carry = SimpleNamespace(
        states=[states.cpu() for states in found.carry.states], spikes=[z.cpu() for z in found.carry.spikes]
    )
    counts, spikes = ([tensor.cpu() for tensor in part] for part in (found.spike_counts, found.spikes))
    return SimpleNamespace(readout=found.readout.cpu(), spike_counts=counts, spikes=spikes, carry=carry)


def network_of(kind="brf", **options):
    return Network(kind, dtype=torch.float32, **options)


def assert_equal_to_the_loop(network, inputs, engine=ONE_SPAN, leaves=None, **options):
    leaves = network.leaves if leaves is None else leaves
    options = {"keep_spikes": True, **options}
    expected, found = (results(run(network, inputs, name, **options)) for name in ("loop", engine))
    assert [a.shape for a in outcomes(found)] == [b.shape for b in outcomes(expected)]
    assert all(torch.equal(a, b) for a, b in zip(found.spikes, expected.spikes, strict=True))
    assert relative(outcomes(found), outcomes(expected)) < OUTCOME
    assert relative(gradients(found, leaves), gradients(expected, leaves)) < GRADIENT
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_neuron(kind):
    network = network_of(kind)
    found = assert_equal_to_the_loop(network, network.sequence(10), TWO_SPANS)
    assert 0.05 < found.spikes[0].mean() < 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_several_layers(kind):
    network = network_of(kind, neurons=(20, 17, 5), seed=1)
    found = assert_equal_to_the_loop(network, network.sequence(6), MANY_SPANS)
    assert found.spikes[0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_feed_forward(kind):
    network = network_of(kind, neurons=(8, 6), recurrent=False)
    assert_equal_to_the_loop(network, network.sequence(7), MANY_SPANS)


def test_feed_forward_layers_that_share_the_grid():
    network = network_of(neurons=(70, 5), recurrent=False)
    assert_equal_to_the_loop(network, network.sequence(6, 17))


@pytest.mark.parametrize("kind", ["brf", "alif"])
def test_weights_that_are_streamed(kind):
    network = network_of(kind, neurons=(130,))
    found = assert_equal_to_the_loop(network, network.sequence(7, 17), MANY_SPANS)
    assert found.spikes[0].any()


@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (6, 1), (4, 16), (4, 33), (2, 0)])
def test_sizes(steps, batch):
    network = network_of(neurons=(17, 7))
    assert_equal_to_the_loop(network, network.sequence(steps, batch))


@pytest.mark.parametrize(("inputs", "count", "outputs"), [(1, 1, 1), (40, 64, 33)])
def test_widths(inputs, count, outputs):
    network = network_of(inputs=inputs, neurons=(count,), outputs=outputs)
    assert_equal_to_the_loop(network, network.sequence(5))


def test_every_neuron_fires():
    network = network_of()
    with torch.no_grad():
        for cell in network.cells:
            cell.input_weight.fill_(1e5)
            cell.recurrent_weight.abs_()
    found = assert_equal_to_the_loop(network, torch.ones(4, 5, 3))
    assert found.spikes[0][:2].all()


def test_a_membrane_at_its_threshold_is_silent():
    network = network_of("rf", inputs=1)
    with torch.no_grad():
        network.cells[0].input_weight.fill_(100)  # dt 0.01: exactly to the threshold, 1
    found = assert_equal_to_the_loop(network, torch.ones(2, 2, 1))
    assert not found.spikes[0][0].any()


def test_gradients_of_the_inputs():
    network = network_of(inputs=21, neurons=(12, 5))
    inputs = network.sequence(8).requires_grad_()
    assert_equal_to_the_loop(network, inputs, MANY_SPANS, [*network.leaves, inputs])


def test_inputs_and_weights_that_are_not_contiguous():
    network = network_of(inputs=4)
    network.cells[0] = network.cells[0]._replace(
        input_weight=network.leaf(network.normal(4, 9) * 80).T, recurrent_weight=network.leaf(network.normal(9, 9)).T
    )
    leaves = [leaf for leaf in network.leaves if leaf.shape not in ((9, 4), (9, 9)) or leaf is network.leaves[-1]]
    inputs = network.sequence(8, 8).transpose(0, 1)[::2].transpose(0, 1)
    assert not inputs.is_contiguous()
    assert_equal_to_the_loop(network, inputs, leaves=leaves)


def test_events_equal_the_dense_sequence():
    network = network_of(inputs=50)
    dense = network.sequence(8, density=0.1).to(DEVICE)
    dense[:, 1] = 0
    expected, found = (results(run(network, x, MANY_SPANS, keep_spikes=True)) for x in (dense, Events.of(dense)))
    assert relative(outcomes(found), outcomes(expected)) < OUTCOME
    assert relative(gradients(found, network.leaves), gradients(expected, network.leaves)) < OUTCOME
    assert_equal_to_the_loop(network, Events.of(dense))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_equals_the_whole(kind):
    network = network_of(kind, neurons=(9, 6))
    inputs = network.sequence(7)
    whole = run(network, inputs, "loop")
    first = run(network, inputs[:4], ONE_SPAN)
    second = run(network, inputs[4:], ONE_SPAN, carry=first.carry)
    readout = torch.cat([first.readout, second.readout])
    weight = torch.randn(readout.shape, generator=network.generator).to(DEVICE)
    assert relative([readout], [whole.readout]) < OUTCOME
    found, expected = (torch.autograd.grad((y * weight).sum(), network.leaves) for y in (readout, whole.readout))
    assert relative(found, expected) < GRADIENT


def test_truncated_backpropagation():
    network = network_of(neurons=(9, 6))
    inputs = network.sequence(9)

    def truncated(name):
        first = run(network, inputs[:4], name)
        second = run(network, inputs[4:], name, carry=first.carry.detach())
        return torch.autograd.grad(second.readout.square().sum(), network.leaves)

    assert relative(truncated(ONE_SPAN), truncated("loop")) < GRADIENT


@pytest.mark.parametrize("recurrent", [True, False])
def test_a_start_that_is_no_spike(recurrent):
    """First states and spikes may be any real numbers, and want gradients."""
    network = network_of("alif", recurrent=recurrent)
    numbers = [network.leaf(network.normal(*shape)) for shape in ((3, 5, 9), (5, 9), (5, 4))]
    states, spikes, readout = (leaf.to(DEVICE) for leaf in numbers)
    carry = Carry((states,), (spikes,), readout)
    leaves = [leaf for leaf in network.leaves if recurrent or leaf is not numbers[1]]  # which then is not used
    assert_equal_to_the_loop(network, network.sequence(7), MANY_SPANS, leaves, carry=carry)


@pytest.mark.parametrize("loss", ["last", "every", "skipped", "counts", "masked"])
def test_losses(loss):
    network = network_of()
    inputs, labels = network.sequence(6, 6).to(DEVICE), torch.tensor([0, 1, 2, 3, 0, 1], device=DEVICE)
    mask = (torch.rand(9, 9, generator=network.generator) < 0.5).float().to(DEVICE)

    def value(name):
        cells, integrators = on_device(network)
        if loss == "masked":
            cells = [cells[0]._replace(recurrent_weight=cells[0].recurrent_weight * mask)]
        found = run_sequence(cells, integrators, inputs, engine=name)
        if loss == "counts":
            return (found.spike_counts[0].mean(0) - 3).square().sum() + found.readout.sum()
        chosen = Loss.LAST_STEP if loss == "last" else Loss.EVERY_STEP_SUM
        return Objective(chosen, 3 if loss == "skipped" else 0)(found.readout, labels)

    found, expected = (torch.autograd.grad(value(name), network.leaves) for name in (ONE_SPAN, "loop"))
    assert relative(found, expected) < GRADIENT


def test_a_layer_alone():
    network = network_of(inputs=5)
    inputs = network.sequence(7).requires_grad_()
    leaves = [inputs, *network.leaves[:4]]
    found, expected = (run_layer(on_device(network)[0][0], inputs.to(DEVICE), name) for name in (MANY_SPANS, "loop"))
    assert torch.equal(found, expected)
    weight = torch.randn(found.shape, generator=network.generator).to(DEVICE)
    assert relative(*(torch.autograd.grad((z * weight).sum(), leaves) for z in (found, expected))) < GRADIENT


@pytest.mark.parametrize("engine", [ONE_SPAN, MANY_SPANS])
def test_without_gradients_nothing_is_kept(engine):
    network = network_of(neurons=(9, 6))
    inputs = network.sequence(8)
    with torch.no_grad():
        found, expected = (run(network, inputs, name, keep_spikes=True) for name in (engine, "loop"))
    assert not found.readout.requires_grad
    assert relative(outcomes(found), outcomes(expected)) < OUTCOME


def test_two_runs_give_the_same_bits():
    network = network_of(neurons=(40,))
    inputs = network.sequence(4, 33)
    first, second = (run(network, inputs, ONE_SPAN, keep_spikes=True) for _ in range(2))
    once, again = ([*outcomes(found), *gradients(results(found), network.leaves)] for found in (first, second))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # numpy interprets
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf, 1e38])
def test_poisoned_inputs_poison_the_same_samples(poison):
    network = network_of()
    inputs = network.sequence(4)
    inputs[1, 2, 1] = poison
    found, expected = (run(network, inputs, name, keep_spikes=True) for name in (ONE_SPAN, "loop"))
    torch.testing.assert_close(found.readout, expected.readout, equal_nan=True)
    assert torch.equal(found.spikes[0], expected.spikes[0])
    poisoned, wanted = (torch.autograd.grad(each.readout.sum(), network.leaves) for each in (found, expected))
    assert not any((a.isfinite() & ~b.isfinite()).any() for a, b in zip(poisoned, wanted, strict=True))


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", ["input_weight", "recurrent_weight"])
def test_poisoned_weights_give_what_torch_makes_of_them(place, poison):
    network = network_of()
    inputs = network.sequence(4)
    with torch.no_grad():
        getattr(network.cells[0], place)[2, 1] = poison
    found, expected = (run(network, inputs, name, keep_spikes=True) for name in (ONE_SPAN, "loop"))
    assert torch.equal(found.spikes[0], expected.spikes[0])
    torch.testing.assert_close(found.readout, expected.readout, equal_nan=True)


def test_three_bfloat16_are_a_float32():
    weight = torch.randn(100, 100, generator=torch.Generator().manual_seed(0)) * 80
    weight[0, :5] = torch.tensor([0.0, torch.inf, -torch.inf, 1e-30, 1e30])
    parts = split(weight).double()
    assert torch.equal(parts.sum(0).float(), weight)
    assert split(torch.tensor([torch.nan]))[:2].tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(("change", "reason"), [
    ({"dtype": torch.float64}, "torch.float64 on .* all must be float32 on one CUDA device"),
    ({"neurons": (MOST_RECURRENT + 1,)}, f"recurrent layer of {MOST_RECURRENT + 1} neurons found, the limit is"),
])  # fmt: skip
def test_problems_beyond_it_are_refused(change, reason):
    network = Network(**{"dtype": torch.float32, **change})
    with pytest.raises(Unsupported, match=reason):
        run(network, network.sequence(2), "triton")


def test_numbers_of_two_types_are_refused():
    network = network_of()
    with pytest.raises(Unsupported, match=r"torch.float32 on .*, torch.float64 on .* found"):
        run(network, network.sequence(2).double(), "triton")


def test_a_plane_beyond_32_bits_is_refused():
    network = network_of()
    with pytest.raises(Unsupported, match="states between two that are kept, the limit is 2147483648; use smaller"):
        run(network, network.sequence(2), TritonEngine(interval=2**30))


def test_an_old_triton_is_refused(monkeypatch):
    monkeypatch.setattr("triton.__version__", "3.3.1+cu")
    network = network_of()
    with pytest.raises(Unsupported, match=r"Triton 3\.3\.1\+cu found, 3\.4 or later is needed; use a later torch"):
        run(network, network.sequence(2), "triton")


def test_another_neuron_is_refused():
    class Other(NEURONS["brf"]):
        kind = "other"

    network = network_of()
    network.cells[0] = network.cells[0]._replace(neuron=Other())
    with pytest.raises(Unsupported, match="other neurons are not written in Triton"):
        run(network, network.sequence(2), "triton")


def test_the_limits_of_a_launch():
    from brf_training.kernels.triton_launch import ALWAYS_HELD, HELD, HELD_BYTES, LayerLaunch

    launch = LayerLaunch("brf", HELD, 2, True, HELD_BYTES)
    assert launch.held
    assert not replace(launch, shared_memory=HELD_BYTES - 1).held
    assert replace(launch, neurons=ALWAYS_HELD, shared_memory=0).held
    assert not replace(launch, neurons=HELD + 1).held
    assert replace(launch, neurons=1000, recurrent=False).grid(33) == (3, 16)
