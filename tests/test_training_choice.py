"""Which engine runs what, and inputs and weights that are poisoned or ill-formed."""

import pytest
import torch
from kernel_problems import Network
from native_training import BOTH, LEVELS, native

from brf_deploy.errors import InvalidInput, Unsupported
from brf_training.kernels.choice import ENGINES
from brf_training.kernels.events import Events
from brf_training.neurons import NEURONS


def chosen(network, inputs, monkeypatch):
    """The engine that runs where none is asked for."""
    used = []
    for engine in ENGINES.values():
        forward = type(engine).forward

        def watched(self, *arguments, forward=forward, **options):
            used.append(self.name)
            return forward(self, *arguments, **options)

        monkeypatch.setattr(type(engine), "forward", watched)
    run = network.run(inputs, None)
    return (used or ["loop"])[0], run


@native
def test_the_native_engine_is_the_default(monkeypatch):
    network = Network()
    assert chosen(network, network.sequence(), monkeypatch)[0] == "native"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_real_types_fall_back(dtype, monkeypatch):
    network = Network(dtype=dtype)
    inputs = network.sequence()
    with pytest.raises(Unsupported, match=r"engine 'native' cannot run this: (torch\..* found|native library)"):
        network.run(inputs, "native")
    name, run = chosen(network, inputs, monkeypatch)
    assert (name, run.readout.dtype) == ("torch", dtype)


def test_mixed_types_are_left_to_torch():
    network = Network()
    for engine in ("native", "torch"):
        with pytest.raises(Unsupported):
            network.run(network.sequence().float(), engine)
    with pytest.raises(RuntimeError, match="dtype"):
        network.run(network.sequence().float(), None)


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("place", ["input_weight", "recurrent_weight"])
def test_poisoned_weights_fall_back_to_what_torch_makes_of_them(place, poison, monkeypatch):
    network = Network()
    inputs = network.sequence()
    with torch.no_grad():
        getattr(network.cells[0], place)[2, 1] = poison
    if LEVELS:
        with pytest.raises(Unsupported, match="parameter or first state is NaN or infinite"):
            network.run(inputs, "native")
    name, run = chosen(network, inputs, monkeypatch)
    assert name == "torch"
    torch.testing.assert_close(run.readout, network.run(inputs, "loop").readout, equal_nan=True)


@pytest.mark.parametrize("engine", BOTH)
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf, 1e300])
@pytest.mark.parametrize("kind", list(NEURONS))
def test_poisoned_inputs_poison_the_same_samples(kind, poison, engine):
    network = Network(kind)
    inputs = network.sequence()
    inputs[3, 2, 1] = poison
    found, expected = (network.run(inputs, name, keep_spikes=True) for name in (engine, "loop"))
    torch.testing.assert_close(found.readout, expected.readout, equal_nan=True)
    assert torch.equal(found.spikes[0], expected.spikes[0])
    poisoned, wanted = (torch.autograd.grad(run.readout.sum(), network.leaves) for run in (found, expected))
    # nothing that autograd poisons comes out finite; the native engine may poison the whole row of a weight
    assert not any((a.isfinite() & ~b.isfinite()).any() for a, b in zip(poisoned, wanted, strict=True))


def test_a_neuron_without_adjoint_or_kernel_goes_through_the_loop(monkeypatch):
    brf = NEURONS["brf"]

    class Other(brf):
        kind = "other"
        adjoint = brf.__mro__[1].adjoint

    network = Network()
    network.cells[0] = network.cells[0]._replace(neuron=Other())
    inputs = network.sequence()
    for engine, reason in (("torch", "other neurons have no adjoint"), ("native", "other neurons|native library")):
        with pytest.raises(Unsupported, match=reason):
            network.run(inputs, engine)
    name, run = chosen(network, inputs, monkeypatch)
    assert name == "loop"
    run.readout.sum().backward()
    x = torch.zeros(1, 9)
    with pytest.raises(Unsupported, match="other neurons have no adjoint"):
        Other().adjoint(x, None, x, None, None, None)


def test_an_unknown_engine_is_refused():
    network = Network()
    with pytest.raises(InvalidInput, match="engine 'cuda' is unknown; there are native, triton, torch, loop"):
        network.run(network.sequence(), "cuda")


@pytest.mark.parametrize(("changes", "message"), [
    ({"channels": torch.zeros(2, dtype=torch.int64)}, "int64 and int32 needed"),
    ({"begin": torch.tensor([0, 2])}, r"begin \(2,\)"),
    ({"begin": torch.tensor([0, 2, 1, 2, 2])}, "does not rise"),
    ({"channels": torch.tensor([0, 3], dtype=torch.int32)}, "channels 0..3 found, the sequence has 3"),
])  # fmt: skip
def test_events_that_do_not_fit_are_refused(changes, message):
    good = {
        "begin": torch.tensor([0, 1, 1, 2, 2]),
        "channels": torch.tensor([0, 2], dtype=torch.int32),
        "values": torch.ones(2),
        "steps": 2, "batch": 2, "inputs": 3,
    }  # fmt: skip
    assert Events(**good).dense().tolist() == [[[1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 0]]]
    with pytest.raises(InvalidInput, match=message):
        Events(**{**good, **changes})


def test_events_of_another_shape_are_refused():
    with pytest.raises(InvalidInput, match=r"shape \(3,\) found, expected \(time, batch, inputs\)"):
        Events.of(torch.zeros(3))
    network = Network(inputs=4)
    with pytest.raises(InvalidInput, match=r"expected \(time, batch, 4\)"):
        network.run(Events.of(torch.ones(2, 2, 3)), None)
