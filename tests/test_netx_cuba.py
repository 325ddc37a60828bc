"""LIF networks as CUBA layers, read by lava-dl's netx without any help, against our run of the same equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netx_files import lava_dl_program, lif_network

from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput, Unsupported
from brf_deploy.float_network import FloatLayer, FloatNetwork, FloatReadout, LIFNeurons
from brf_deploy.float_reference import run_float
from brf_export.netx import EXPORTER
from brf_export.netx.backend import NETX
from brf_export.netx.cuba import LARGEST_CURRENT, cuba_network
from brf_export.netx.cuba_run import run_cuba

pytestmark = pytest.mark.xdist_group("lava")


def messages_for(network, steps, batch, seed=0):
    return np.random.default_rng(seed).integers(0, network.encoding.maximum + 1, (steps, batch, network.inputs))


def run_in_netx(network, messages):
    (data,) = EXPORTER.render(network, "net").files.values()
    return NETX.run_file(data, messages, "cuba")


@pytest.mark.parametrize(
    "network",
    [
        lif_network(seed=1, neurons=(6, 5)),
        lif_network(seed=3, maximum=3, full_scale=2, neurons=(12,), recurrent=False),
        pytest.param(lif_network(seed=2, tau=(5.0, 5.0)), marks=pytest.mark.slow),
        pytest.param(
            lif_network(seed=6, inputs=1, neurons=(1,), outputs=1, tau=(0.0, 0.0), theta=0.01), marks=pytest.mark.slow
        ),
    ],
    ids=["two layers", "graded, feed-forward", "shared leak", "one of everything, no memory"],
)
def test_netx_equals_our_equations(network):
    messages = messages_for(network, 30, 1)
    found, expected = run_in_netx(network, messages).fields(), run_cuba(cuba_network(network), messages).fields()
    assert expected["layer0.spikes"].any()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_more_drive_than_sixteen_bits():
    """Lava declares 16 bits for synaptic input and netx 8 for messages; neither may cut what arrives."""
    layer = FloatLayer("hidden", LIFNeurons(np.zeros(1)), np.full((1, 40), 0.9))
    network = FloatNetwork("t", Encoding(15, 1), (layer,), FloatReadout(np.ones(1), np.ones((1, 1))))
    messages = np.full((5, 1, 40), 15)
    expected = run_cuba(cuba_network(network), messages)
    assert (expected.layers[0].states["i"] >> 6).max() > 1 << 15
    np.testing.assert_array_equal(run_in_netx(network, messages).layers[0].states["i"], expected.layers[0].states["i"])


@pytest.mark.parametrize("seed", range(5))
def test_spikes_are_those_of_lif_neurons_with_the_rounded_parameters(seed):
    """All that is left is the rounding of currents; that the threshold is lost a step later, no spike sees."""
    cuba = cuba_network(lif_network(seed, neurons=(8,), recurrent=False))
    layer, theta = cuba.layers[0], cuba.layers[0].threshold / cuba.layers[0].scale
    leak = layer.decay / 4096
    tau = np.array([-1 / np.log1p(-part) if part < 1 else 0.0 for part in leak])
    weight = layer.weight / layer.scale / leak[:, np.newaxis]
    readout = FloatReadout(np.ones(1), np.ones((1, 8)))
    network = FloatNetwork("t", cuba.encoding, (FloatLayer("h", LIFNeurons(tau, theta), weight),), readout)
    messages = messages_for(network, 50, 4, seed)
    found, expected = run_cuba(cuba, messages), run_float(network, messages, np.float64)
    assert expected.layers[0].spikes.mean() > 0.05
    assert (found.layers[0].spikes != expected.layers[0].spikes).mean() < 0.01


def test_the_readout_is_a_current_in_the_units_that_the_hint_names():
    network = lif_network(seed=1, neurons=(8,))
    cuba = cuba_network(network)
    trace = run_cuba(cuba, messages_for(network, 60, 2))
    alpha, y = np.exp(-1 / network.readout.tau), np.zeros((2, 2))
    wanted = []
    for z in trace.layers[0].spikes.astype(float):
        y = alpha * y + (1 - alpha) * (z @ network.readout.weight.T)
        wanted.append(y)
    hint = EXPORTER.render(network, "net").hints[1]
    units = float(hint.removeprefix("the readout is net.layers[-1].neuron.u / "))
    np.testing.assert_allclose(trace.readout / units, wanted, atol=0.02 * np.abs(wanted).max())


@given(st.integers(0, 2**31), st.integers(1, 40), st.floats(0.5, 100), st.sampled_from([1, 3, 15]))
@settings(max_examples=40, deadline=None)
def test_no_input_carries_a_current_out_of_its_word(seed, neurons, tau, maximum):
    network = lif_network(seed, neurons=(neurons,), maximum=maximum, tau=(tau, tau))
    try:
        cuba = cuba_network(network)
    except Unsupported:
        return
    layer = cuba.layers[0]
    drive = np.abs(layer.weight).sum(axis=1) * maximum + np.abs(layer.recurrent).sum(axis=1)
    assert (64 * drive * 4096 // layer.decay).max() <= LARGEST_CURRENT
    assert 1 <= layer.threshold < 1 << 17
    assert not (layer.weight % 2).any()
    largest = run_cuba(cuba, np.full((50, 1, network.inputs), maximum)).layers[0].states["i"]
    assert np.abs(largest).max() <= LARGEST_CURRENT


def test_what_netx_keeps_of_weights_is_known():
    """Our model of netx's weights beside netx and Lava themselves, on matrices of every sign and scale."""
    lava_dl_program("""
import warnings; warnings.simplefilter("ignore")
import numpy as np
from lava.lib.dl.netx.utils import optimize_weight_bits
from lava.utils.weightutils import clip_weights, determine_sign_mode, truncate_weights
from brf_export.netx.synapses import carried

def kept(part, whole_shift, width):
    mode = determine_sign_mode(part)
    return truncate_weights(clip_weights(part, mode, num_bits=8), mode, width) >> whole_shift

rng, seen = np.random.default_rng(0), set()
for _ in range(3000):
    n, m = rng.integers(1, 4, 2)
    size = 2 ** int(rng.integers(1, 8))
    parts = [2 * rng.integers(lowest, highest + 1, shape) for shape, (lowest, highest) in zip(
        [(n, m), (n, n)], [[(-size, size), (0, size), (-size, 0), (-size, -size)][rng.integers(4)] for _ in range(2)])]
    parts = [np.clip(part, -254, 254) for part in parts][: rng.integers(1, 3)]
    if not any(part.any() for part in parts):
        assert not carried(parts)
        continue
    whole, width, exponent, _ = optimize_weight_bits(np.hstack(parts))
    halves = np.split(whole, [m], axis=1)[: len(parts)]
    same = all(np.array_equal(kept(half, -exponent, width), part) for half, part in zip(halves, parts))
    assert carried(parts) == same, (parts, same)
    seen.add(same)
assert seen == {True, False}
""")


def test_wrong_channels_are_refused():
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        run_cuba(cuba_network(lif_network()), np.zeros((2, 1, 5), np.int64))
