"""An ill network cannot exist: every check of the integer and the float network."""

from dataclasses import replace

import numpy as np
import pytest
from networks import random_network

from brf_deploy.encoding import Encoding
from brf_deploy.errors import CertificateViolation, InvalidNetwork
from brf_deploy.float_network import ALIFNeurons, BRFNeurons, FloatLayer, FloatNetwork, FloatReadout, RFNeurons
from brf_deploy.layers import Arithmetic, Refractory, Synapses
from brf_deploy.network import UncertifiedNetwork

NETWORK = random_network(seed=5, neurons=(4, 3), inputs=2)


def with_layer(**changes):
    return replace(NETWORK, layers=(replace(NETWORK.layers[0], **changes), NETWORK.layers[1]))


def test_a_neuron_outside_the_boundary_cannot_be_constructed():
    layer = NETWORK.layers[0]
    damping = layer.damping.copy()
    damping[2] = 0
    with pytest.raises(
        CertificateViolation, match=r"layer 'hidden0': 1 of 4 neurons .* worst neuron 2 with pole radius"
    ):
        with_layer(damping=damping)


def test_the_certificate_looks_at_both_ends():
    """A pole that only leaves the disc under full refractory damping (over-reset) is refused as well."""
    one = 1 << 11
    layer = NETWORK.layers[1]
    over = replace(
        layer,
        damping=np.full(3, 2 * one - 20),  # a = -0.99: inside at C = 0, outside at Cmax = 0.1
        damping_exponent=np.full(3, 11),
        rotation=np.zeros(3, np.int64),
        energy_bound=np.full(3, (1 << 40) - 1),
    )
    with pytest.raises(CertificateViolation):
        replace(NETWORK, layers=(NETWORK.layers[0], over))


@pytest.mark.parametrize("state_bits", [12, 16, 20, 24, 32])
@pytest.mark.parametrize(
    "changes",
    [
        {"rotation": 4095, "rotation_exponent": 0, "damping": 1 << 11, "damping_exponent": 12},
        {"rotation": 1, "rotation_exponent": 12, "damping": 4095, "damping_exponent": 0},
        {"rotation": 1 << 62},
        {"rotation": -1},
        {"damping": 1 << 44, "damping_exponent": 0},
    ],
)
def test_coefficients_cannot_wrap_around_the_certificate(state_bits, changes):
    """Coefficients whose squares or shifts leave 64 bits do not come back in as small ones."""
    small = random_network(seed=5, neurons=(1,), state_bits=state_bits)
    fields = {name: np.array([value]) for name, value in changes.items()}
    with pytest.raises(InvalidNetwork):
        replace(small, layers=(replace(small.layers[0], energy_bound=np.array([(1 << 40) - 1]), **fields),))


def test_a_refractory_damping_cannot_wrap_around_the_certificate():
    small = random_network(seed=5, neurons=(1,), state_bits=20)
    refractory = Refractory(decay=65535, decay_exponent=16, gain=65535, gain_exponent=0)
    arithmetic = replace(small.arithmetic, reset_fraction=0)
    layer = replace(small.layers[0], refractory=refractory, state_fraction=2, threshold=4)
    with pytest.raises(InvalidNetwork):
        replace(small, arithmetic=arithmetic, layers=(layer,))


def test_a_bound_that_allows_the_circle_is_refused():
    with pytest.raises(CertificateViolation):
        with_layer(energy_bound=np.full(4, 1 << 40))


def test_an_uncertified_network_is_another_type():
    layer = replace(NETWORK.layers[0], damping=np.zeros(4, np.int64))
    fields = {name: getattr(NETWORK, name) for name in ("task", "encoding", "arithmetic", "readout")}
    assert "UncertifiedNetwork" in repr(UncertifiedNetwork(layers=(layer, NETWORK.layers[1]), **fields))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rotation": np.zeros(3, np.int64)}, "axis 0, expected"),
        ({"rotation": np.zeros((4, 1), np.int64)}, "2 axes, expected 1"),
        ({"rotation": np.zeros(4)}, "dtype float64 found, integers needed"),
        ({"damping_exponent": np.full(4, 21)}, r"damping_exponent\[0\]: 21 is outside 0..20"),
        ({"state_fraction": 24}, "state_fraction: 24 is outside 1..23"),
        ({"threshold": 0}, "threshold: 0 is outside"),
        ({"threshold": 2.0}, "threshold: 2.0 found, an integer needed"),
        ({"dt": float("nan")}, "dt: nan found"),
        ({"recurrent": Synapses(np.zeros((4, 5), np.int64), np.zeros(4, np.int64))}, "5 entries on axis 1, expected 4"),
        ({"state_fraction": 21, "threshold": 1 << 21}, "and q 25, the limits are 53 and 23"),
    ],
)
def test_ill_layers_are_refused(changes, message):
    with pytest.raises(InvalidNetwork, match=message):
        with_layer(**changes)


def test_a_weight_wider_than_declared_is_refused():
    layer = NETWORK.layers[0]
    mantissa = layer.input.mantissa.copy()
    mantissa[1, 0] = 200
    with pytest.raises(InvalidNetwork, match=r"layer 'hidden0' input weight\[1, 0\]: 200 is outside -128..127"):
        with_layer(input=replace(layer.input, mantissa=mantissa))


def test_layers_must_fit_each_other():
    other = replace(NETWORK.layers[1], input=Synapses(np.zeros((3, 5), np.int64), np.full(3, 4)))
    with pytest.raises(InvalidNetwork, match="layer 'hidden1' input weights: 5 entries on axis 1, expected 4"):
        replace(NETWORK, layers=(NETWORK.layers[0], other))


def test_a_sum_beyond_53_bits_is_refused():
    layer = NETWORK.layers[0]
    with pytest.raises(InvalidNetwork, match="an intermediate can need 5"):
        with_layer(input=Synapses(np.full((4, 2), -128), np.full(4, layer.state_fraction - 45)))


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        NETWORK.layers[0].rotation[0] = 1


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"state_bits": 40}, "state_bits: 40 is outside 8..32"),
        ({"coefficient_bits": 1}, "coefficient_bits: 1 is outside"),
        ({"weight_bits": 17}, "weight_bits: 17 is outside"),
        ({"state_bits": 32, "accumulator_fraction": 24}, "exceed 52"),
        ({"rounding": "floor"}, "only 'toward_zero' with 'saturate' is passive"),
    ],
)
def test_ill_arithmetic_is_refused(fields, message):
    with pytest.raises(InvalidNetwork, match=message):
        Arithmetic(**fields)


def test_permutations_are_checked():
    with pytest.raises(InvalidNetwork, match=r"each of 0\.\.2 once"):
        Encoding(permutation=np.array([0, 0, 2]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BRFNeurons(np.array([10.0, 120.0]), np.ones(2)), r"neuron 1: dt \* omega = 1.2 exceeds 1"),
        (lambda: BRFNeurons(np.array([10.0]), np.ones(1), dt=0.2), "make dt"),
        (
            lambda: BRFNeurons(np.array([np.nan]), np.ones(1)),
            r"omega: 1 of 1 values are NaN or infinite, the first at \[0\]",
        ),
        (lambda: BRFNeurons(np.array([1.0]), -np.ones(1)), r"b_offset\[0\]: -1.0 is negative"),
        (lambda: BRFNeurons(np.array([1.0]), np.ones(1), gamma=1.0), "gamma: 1.0 is outside"),
        (lambda: RFNeurons(np.array([1.0]), np.ones(2)), "b_offset: 2 entries"),
        (lambda: ALIFNeurons(np.ones(2), np.ones(2), theta=-1), "theta: -1 found"),
        (lambda: FloatReadout(np.ones(3), np.ones((2, 4))), "readout tau: 3 entries on axis 0, expected 2"),
        (
            lambda: FloatLayer("a", RFNeurons(np.ones(2), np.ones(2)), np.ones((3, 2))),
            "layer 'a' input_weight: 3 entries",
        ),
    ],
)
def test_ill_float_networks_are_refused(make, message):
    with pytest.raises(InvalidNetwork, match=message):
        make()


def test_layers_of_a_float_network_must_fit():
    layer = FloatLayer("a", RFNeurons(np.ones(2), np.ones(2)), np.ones((2, 2)))
    with pytest.raises(InvalidNetwork, match="readout weight: 3 entries on axis 1, expected 2"):
        FloatNetwork("t", Encoding(), (layer,), FloatReadout(np.ones(1), np.ones((1, 3))))


def test_a_network_reads_as_one_line_a_layer():
    assert repr(NETWORK).splitlines()[1].startswith("  hidden0: 2 -> 4 brf, recurrent")
