"""Sessions: a stream fed step by step equals the whole sample at once."""

import numpy as np
import pytest
from fast_backend import assert_equal, needs_fast
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.errors import InvalidInput
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record, Trace
from brf_hardware.fast.session import FastSession

pytestmark = needs_fast


@given(network=integer_networks(max_neurons=20), batch=st.integers(1, 3), cut=st.integers(0, 12))
@settings(max_examples=40)
def test_stretches_equal_the_whole(network, batch, cut):
    messages = messages_for(network, 12, batch)
    session = FastSession(network, batch, threads=2)
    parts = [session.run(part, Record.STATES).fields() for part in (messages[:cut], messages[cut:])]
    joined = Trace.from_fields({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    expected = REFERENCE.run(network, messages)
    assert_equal(joined, expected)
    for kept, states, spikes in zip(expected.layers, session.states, session.spikes, strict=True):
        np.testing.assert_array_equal(spikes, kept.spikes[-1])
        for name in ("u", "v", "q"):
            np.testing.assert_array_equal(states[name], kept.states[name][-1])


def test_single_steps_and_reset():
    network = random_network(6, neurons=(9, 4), maximum=3)
    messages = messages_for(network, 15, 2)
    expected = REFERENCE.run(network, messages).readout
    session = FastSession(network, 2)
    for _ in range(2):
        for t, step in enumerate(messages):
            np.testing.assert_array_equal(session.step(step), expected[t])
        session.reset()
        assert not any(spikes.any() for spikes in session.spikes)


def test_a_stream_is_fed_in_presented_order():
    order = np.random.default_rng(0).permutation(10)
    network = random_network(2, permutation=order)
    messages = messages_for(network, 10, 1)
    found = FastSession(network).run(messages[order], Record.STATES)
    assert_equal(found, REFERENCE.run(network, messages))


def test_what_was_returned_does_not_move_on():
    network = random_network(2)
    session = FastSession(network)
    spikes, readout = session.spikes, session.step(np.ones((1, 3), np.int64))
    before = (spikes[0].copy(), readout.copy())
    session.run(messages_for(network, 30, 1))
    np.testing.assert_array_equal(spikes[0], before[0])
    np.testing.assert_array_equal(readout, before[1])


def test_bad_streams_are_refused():
    session = FastSession(random_network(), samples=2)
    with pytest.raises(InvalidInput, match="messages for 3 samples found, it runs 2"):
        session.step(np.zeros((3, 3), np.int64))
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        session.step(np.zeros((2, 5), np.int64))
    with pytest.raises(InvalidInput, match=r"the network accepts 0\.\.1"):
        session.step(np.full((2, 3), 7))
    with pytest.raises(InvalidInput, match="-1 samples on 1 threads; at least 0 and 1 are needed"):
        FastSession(random_network(), samples=-1)
