"""Reports of random networks for tests."""

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from float_networks import random_float_network, random_messages
from networks import messages_for, random_network

from brf_deploy.encoding import Encoding
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Decision, Samples
from brf_hardware.equivalence import Subject, verify
from brf_hardware.report import Provenance, build_report
from brf_hardware.report.page import render
from brf_hardware.report.target_cost import Placement
from brf_hardware.targets import load_target, override

PROVENANCE = Provenance("2030-01-02", "brf-deploy report net.nir --task random", {"brf-deploy": "9.8.7"})


@dataclass(frozen=True)
class MadeUpTask:
    """Whatever the network takes."""

    name: str = "random"
    description: str = "random messages"
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = 3
    classes: int = 2
    decision: Decision = Decision.LAST_STEP

    def load(self, split, data):
        raise NotImplementedError


def task_for(network, **changes):
    """A task that fits the network."""
    return MadeUpTask(encoding=network.encoding, inputs=network.inputs, classes=network.outputs, **changes)


def samples_for(network, steps=30, count=5, every_step=False, seed=0):
    """Random messages with random labels."""
    shape = (steps, count) if every_step else (count,)
    labels = np.random.default_rng(seed).integers(0, network.outputs, shape)
    return Samples(messages_for(network, steps, count, seed), labels)


def bare_report(network=None, task=None, samples=None, **options):
    """A report of an integer network alone."""
    network = network or random_network()
    every_step = task is not None and task.decision is Decision.EVERY_STEP
    samples = samples or samples_for(network, every_step=every_step)
    return build_report(network, task or task_for(network), samples, PROVENANCE, **options)


def whole_report():
    """A report with its model and a verification: one backend equal, one absent."""
    model = random_float_network(seed=2, neurons=(16, 10))
    messages = random_messages(model, 60, 6, seed=1)
    network = quantize(model, QuantizationConfig(), measure_ranges(model, messages))
    task = task_for(network)
    samples = Samples(messages, np.zeros(6, np.int64))
    absent = {"elsewhere": "not installed: pip install elsewhere"}
    proof = verify(Subject(model, network, task), samples, {"same": REFERENCE}, absent, jitter_runs=1)
    return bare_report(network, task, samples, model=model, verification=proof)


COSTED = random_network(seed=3, inputs=3, neurons=(14, 9), outputs=4, weight_bits=8)
# A mesh on which this network needs several chips, the chip with assumed prices, one that it does not fit on, one that
# has no price for what occurs, and a price table.
SEVERAL_CHIPS = ("limits.cores_per_chip=2", "limits.mesh=2x1", "limits.cores_per_router=1", "limits.neurons_per_core=3")
COSTED_TARGETS = (
    override(load_target("loihi1"), *SEVERAL_CHIPS),
    load_target("loihi2"),
    load_target("xylo-a2"),
    override(load_target("cortex-m4"), "energy.spikes=none"),
    load_target("fp32-convention"),
)


@cache
def costed_report():
    """A report about five targets, each a case of its own."""
    placements = [Placement.of(COSTED, target) for target in COSTED_TARGETS]
    return bare_report(COSTED, samples=samples_for(COSTED, steps=20, count=4), placements=placements)


@cache
def costed_page():
    """Its page."""
    return render(costed_report())
