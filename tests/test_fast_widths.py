"""The words of the fast backend: proved from the network, reached by its states, and left one bit later."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from fast_backend import assert_equal, cpu_levels, needs_fast, use_level
from float_networks import random_float_network, random_messages
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import messages_for, random_layer, random_synapses

from brf_deploy.encoding import Encoding
from brf_deploy.float_network import BRFNeurons
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE, ResonatorState, resonator_step, synaptic_input
from brf_deploy.summary import summarize, summary_of
from brf_deploy.task import Decision
from brf_deploy.trace import Record
from brf_hardware.fast import plan
from brf_hardware.fast.backend import FAST, FastBackend
from brf_hardware.fast.plan import largest_drive, make_plan
from brf_hardware.fast.running import State, run_trace
from brf_hardware.fast.session import FastSession
from brf_hardware.fast.widths import common_zeros, rotation_bytes

pytestmark = needs_fast
LEVELS = pytest.mark.parametrize("level", cpu_levels())


def narrow_network(seed, neurons=(20,), state_bits=17, fraction=14, maximum=1, inputs=3, recurrent=True):
    """A random certified network of which 32-bit words hold everything."""
    rng = np.random.default_rng(seed)
    arithmetic = Arithmetic(
        state_bits=state_bits,
        coefficient_bits=int(rng.integers(6, 15)),
        accumulator_fraction=fraction,
        reset_fraction=int(rng.integers(8, fraction + 1)),
    )
    encoding, layers, width = Encoding(maximum, maximum), [], inputs
    for index, count in enumerate(neurons):
        graded = encoding.graded_bits if index == 0 else 0
        state_fraction = int(rng.integers(max(4, graded + 1), state_bits - 4))
        make = {"graded_bits": graded, "recurrent": recurrent, "fraction": state_fraction}
        layer = random_layer(rng, f"hidden{index}", width, count, arithmetic, **make)
        top = state_fraction - graded
        layers.append(replace(layer, input=random_synapses(rng, count, width, 8, top - 8, top)))
        width = count
    readout = Readout(10, rng.integers(1, 1 << 16, 3), 16, random_synapses(rng, 3, width, 8, 2, 10))
    return IntegerNetwork("narrow", encoding, arithmetic, tuple(layers), readout)


def bytes_of(network, index=0):
    layer = network.layers[index]
    return rotation_bytes(layer, network.arithmetic, largest_drive(network, index))


@given(
    seed=st.integers(0, 2**31),
    neurons=st.lists(st.integers(1, 70), min_size=1, max_size=2),
    state_bits=st.integers(12, 17),
    maximum=st.sampled_from([1, 1, 15, 255]),
    steps=st.integers(1, 40),
    recurrent=st.booleans(),
)
@settings(max_examples=120)
def test_networks_in_32_bit_words_equal_the_reference(seed, neurons, state_bits, maximum, steps, recurrent):
    wide_enough = max(state_bits, 14) if maximum > 15 else state_bits
    network = narrow_network(seed, tuple(neurons), wide_enough, maximum=maximum, recurrent=recurrent)
    assert [bytes_of(network, index) for index in range(len(neurons))] == [4] * len(neurons)
    messages = messages_for(network, steps, 3, seed)
    expected = REFERENCE.run(network, messages)
    assert_equal(FastBackend(2).run(network, messages), expected)
    found = summarize(FAST, network, messages, Decision.MEAN)
    assert found.operations == summary_of(network, messages, expected, Decision.MEAN).operations
    session = FastSession(network, 3)
    for part, kept in (
        (messages[: steps // 2], slice(None, steps // 2)),
        (messages[steps // 2 :], slice(steps // 2, None)),
    ):
        np.testing.assert_array_equal(session.run(part, Record.STATES).readout, expected.readout[kept])


@LEVELS
@pytest.mark.parametrize("seed", range(6))
def test_32_bit_words_are_equal_in_every_build(monkeypatch, level, seed):
    use_level(monkeypatch, level)
    network = narrow_network(seed, neurons=(100, 37), maximum=[1, 255][seed % 2])
    messages = messages_for(network, 40, 2, seed)
    expected = REFERENCE.run(network, messages)
    assert seed % 2 == 0 or (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()
    assert_equal(FAST.run(network, messages), expected)


QUICK = Refractory(decay=29491)  # gamma = 0.45


@dataclass(frozen=True)
class Edge:
    """One neuron, and the state at which one of its intermediates is as large as it can get."""

    state_bits: int = 17
    fraction: int = 15
    state_fraction: int = 8
    damping: int = 101
    rotation: int = 101
    threshold: int = 255
    refractory: Refractory = QUICK
    weight: int = 1
    weight_shift: int = 0
    u: int = 0
    v: int = 0
    q: int = 0

    def network(self):
        f = self.fraction
        arithmetic = Arithmetic(self.state_bits, 16, 16, 8, accumulator_fraction=f, reset_fraction=min(f, 15))
        layer = ResonatorLayer(
            name="edge",
            dt=0.01,
            state_fraction=self.state_fraction,
            threshold=self.threshold,
            damping=np.array([self.damping]),
            damping_exponent=np.array([f]),
            rotation=np.array([self.rotation]),
            rotation_exponent=np.array([f]),
            energy_bound=np.array([(1 << 2 * f) - 1]),
            refractory=self.refractory,
            input=Synapses(np.array([[self.weight]]), np.array([self.state_fraction - self.weight_shift])),
        )
        readout = Readout(4, np.array([1]), 16, Synapses(np.array([[1]]), np.array([4])))
        return IntegerNetwork("edge", Encoding(), arithmetic, (layer,), readout)

    def expected(self, network):
        """u, v, q after one step of the reference with the largest message."""
        layer = network.layers[0]
        before = ResonatorState(*(np.array([[each]]) for each in (self.u, self.v, self.q)), np.zeros((1, 1), bool))
        x = synaptic_input(layer, np.ones((1, 1), np.int64), layer.state_fraction, before.z)
        after = resonator_step(before, x, layer, network.arithmetic)
        return [int(after.u[0, 0]), int(after.v[0, 0]), int(after.q[0, 0])]

    def found(self, network):
        """The same of the engine."""
        state = State.silent(network, 1)
        state.layers[0][0, :, 0] = self.u, self.v, self.q
        run_trace(make_plan(network), network, np.ones((1, 1, 1), np.int64), Record.STATES, 1, state)
        return state.layers[0][0, :, 0].tolist()


L, L18 = 2**16 - 1, 2**17 - 1  # of 17-bit and of 18-bit states
TENTH = Refractory()  # gamma = 0.9
FULL_GAIN = {"gain": 65535, "gain_exponent": 21}
WIDE_Q = {"state_bits": 18, "fraction": 13, "state_fraction": 13}
WIDE_DRIVE = {"state_bits": 18, "fraction": 14, "rotation": 1, "weight": 32767, "weight_shift": 16}

# Per intermediate, a neuron whose step fits 32 bits and one a bit too wide, in the state that shows it.
EDGES = {
    # (|A| + |W|) L: 32768 L < 2**31 <= 32769 L
    "v": (Edge(u=L, v=L), Edge(rotation=102, u=L, v=L)),
    "u": (Edge(u=-L, v=L), Edge(rotation=102, u=-L, v=L)),
    # u + x: 32767 * 2**16 + 65479 < 2**31 <= 32767 * 2**16 + 65543
    "drive": (Edge(damping=8200, u=L18, v=-L18, **WIDE_DRIVE), Edge(damping=8192, u=L18, v=-L18, **WIDE_DRIVE)),
    # K Qmax: 58982 * 40956 < 2**32 <= 58982 * 81912
    "decay": (
        Edge(fraction=14, state_fraction=12, refractory=TENTH, q=TENTH.largest(12)),
        Edge(refractory=TENTH, q=TENTH.largest(13), **WIDE_Q),
    ),
    # KC Qmax + half: 65535 * 65520 + 2**20 < 2**32 <= 65535 * 65528 + 2**20
    "gain": (
        Edge(refractory=Refractory(decay=57342, **FULL_GAIN), u=1000, q=65520, **WIDE_Q),
        Edge(refractory=Refractory(decay=57343, **FULL_GAIN), u=1000, q=65528, **WIDE_Q),
    ),
}


@LEVELS
@pytest.mark.parametrize("name", EDGES)
def test_a_network_one_bit_too_wide_takes_doubles(monkeypatch, level, name):
    """The last that fits is exact in 32 bits, the first that does not is exact in doubles and would be wrong in 32."""
    use_level(monkeypatch, level)
    fits, too_wide = EDGES[name]
    for edge, width in ((fits, 4), (too_wide, 8)):
        network = edge.network()
        assert bytes_of(network) == width
        assert edge.q in (0, network.layers[0].refractory.largest(edge.state_fraction))
        assert edge.found(network) == edge.expected(network)
    monkeypatch.setattr(plan, "rotation_bytes", lambda *_: 4)
    network = too_wide.network()
    assert too_wide.found(network) != too_wide.expected(network)


@LEVELS
def test_a_drive_one_bit_too_wide_takes_doubles(monkeypatch, level):
    use_level(monkeypatch, level)
    wide = {"state_bits": 24, "fraction": 20, "state_fraction": 16, "weight": 32767}
    for shift, width in ((16, 4), (17, 8)):
        edge = Edge(weight_shift=shift, **wide)
        network = edge.network()
        assert bytes_of(network) == 8
        assert make_plan(network).structure.layers[0].input.drive_bytes == width
        assert edge.found(network) == edge.expected(network)
    monkeypatch.setattr(plan, "drive_bytes", lambda _: 4)
    assert edge.found(network) != edge.expected(network)


def test_a_shift_by_a_whole_word_takes_doubles():
    """What a processor makes of it is its own affair."""
    for exponent, width in ((38, 4), (39, 8)):
        edge = Edge(refractory=replace(QUICK, gain=1, gain_exponent=exponent), u=L, v=L, q=QUICK.largest(8))
        network = edge.network()
        assert bytes_of(network) == width
        assert edge.found(network) == edge.expected(network)


def test_zeros_that_all_coefficients_have_in_common_do_not_count():
    """A network of 20 fraction bits whose coefficients have 15: S = 17 then fits 32 bits."""
    narrow = Edge().network()
    layer = narrow.layers[0]
    arithmetic = replace(narrow.arithmetic, accumulator_fraction=20)
    assert common_zeros(layer, narrow.arithmetic) == 0
    assert common_zeros(layer, arithmetic) == 5
    network = replace(narrow, arithmetic=arithmetic, layers=(replace(layer, energy_bound=np.array([(1 << 40) - 1])),))
    assert bytes_of(network) == 4
    edge = Edge(u=L, v=L)
    assert edge.found(network) == edge.expected(network)
    finer = replace(arithmetic, reset_fraction=16)
    assert common_zeros(layer, finer) == 4
    assert bytes_of(replace(network, arithmetic=finer)) == 8


def test_what_the_quantiser_makes_of_16_bit_states_fits_32_bits():
    """With coefficients of 8 bits, and no neuron so slow that they need all 20 fraction bits."""
    source, rng = random_float_network(seed=3, neurons=(30,)), np.random.default_rng(0)
    neurons = BRFNeurons(rng.uniform(10, 60, 30).astype(np.float32), rng.uniform(1, 3, 30).astype(np.float32))
    source = replace(source, layers=(replace(source.layers[0], neurons=neurons),))
    calibration = random_messages(source, 100, 4)
    ranges = measure_ranges(source, calibration)
    for config, width in ((QuantizationConfig(state_bits=16, coefficient_bits=8), 4), (QuantizationConfig(), 8)):
        network = quantize(source, config, ranges)
        assert bytes_of(network) == width
        assert_equal(FAST.run(network, calibration), REFERENCE.run(network, calibration))


def test_a_neuron_without_weights_does_not_widen_the_drive():
    """Its shift is bounded by nothing, and would not fit the word."""
    network = narrow_network(1, neurons=(20,))
    layer = network.layers[0]
    mantissa, exponent = layer.input.mantissa.copy(), layer.input.exponent.copy()
    mantissa[3], exponent[3] = 0, -32
    network = replace(network, layers=(replace(layer, input=Synapses(mantissa, exponent)),))
    assert bytes_of(network) == 4
    messages = messages_for(network, 30, 2)
    assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))


@LEVELS
@pytest.mark.parametrize(
    ("inputs", "weights", "width"),
    [(258, (127, 127), 2), (258, (-127, -127), 2), (256, (-128, -128), 4), (600, (50, -50), 2), (700, (127, -128), 4)],
)
def test_hundreds_of_events_in_a_step(monkeypatch, level, inputs, weights, width):
    """Paired weights are added in stretches of 256 events, within which every biased sum fits 16 bits."""
    use_level(monkeypatch, level)
    network = narrow_network(0, neurons=(290,), inputs=inputs, recurrent=False)
    layer = network.layers[0]
    mantissa = np.tile(np.resize(weights, inputs), (290, 1))
    mantissa[::7, 100:] = -128 if width == 4 else 0
    into = Synapses(mantissa, np.full(290, layer.state_fraction))
    network = replace(network, layers=(replace(layer, input=into),))
    found = make_plan(network).structure.layers[0].input
    assert (found.sum_bytes, found.paired) == (width, 1)
    messages = messages_for(network, 12, 2, density=1.0)
    messages[3:6], messages[6, :, 255:] = 1, 0
    assert_equal(FAST.run(network, messages), REFERENCE.run(network, messages))
