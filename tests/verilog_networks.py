"""What the tests of the Verilog export share: networks at the edges of the arithmetic, and exact equality."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
from networks import messages_for, random_network

from brf_deploy.certificate import certificate
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidNetwork
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.reference import REFERENCE
from brf_hardware.verilog.backend import NAME
from brf_hardware.verilog.cycles import cycle_model
from brf_hardware.verilog.exporter import EXPORTER


def assert_equal(found, expected):
    """Every array of two traces, in value and type."""
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def assert_replays(backend, network, messages, **options):
    """Equal to the reference, and with the cycles of the formula where nothing waits; the reference's trace."""
    recording = backend.replay(network, export(network), messages, **options)
    expected = REFERENCE.run(network, messages)
    assert_equal(recording.trace, expected)
    cycles = cycle_model(network).of_run(messages, expected)
    if options.get("stall"):
        assert (recording.cycles >= cycles).all()
    else:
        np.testing.assert_array_equal(recording.cycles, cycles)
    return expected


def export(network):
    """The files of an export, to be built or spoiled."""
    return dict(EXPORTER.render(network, NAME).files)


def with_layer(network, index=0, **fields):
    """The network with fields of a layer changed."""
    layers = list(network.layers)
    layers[index] = replace(layers[index], **fields)
    return replace(network, layers=tuple(layers))


def on_threshold():
    """Every event makes u exactly the threshold of a neuron that is silent, which does not fire."""
    network = random_network(seed=4, inputs=2, neurons=(5,), outputs=2)
    mantissa = np.full((5, 2), 64)
    return with_layer(network, input=Synapses(mantissa, np.full(5, 6)), recurrent=None)


def always_firing():
    """Every event saturates every u, whatever it was, far above the threshold."""
    network = random_network(seed=9, inputs=1, neurons=(6,), outputs=3)
    strong = Synapses(np.full((6, 1), 100), np.full(6, network.layers[0].state_fraction - 22))
    return with_layer(network, input=strong)


def without_weights():
    """All weights are 0."""
    network = random_network(seed=2, inputs=3, neurons=(4, 3), outputs=2)
    for index, layer in enumerate(network.layers):
        nothing = replace(layer.input, mantissa=np.zeros_like(layer.input.mantissa))
        network = with_layer(network, index, input=nothing)
    readout = network.readout
    nothing = replace(readout.weight, mantissa=np.zeros_like(readout.weight.mantissa))
    return replace(network, readout=replace(readout, weight=nothing))


def wide_words():
    """Messages, weights, coefficients and states as wide as any; a leak of 1, which forgets at once."""
    network = random_network(
        seed=7,
        inputs=2,
        neurons=(3, 2),
        maximum=65535,
        full_scale=256,
        weight_bits=16,
        coefficient_bits=16,
        state_bits=32,
    )
    return replace(network, readout=replace(network.readout, leak=np.array([1, 1 << 16])))


def tiny_words():
    """One bit after the point here, one weight bit there: the narrowest words that exist."""
    return _by_hand(
        Arithmetic(8, 2, 1, 1, 1, 0),
        state_fraction=1,
        threshold=1,
        damping=(1, 1),
        rotation=(0, 0),
        bound=1,
        refractory=Refractory(decay=0, decay_exponent=24, gain=0, gain_exponent=0),
        readout=(1, 1),
    )


def other_constants(threshold=(1 << 27) - 1, gain_exponent=40, reset_fraction=24):
    """24 fraction bits of A, decay in 24 bits, the largest threshold."""
    return _by_hand(
        Arithmetic(28, 16, 12, 3, 24, reset_fraction),
        state_fraction=12,
        threshold=threshold,
        damping=(40000, 20),
        rotation=(60001, 18),
        bound=(1 << 48) - 1,
        refractory=Refractory((1 << 24) - (1 << 12), 24, 65535, gain_exponent),
        readout=(27, 20),
    )


def _by_hand(arithmetic, state_fraction, threshold, damping, rotation, bound, refractory, readout):
    rng = np.random.default_rng(0)
    half, output_half = (1 << bits - 1 for bits in (arithmetic.weight_bits, arithmetic.readout_weight_bits))
    layer = ResonatorLayer(
        name="module /* ` \\ \n endmodule",
        dt=0.01,
        state_fraction=state_fraction,
        threshold=threshold,
        damping=np.full(2, damping[0]),
        damping_exponent=np.full(2, damping[1]),
        rotation=np.array([rotation[0], 0]),
        rotation_exponent=np.full(2, rotation[1]),
        energy_bound=np.full(2, bound),
        refractory=refractory,
        input=Synapses(rng.integers(-half, half, (2, 2)), np.array([state_fraction - 14, state_fraction])),
        recurrent=Synapses(rng.integers(-half, half, (2, 2)), np.array([state_fraction, state_fraction - 1])),
    )
    outputs = Readout(
        readout[0],
        np.array([1, 1 << readout[1]]),
        readout[1],
        Synapses(rng.integers(-output_half, output_half, (2, 2)), np.full(2, readout[0])),
    )
    network = IntegerNetwork("edges", Encoding(3, 1), arithmetic, (layer,), outputs)
    assert not certificate(layer, arithmetic).violations.any()
    return network


def odd_network(seed):
    """Words, shifts and constants anywhere in their limits: the first certified network that chance makes of a seed."""
    rng = np.random.default_rng(seed)
    while True:
        with suppress(InvalidNetwork, _NoPole):
            return _odd_network(rng)


class _NoPole(Exception):
    """No certified pole was found at these words."""


def _odd_network(rng):
    f, k = (int(bits) for bits in rng.integers(1, 25, 2))
    words = [int(bits) for bits in rng.integers(1, 17, 2)]
    arithmetic = Arithmetic(
        int(rng.integers(8, min(32, 52 - f) + 1)), int(rng.integers(2, 17)), *words, f, int(rng.integers(0, f + 1))
    )
    refractory = Refractory(
        int(rng.integers(0, 1 << k)), k, int(rng.integers(0, 1 << rng.integers(0, 17))), int(rng.integers(0, 41))
    )
    maximum = int(rng.choice([1, 1, 3, 255, 65535]))
    encoding, width, layers = Encoding(maximum, min(maximum, 256)), int(rng.integers(1, 4)), []
    for index, count in enumerate(rng.integers(1, 9, rng.integers(1, 3)).tolist()):
        fraction = int(rng.integers(1, arithmetic.state_bits))
        damping, fd, rotation, fw, radius = _poles(rng, count, arithmetic)
        graded = encoding.graded_bits if index == 0 else 0
        layers.append(
            ResonatorLayer(
                name=f"l{index}",
                dt=0.01,
                state_fraction=fraction,
                threshold=int(rng.integers(1, 1 << rng.integers(1, arithmetic.state_bits))),
                damping=damping,
                damping_exponent=fd,
                rotation=rotation,
                rotation_exponent=fw,
                energy_bound=radius,
                refractory=refractory,
                input=_synapses(rng, count, width, arithmetic.weight_bits, fraction - graded),
                recurrent=_synapses(rng, count, count, arithmetic.weight_bits, fraction)
                if rng.random() < 0.7
                else None,
            )
        )
        width = count
    outputs, fraction, leak_exponent = (int(rng.integers(1, top)) for top in (4, arithmetic.state_bits, 21))
    weights = _synapses(rng, outputs, width, arithmetic.readout_weight_bits, fraction)
    leak = rng.integers(1, (1 << leak_exponent) + 1, outputs)
    return IntegerNetwork("odd", encoding, arithmetic, tuple(layers), Readout(fraction, leak, leak_exponent, weights))


def _poles(rng, count, arithmetic):
    f, top, found = arithmetic.accumulator_fraction, 1 << arithmetic.coefficient_bits, []
    for _ in range(3000):
        (fd, fw), (damping, rotation) = rng.integers(0, f + 1, 2).tolist(), rng.integers(0, top, 2).tolist()
        rotation *= rng.random() > 0.2
        radius = ((1 << f) - (damping << f - fd)) ** 2 + (rotation << f - fw) ** 2
        if radius < 1 << 2 * f:
            found.append((damping, fd, rotation, fw, radius))
        if len(found) == count:
            return np.array(found, np.int64).T
    raise _NoPole


def _synapses(rng, targets, sources, bits, fraction):
    """Some rows empty, some shifted far."""
    mantissa = rng.integers(-(1 << bits - 1), 1 << bits - 1, (targets, sources))
    mantissa[rng.random(targets) < 0.1] = 0
    return Synapses(mantissa, fraction - rng.integers(0, rng.integers(1, 30), targets))


EDGES = {
    "one neuron": lambda: random_network(seed=1, inputs=1, neurons=(1,), outputs=1),
    "one feed-forward neuron, graded": lambda: random_network(
        seed=8, inputs=2, neurons=(1,), outputs=1, maximum=255, full_scale=255, recurrent=False
    ),
    "three layers, one neuron in two": lambda: random_network(
        seed=3, inputs=1, neurons=(1, 9, 1), outputs=1, maximum=16, full_scale=16
    ),
    "saturating": lambda: random_network(seed=3, neurons=(6, 5), maximum=255, full_scale=255, state_bits=16),
    "one-bit weights": lambda: random_network(seed=5, neurons=(9,), weight_bits=1, readout_weight_bits=1),
    "on threshold": on_threshold,
    "always firing": always_firing,
    "without weights": without_weights,
    "wide words": wide_words,
    "tiny words": tiny_words,
    "other constants": other_constants,
    "other constants, coarse reset": lambda: other_constants(threshold=1, gain_exponent=30, reset_fraction=0),
}

__all__ = [
    "EDGES",
    "assert_equal",
    "assert_replays",
    "export",
    "messages_for",
    "odd_network",
    "random_network",
    "with_layer",
]
