"""Faults planted in the generated C: each is found, and located by step, sample, layer, neuron and field."""

import re
from dataclasses import replace

import numpy as np
import pytest
from c_programs import assert_equal
from networks import messages_for, random_network

from brf_deploy.reference import REFERENCE
from brf_hardware.c.backend import C, sources
from brf_hardware.c.plan import plan_network
from brf_hardware.equivalence import first_difference

pytestmark = pytest.mark.needs("gcc")


def subject():
    """Two recurrent layers; neuron 0 of the first is exactly at its threshold after one step, and must not fire."""
    network = random_network(seed=21, inputs=4, neurons=(12, 9), outputs=3, maximum=16, full_scale=16)
    layer = network.layers[0]
    mantissa, exponent = layer.input.mantissa.copy(), layer.input.exponent.copy()
    mantissa[0], exponent[0] = [64, 0, 0, 0], 6 - network.encoding.graded_bits
    return replace(
        network,
        layers=(replace(layer, input=replace(layer.input, mantissa=mantissa, exponent=exponent)), network.layers[1]),
    )


NETWORK = subject()
MESSAGES = messages_for(NETWORK, 80, 2, seed=3, density=0.3)
MESSAGES[0] = [1, 0, 0, 0]
EXPECTED = REFERENCE.run(NETWORK, MESSAGES)
PLAN = plan_network(NETWORK)
FILES = sources(PLAN)
CODE, TABLES = "src/network.c", "src/network_tables.h"


def difference(file, old, new):
    """What is found where a file has `new` in the place of the first `old`."""
    text = FILES[file].decode()
    assert old in text
    faulty = FILES | {file: text.replace(old, new, 1).encode()}
    return first_difference(EXPECTED, C.replay(PLAN, faulty, MESSAGES).trace)


def test_without_a_fault_there_is_no_difference():
    assert EXPECTED.layers[0].states["u"][0, 0, 0] == NETWORK.layers[0].threshold
    assert_equal(C.replay(PLAN, FILES, MESSAGES).trace, EXPECTED)


@pytest.mark.parametrize(
    ("old", "new", "layer", "fields"),
    [
        ("(int64_t)w * v) / one;", "(int64_t)w * v) >> 20;", 0, "u"),
        ("(int64_t)w * u) / one;", "(int64_t)w * u + (one / 2)) / one;", 0, "v"),
        ("INT32_C(2621) + INT32_C(2048)) >> 12", "INT32_C(2621)) >> 12", 0, "uv"),
        ("(int32_t)next_u > INT32_C(512)", "(int32_t)next_u >= INT32_C(512)", 0, ["spikes"]),
        (
            "(int32_t)next_u > INT32_C(512) + (int32_t)q)",
            "(int32_t)next_u > INT32_C(512) + layer->q[i] / 2)",
            0,
            ["spikes"],
        ),
        ("INT32_C(58982)) >> 16", "INT32_C(58982) + INT32_C(32768)) >> 16", 0, "q"),
        ("INT32_C(58982)", "INT32_C(58981)", 0, "q"),
        ("limit = INT32_C(8388607)", "limit = INT32_C(8388608)", 0, "uv"),
        ("    network_layer1_recur(", "    if (0) network_layer1_recur(", 1, "u"),
        ("/ one;\n        state->readout", "/ (one + 1);\n        state->readout", -1, ["readout"]),
    ],
    ids=["down", "nearest", "half", "not strict", "half of q", "q to nearest", "decay", "clip", "recurrence", "leak"],
)
def test_a_fault_in_the_code(old, new, layer, fields):
    found = difference(CODE, old, new)
    assert (found.layer, found.field in fields) == (layer, True), found


def test_the_new_u_in_the_place_of_the_old():
    code = FILES[CODE].decode()
    line = re.search(r" *const int64_t turned_v = .*\n", code)[0]
    later = re.search(r" *const int32_t next_u = .*\n", code)[0]
    between = code[code.index(line) : code.index(later) + len(later)]
    found = difference(CODE, between, later + line.replace("w * u)", "w * next_u)"))
    assert (found.layer, found.field) == (0, "v")


def test_not_strict_is_found_where_the_threshold_is_reached_exactly():
    found = difference(CODE, "(int32_t)next_u > INT32_C(512)", "(int32_t)next_u >= INT32_C(512)")
    assert (found.step, found.sample, found.layer, found.neuron, found.field) == (0, 0, 0, 0, "spikes")


@pytest.mark.parametrize(
    ("table", "layer", "source", "active", "delay"),
    [
        ("layer0_input_weights", 0, 2, MESSAGES, 0),
        ("layer0_recurrent_weights", 0, 2, EXPECTED.layers[0].spikes, 1),
        ("layer1_input_weights", 1, 2, EXPECTED.layers[0].spikes, 0),
        ("readout_weights", -1, 4, EXPECTED.layers[1].spikes, 0),
    ],
)
def test_one_weight_off_by_one(table, layer, source, active, delay):
    """The one from a source to target 1: found at that target, in the first step that the source reaches it."""
    text = FILES[TABLES].decode()
    start = text.index(f"network_{table}[")
    row = list(re.finditer(r"\{\s*([-\d, \n]+?),\s*\}", text[start:]))[source]
    numbers = row[1].split(", ")
    numbers[1] = str(int(numbers[1]) - 1)
    before = text[start : start + row.start(1)]
    found = difference(TABLES, before + row[1], before + ", ".join(numbers))
    assert (found.layer, found.neuron, found.field) == (layer, 1, "readout" if layer < 0 else "u")
    step, sample = np.argwhere(active[..., source])[0].tolist()
    assert (found.step, found.sample) == (step + delay, sample)
