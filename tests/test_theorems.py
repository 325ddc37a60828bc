"""Theorems T1 to T3 of docs/arithmetic.md on generated layers, and the fixed-point primitives they rest on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, random_network

from brf_deploy.certificate import certificate, largest_reset
from brf_deploy.fixed_point import (
    integer_sqrt,
    saturate,
    shift_to_nearest,
    shift_toward_zero,
    shift_up,
    to_fixed,
    to_fixed_down,
    to_real,
    weighted_sum,
)
from brf_deploy.reference import ResonatorState, resonator_step
from brf_deploy.silence import decay_test, extinction_bound, silence_test

words = st.integers(-(2**50), 2**50)


@given(y=words, bits=st.integers(0, 40))
def test_shift_toward_zero_is_truncated_division(y, bits):
    assert shift_toward_zero(np.array([y]), bits)[0] == math.trunc(y / 2**bits if abs(y) < 2**53 else 0)


@given(y=st.integers(0, 2**50), bits=st.integers(1, 40))
def test_shift_to_nearest_rounds_halves_up(y, bits):
    assert shift_to_nearest(np.array([y]), bits)[0] == (2 * y + 2**bits) // 2 ** (bits + 1)


@given(y=words, limit=st.integers(1, 2**40))
def test_saturation_never_grows_a_magnitude(y, limit):
    clipped = int(saturate(np.array([y]), limit)[0])
    assert abs(clipped) == min(abs(y), limit)
    assert clipped * y >= 0


@given(value=st.integers(0, 2**52 - 1))
def test_integer_sqrt_is_exact(value):
    assert integer_sqrt(np.array([value]))[0] == math.isqrt(value)


@given(value=st.floats(-1e6, 1e6), fraction=st.integers(0, 24))
def test_conversions_are_within_half_and_one_unit(value, fraction):
    assert abs(to_real(to_fixed(value, fraction), fraction) - value) <= 0.5 * 2.0**-fraction
    assert 0 <= value - to_real(to_fixed_down(value, fraction), fraction) <= 2.0**-fraction  # = by rounding only


@given(seed=st.integers(0, 10_000), bits=st.integers(0, 20))
def test_weighted_sum_and_shift_up_equal_python_integers(seed, bits):
    rng = np.random.default_rng(seed)
    messages, weights = rng.integers(0, 65_536, (3, 40)), rng.integers(-(2**15), 2**15, (5, 40))
    expected = [
        [sum(a * b for a, b in zip(m, w, strict=True)) << bits for w in weights.tolist()] for m in messages.tolist()
    ]
    assert shift_up(weighted_sum(messages, weights), bits).tolist() == expected


@given(network=integer_networks(max_neurons=8), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_t1_refractory_state_and_damping_stay_in_range(network, seed):
    """q never exceeds Qmax, nor C Cmax, for random and for the worst spike history (a spike at every step)."""
    layer, arithmetic = network.layers[0], network.arithmetic
    q_max, c_max = (
        layer.refractory.largest(layer.state_fraction),
        largest_reset(layer.refractory, layer.state_fraction, arithmetic),
    )
    q, rng = 0, np.random.default_rng(seed)
    always = seed % 2 == 0
    for _ in range(300):
        spike = 1 if always else int(rng.integers(0, 2))
        q = ((q * layer.refractory.decay) >> layer.refractory.decay_exponent) + (spike << layer.state_fraction)
        assert 0 <= q <= q_max
    one = 1 << arithmetic.accumulator_fraction
    D, W = layer.coefficients(arithmetic)
    for c in np.linspace(0, c_max, 17).astype(np.int64):
        assert ((one - D - c) ** 2 + W**2 < one * one).all()


@given(network=integer_networks(max_neurons=8), seed=st.integers(0, 1000))
@settings(max_examples=40)
def test_t2_energy_never_grows_without_input(network, seed):
    """From any state, in any refractory state, saturated or not."""
    layer, arithmetic = network.layers[0], network.arithmetic
    rng, shape = np.random.default_rng(seed), (64, layer.count)
    limit = arithmetic.limit
    u, v = (rng.choice([-limit, limit, 0, 1, -1, int(rng.integers(-limit, limit))], shape) for _ in range(2))
    q = rng.integers(0, layer.refractory.largest(layer.state_fraction) + 1, shape)
    before = ResonatorState(u, v, q, np.zeros(shape, bool))
    after = resonator_step(before, np.zeros(shape, np.int64), layer, arithmetic)
    assert (after.u**2 + after.v**2 <= before.u**2 + before.v**2).all()
    moved = (before.u**2 + before.v**2) > 0
    assert (after.u**2 + after.v**2 < before.u**2 + before.v**2)[moved].all()  # T3: strict, so it must end


def slow_enough_to_wait_for(network):
    return all(extinction_bound(layer, network.arithmetic) < 20_000 for layer in network.layers)


@given(network=integer_networks(max_neurons=6).filter(slow_enough_to_wait_for))
@settings(max_examples=15)
def test_t3_every_neuron_reaches_rest_within_the_bound(network):
    for layer in network.layers:
        assert decay_test(layer, network.arithmetic, starts=4).holds
        assert silence_test(layer, network.arithmetic, silent_steps=25_000).count == 0


def test_certificate_margin_is_reported():
    network = random_network(seed=3)
    result = certificate(network.layers[0], network.arithmetic)
    assert not result.violations.any()
    assert (result.radius < 1).all()


@pytest.mark.parametrize("quarter_turn", [False, True])
def test_on_the_circle_a_neuron_never_rests(quarter_turn):
    """Why the certificate is strict: at radius exactly 1 the energy does not fall."""
    from dataclasses import replace

    network = random_network(seed=1, neurons=(1,))
    damping, rotation = (1 << 11, 1 << 11) if quarter_turn else (0, 0)
    layer = replace(
        network.layers[0],
        damping=np.array([damping]),
        damping_exponent=np.array([11]),
        rotation=np.array([rotation]),
        rotation_exponent=np.array([11]),
    )
    state = ResonatorState(*(np.full((1, 1), value) for value in (5, 3, 0)), np.zeros((1, 1), bool))
    for _ in range(100):
        state = resonator_step(state, np.zeros((1, 1), np.int64), layer, network.arithmetic)
    assert int(state.u[0, 0] ** 2 + state.v[0, 0] ** 2) == 5**2 + 3**2
