"""Counts that the fast backend makes on the way, against those of a recorded trace."""

import os
import subprocess
import sys

import numpy as np
import pytest
from fast_backend import needs_fast
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import evaluate_integer
from brf_deploy.reference import REFERENCE
from brf_deploy.summary import summarize, summary_of
from brf_deploy.task import Decision, Samples
from brf_hardware.fast.backend import FAST, FastBackend

pytestmark = needs_fast


def assert_same(found, expected):
    assert found.predictions.dtype == expected.predictions.dtype
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    for ours, theirs in zip(found.spikes, expected.spikes, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.operations == expected.operations


@given(
    network=integer_networks(), steps=st.integers(1, 25), batch=st.integers(1, 4), decision=st.sampled_from(Decision)
)
@settings(max_examples=60)
def test_counts_equal_those_of_a_trace(network, steps, batch, decision):
    messages = messages_for(network, steps, batch)
    expected = summary_of(network, messages, REFERENCE.run(network, messages), decision)
    assert_same(summarize(FAST, network, messages, decision), expected)
    assert_same(FastBackend(2).summarize(network, messages, decision), expected)


@pytest.mark.parametrize("decision", Decision)
def test_skipped_steps_and_permuted_time(decision):
    network = random_network(2, skip_steps=4, permutation=np.random.default_rng(0).permutation(20))
    messages = messages_for(network, 20, 3)
    found = FAST.summarize(network, messages, decision)
    assert_same(found, summary_of(network, messages, REFERENCE.run(network, messages), decision))
    assert sum(part.saturated for part in found.operations) > 0


@pytest.mark.parametrize("decision", Decision)
def test_a_run_of_which_every_step_is_skipped_is_refused(decision):
    network = random_network(skip_steps=5)
    with pytest.raises(InvalidInput, match="5 steps, of which the network skips 5; none is left"):
        FAST.summarize(network, messages_for(network, 5, 1), decision)


class Digits:
    """As much of a task as an evaluation needs."""

    def __init__(self, network, decision):
        self.name, self.encoding, self.decision = "random", network.encoding, decision
        self.inputs, self.classes = network.inputs, network.outputs


@pytest.mark.parametrize("decision", Decision)
def test_an_evaluation_is_the_same_with_and_without_counting(monkeypatch, decision):
    network = random_network(4, neurons=(20,), outputs=3)
    messages = messages_for(network, 12, 9)
    shape = messages.shape[:2] if decision is Decision.EVERY_STEP else messages.shape[1:2]
    samples = Samples(messages, np.random.default_rng(1).integers(0, 3, shape))
    monkeypatch.setattr("brf_deploy.evaluation.CHUNK_MESSAGES", 4 * 12 * 3)
    done = []
    found = evaluate_integer(network, Digits(network, decision), samples, FAST, done.append)
    expected = evaluate_integer(network, Digits(network, decision), samples, REFERENCE)
    assert done == [4, 4, 1]
    np.testing.assert_array_equal(found.correct, expected.correct)
    np.testing.assert_array_equal(found.spikes[0], expected.spikes[0])
    totals = [sum(part.synaptic_operations for part in each.operations) for each in (found, expected)]
    assert totals[0] == totals[1] > 0


MEASURE = """
import resource, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from networks import random_network
from brf_deploy.task import Decision
from brf_hardware.fast.backend import FAST
network = random_network(0, inputs=1, neurons=(256,), outputs=10)
def peak(samples):
    FAST.summarize(network, np.ones((400, samples, 1), np.uint8), Decision.LAST_STEP)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small = peak(2)
print((peak(300) - small) * 1024)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="peak memory is read from the resource module, which Unix has")
def test_counting_needs_no_memory_for_traces():
    """300 samples of 400 steps of 256 neurons: 30 MB as spikes alone, 400 MB with states."""
    folder = os.path.dirname(__file__)  # noqa: PTH120
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, folder], capture_output=True, text=True, timeout=120, check=True
    )
    assert int(done.stdout) < 8e6
