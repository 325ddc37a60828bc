"""The reference backend against a transcription of the definition in plain Python integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.errors import InvalidInput
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record


def plain_python(network, messages):
    """docs/arithmetic.md, one scalar at a time; returns the fields of a trace as lists."""
    rtz = lambda y, s: y >> s if y >= 0 else -((-y) >> s)  # noqa: E731
    a = network.arithmetic
    f, fC, L = a.accumulator_fraction, a.reset_fraction, 2 ** (a.state_bits - 1) - 1
    sat = lambda y: min(max(y, -L), L)  # noqa: E731
    out = []
    for b in range(messages.shape[1]):
        states = [[[0, 0, 0, 0] for _ in range(layer.count)] for layer in network.layers]
        y = [0] * network.outputs
        for t in range(messages.shape[0]):
            P = messages[t, b].tolist()
            for k, layer in enumerate(network.layers):
                r, Fs = layer.refractory, layer.state_fraction
                g = network.encoding.graded_bits if k == 0 else 0
                sh = Fs + r.gain_exponent - fC
                zs = [s[3] for s in states[k]]
                fresh = []
                for i, (U, V, Q, _) in enumerate(states[k]):
                    xi = sum(w * p for w, p in zip(layer.input.mantissa[i].tolist(), P, strict=True))
                    x = xi << (Fs - g - int(layer.input.exponent[i]))
                    if layer.recurrent is not None:
                        xr = sum(w * z for w, z in zip(layer.recurrent.mantissa[i].tolist(), zs, strict=True))
                        x += xr << (Fs - int(layer.recurrent.exponent[i]))
                    D = int(layer.damping[i]) << (f - int(layer.damping_exponent[i]))
                    W = int(layer.rotation[i]) << (f - int(layer.rotation_exponent[i]))
                    C = ((Q * r.gain + (1 << (sh - 1))) >> sh) << (f - fC)
                    A = 2**f - D - C
                    u1, v1 = sat(rtz(A * U - W * V, f) + x), sat(rtz(A * V + W * U, f))
                    n = int(u1 > layer.threshold + Q)
                    fresh.append([u1, v1, ((Q * r.decay) >> r.decay_exponent) + (n << Fs), n])
                states[k] = fresh
                P = [s[3] for s in fresh]
            ro = network.readout
            for m in range(network.outputs):
                drive = sum(w * z for w, z in zip(ro.weight.mantissa[m].tolist(), P, strict=True))
                keep = 2**ro.leak_exponent - int(ro.leak[m])
                shift = ro.fraction - int(ro.weight.exponent[m])
                y[m] = sat(rtz(keep * y[m], ro.leak_exponent) + (drive << shift))
            out.append((b, t, [[list(s) for s in layer] for layer in states], list(y)))
    return out


@given(network=integer_networks(max_neurons=5), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_reference_equals_plain_python(network, seed):
    messages = messages_for(network, steps=12, batch=2, seed=seed)
    trace = REFERENCE.run(network, messages)
    for b, t, states, readout in plain_python(network, messages):
        for index, layer in enumerate(states):
            u, v, q, z = np.array(layer).T
            found = trace.layers[index]
            np.testing.assert_array_equal(found.states["u"][t, b], u)
            np.testing.assert_array_equal(found.states["v"][t, b], v)
            np.testing.assert_array_equal(found.states["q"][t, b], q)
            np.testing.assert_array_equal(found.spikes[t, b], z.astype(bool))
        np.testing.assert_array_equal(trace.readout[t, b], readout)


def test_generated_networks_reach_saturation():
    """The stimuli of the equality tests are worth something: some state sits on its limit."""
    hit = 0
    for seed in range(20):
        network = random_network(seed=seed, neurons=(6,), inputs=3)
        trace = REFERENCE.run(network, messages_for(network, 30, 4, seed))
        hit += int((np.abs(trace.layers[0].states["u"]) == network.arithmetic.limit).any())
    assert hit >= 5


def test_spikes_only_record_keeps_no_states():
    network = random_network()
    messages = messages_for(network, 10, 2)
    full, lean = REFERENCE.run(network, messages), REFERENCE.run(network, messages, Record.SPIKES)
    assert lean.layers[0].states == {}
    np.testing.assert_array_equal(lean.layers[0].spikes, full.layers[0].spikes)
    np.testing.assert_array_equal(lean.readout, full.readout)


def test_permutation_reorders_time():
    order = np.random.default_rng(0).permutation(10)
    plain, permuted = random_network(), random_network(permutation=order)
    messages = messages_for(plain, 10, 2)
    np.testing.assert_array_equal(
        REFERENCE.run(permuted, messages).readout, REFERENCE.run(plain, messages[order]).readout
    )


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (np.zeros((4, 2, 5), np.int64), "5 channels found, the network has 3"),
        (np.full((4, 2, 3), 2), "the network accepts 0..1"),
        (np.zeros((4, 3), np.int64), "expected \\(time, batch, inputs\\)"),
        (np.zeros((4, 2, 3)), "expected integers"),
    ],
)
def test_bad_messages_are_refused(messages, message):
    with pytest.raises(InvalidInput, match=message):
        REFERENCE.run(random_network(), messages)
