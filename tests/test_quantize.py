"""The quantiser: what it promises about poles, weights and constants, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from hypothesis import given, settings
from hypothesis import strategies as st

from brf_deploy.certificate import certificate
from brf_deploy.encoding import Encoding
from brf_deploy.errors import CertificateViolation, InvalidInput, InvalidNetwork, Unsupported
from brf_deploy.fixed_point import to_real
from brf_deploy.float_network import BRFNeurons, FloatReadout
from brf_deploy.float_reference import run_float
from brf_deploy.layers import Refractory
from brf_deploy.quantization import (
    QuantizationConfig,
    Ranges,
    Scheme,
    measure_ranges,
    quantization_loss,
    quantize,
    quantize_unsafe,
)
from brf_deploy.quantization.calibration import fraction_bits
from brf_deploy.quantization.poles import Poles, dwn, float_poles
from brf_deploy.quantization.weights import best_exponents, round_rows
from brf_deploy.silence import silence_test
from brf_deploy.trace import Record

F = 20
RANGES = Ranges((60.0,), 40.0)


@given(
    omega=st.lists(st.floats(0, 100), min_size=1, max_size=12),
    b_offset=st.floats(0, 20),
    bits=st.integers(4, 16),
    kept=st.sampled_from([0.0, 0.5, 0.9]),
)
@settings(max_examples=150)
def test_every_quantised_pole_is_strictly_inside(omega, b_offset, bits, kept):
    neurons = BRFNeurons(np.array(omega), np.full(len(omega), b_offset))
    try:
        poles = dwn(float_poles(neurons), bits, F, largest_reset=104_416, damping_kept=kept)
    except InvalidNetwork as error:  # over-reset at a < Cmax / 2, or no lattice point: said, not papered over
        assert "no" in str(error)  # noqa: PT017
        return
    one = 1 << F
    D, W = poles.damping << (F - poles.damping_exponent), poles.rotation << (F - poles.rotation_exponent)
    for c in (0, 104_416):
        assert ((one - D - c) ** 2 + W**2 < one * one).all()
    assert ((one - D) ** 2 + W**2 <= poles.energy_bound).all()
    assert (poles.damping < 1 << bits).all()
    assert (poles.rotation < 1 << bits).all()


def test_pole_error_shrinks_with_the_bits():
    neurons = BRFNeurons(np.random.default_rng(0).uniform(1, 60, 200), np.random.default_rng(1).uniform(0.1, 3, 200))
    exact = float_poles(neurons)
    errors = []
    for bits in (6, 8, 10, 12):
        p = dwn(exact, bits, F, 104_416, 0.5)
        near = Poles(to_real(p.damping, p.damping_exponent), to_real(p.rotation, p.rotation_exponent))
        errors.append(np.median(np.abs(near.value - exact.value) / exact.decay))
    assert errors[0] > 2.5 * errors[1] > 6 * errors[2] > 12 * errors[3]


def test_plain_integrators_have_no_rotation():
    neurons = BRFNeurons(np.array([0.0, 1e-38]), np.array([0.5, 0.5]))
    assert dwn(float_poles(neurons), 12, F, 104_416, 0.5).rotation.tolist() == [0, 0]


def test_an_undamped_neuron_gets_the_least_damping():
    poles = dwn(float_poles(BRFNeurons(np.array([0.0]), np.array([0.0]))), 12, F, 104_416, 0.5)
    assert to_real(poles.damping, poles.damping_exponent)[0] == 2.0**-F


@given(seed=st.integers(0, 5000), bits=st.integers(2, 16))
def test_rows_are_as_near_as_their_exponent_allows(seed, bits):
    rng = np.random.default_rng(seed)
    weight = rng.normal(0, 10.0 ** rng.uniform(-3, 2), (5, 7))
    weight[0] = 0
    rows = round_rows(weight, bits, best_exponents(weight, bits, 16))
    limit = 2 ** (bits - 1) - 1
    assert np.abs(rows.mantissa).max() <= limit
    assert (rows.exponent <= 16).all()
    assert not rows.mantissa[0].any()
    unclipped = np.abs(rows.mantissa) < limit
    error = np.abs(to_real(rows.mantissa, rows.exponent[:, None]) - weight)
    assert (error <= 0.5 * to_real(1, rows.exponent)[:, None] + 1e-12)[unclipped].all()


def test_default_constants_are_the_documented_ones():
    network = quantize(random_float_network(), QuantizationConfig(), RANGES)
    assert network.layers[0].refractory == Refractory(58982, 16, 2621, 18)
    assert network.arithmetic.reset_fraction == 15
    assert network.layers[0].threshold == 1 << network.layers[0].state_fraction
    assert network.layers[0].state_fraction == 16


def test_graded_inputs_are_folded_into_the_weights():
    """8-bit pixels: 256/255 moves into the input weights, so that the message needs no division."""
    source = random_float_network(encoding=Encoding(255, 255))
    network = quantize(source, QuantizationConfig(weight_bits=16), RANGES)
    real = to_real(network.layers[0].input.mantissa, network.layers[0].input.exponent[:, None] + 8)
    np.testing.assert_allclose(real, source.layers[0].input_weight * 0.01 / 255, rtol=0, atol=2.0**-17)


@pytest.mark.parametrize(
    ("largest", "bits", "expected"), [(122, 24, 16), (129, 24, 15), (152, 24, 15), (0.1, 24, 23), (122, 16, 8)]
)
def test_state_fraction_follows_the_range(largest, bits, expected):
    assert fraction_bits(largest, bits) == expected


def test_ranges_are_those_of_the_float_run():
    network = random_float_network(neurons=(6, 5))
    messages = random_messages(network, 40, 8)
    trace = run_float(network, messages, record=Record.STATES)
    ranges = measure_ranges(network, messages)
    for layer, found in zip(trace.layers, ranges.layers, strict=True):
        assert found == max(np.abs(layer.states["u"]).max(), np.abs(layer.states["v"]).max())
    assert ranges.readout == np.abs(trace.readout).max()


def test_baselines_are_refused_by_the_certificate_and_can_be_shown():
    source = random_float_network(neurons=(40,))
    for scheme in (Scheme.NAIVE, Scheme.LAVA):
        config = QuantizationConfig(scheme=scheme, coefficient_bits=6)
        with pytest.raises(CertificateViolation):
            quantize(source, config, RANGES)
        shown = quantize_unsafe(source, config, RANGES)
        assert quantization_loss(source, shown)[0].violations > 0
        assert certificate(shown.layers[0], shown.arithmetic).violations.any()
    assert silence_test(shown.layers[0], shown.arithmetic, 4000).count > 0
    safe = quantize(source, QuantizationConfig(coefficient_bits=6), RANGES)
    assert silence_test(safe.layers[0], safe.arithmetic).count == 0


def test_more_bits_lose_less():
    source = random_float_network()
    losses = [quantization_loss(source, quantize(source, QuantizationConfig(b, b + 4), RANGES))[0] for b in (4, 8, 12)]
    assert losses[0].input_sqnr < losses[1].input_sqnr - 18 < losses[2].input_sqnr - 36
    assert losses[0].pole_error_median > losses[1].pole_error_median > losses[2].pole_error_median


@pytest.mark.parametrize("kind", ["rf", "alif"])
def test_other_neurons_are_refused(kind):
    with pytest.raises(Unsupported, match=f"layer 'hidden': {kind.upper()} neurons have no integer form"):
        quantize(random_float_network(kind), QuantizationConfig(), RANGES)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"weight_bits": 1}, "weight_bits: 1 is outside 2..16"),
        ({"coefficient_bits": 20}, "coefficient_bits: 20 is outside 4..16"),
        ({"state_bits": 64}, "state_bits: 64 is outside 12..32"),
        ({"state_fraction": 23}, "state_fraction: 23 is outside 1..22"),
        ({"damping_kept": 1.0}, "damping_kept: 1.0 is outside"),
    ],
)
def test_bits_out_of_range_are_refused(fields, message):
    with pytest.raises(InvalidInput, match=message):
        QuantizationConfig(**fields)


def test_a_float_pole_outside_the_boundary_is_refused():
    source = random_float_network(neurons=(3,))
    layer = replace(source.layers[0], neurons=BRFNeurons(np.ones(3), np.array([1.0, 230.0, 1.0])))
    with pytest.raises(InvalidNetwork, match=r"layer 'hidden': neuron 1: the float pole has radius 1.3"):
        quantize(replace(source, layers=(layer,)), QuantizationConfig(), RANGES)


def test_diverging_calibration_is_refused():
    source = random_float_network("rf", neurons=(3,))
    neurons = replace(source.layers[0].neurons, omega=np.full(3, 99.0), b_offset=np.zeros(3))
    network = replace(source, layers=(replace(source.layers[0], neurons=neurons),))
    with pytest.raises(InvalidInput, match="not finite; the float network diverges"):
        measure_ranges(network, random_messages(network, 1500, 2))


def test_states_too_wide_for_their_word_are_refused():
    with pytest.raises(InvalidInput, match="leave no fraction"):
        fraction_bits(1e6, 16)


def test_a_readout_that_never_forgets_is_refused():
    source = random_float_network()
    readout = FloatReadout(np.full(4, 1e7), source.readout.weight)
    with pytest.raises(InvalidNetwork, match="readout 0: tau = 1e"):
        quantize(replace(source, readout=readout), QuantizationConfig(), RANGES)


def test_calibration_without_samples_is_refused():
    network = random_float_network()
    with pytest.raises(InvalidInput, match="hold no sample"):
        measure_ranges(network, np.zeros((10, 0, 3), np.int64))


def test_ranges_of_another_network_are_refused():
    with pytest.raises(InvalidInput, match="ranges of 2 layers for 1 layers"):
        quantize(random_float_network(), QuantizationConfig(), Ranges((1.0, 2.0), 1.0))
