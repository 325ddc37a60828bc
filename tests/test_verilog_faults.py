"""Faults planted in the exported text: each is found, and found where it is, under both simulators."""

from dataclasses import replace

import numpy as np
import pytest
from verilog_networks import assert_equal, export, messages_for, on_threshold, random_network, with_layer

import brf_deploy.reference as reference
from brf_deploy.reference import REFERENCE
from brf_hardware.equivalence.difference import first_difference
from brf_hardware.verilog.backend import ICARUS, VERILATOR

pytestmark = pytest.mark.needs("verilator", "iverilog", "make", "g++")

BACKENDS = pytest.mark.parametrize("backend", [ICARUS, VERILATOR], ids=lambda backend: backend.name)


def network():
    return random_network(seed=11, inputs=3, neurons=(6, 4), outputs=2, state_bits=16)


def planted(network, file, right, wrong):
    """The files of an export with one passage of one file changed."""
    files = export(network)
    text = files[file].decode()
    assert text.count(right) == 1, f"{right!r} is not in {file} once"
    files[file] = text.replace(right, wrong).encode()
    return files


def assert_found(backend, network, files, messages, faulty):
    """The simulation is equal to the reference with the same fault, and the first difference is where that one's is."""
    found = backend.replay(network, files, messages).trace
    difference = first_difference(REFERENCE.run(network, messages), found)
    assert difference is not None, "the fault was not found"
    assert difference == first_difference(REFERENCE.run(network, messages), faulty)
    assert_equal(found, faulty)
    return difference


@BACKENDS
def test_rounding_down_in_the_resonators(backend, monkeypatch):
    right, wrong = "scaled < 0 ? scaled + BELOW_ONE : scaled", "scaled"
    net = network()
    files, messages = planted(net, "brf_resonator.sv", right, wrong), messages_for(net, 40, 2)
    with monkeypatch.context() as patch:
        readout_step, toward_zero = reference.readout_step, reference.shift_toward_zero

        def right_readout(*arguments):
            with monkeypatch.context() as inner:
                inner.setattr(reference, "shift_toward_zero", toward_zero)
                return readout_step(*arguments)

        patch.setattr(reference, "shift_toward_zero", lambda y, bits: y >> bits)
        patch.setattr(reference, "readout_step", right_readout)
        faulty = REFERENCE.run(net, messages)
    difference = assert_found(backend, net, files, messages, faulty)
    assert difference.field in ("u", "v")
    assert difference.found == difference.expected - 1


@BACKENDS
def test_one_weight_off_by_one(backend):
    source, target = 2, 4
    net = network()
    layer = net.layers[0]
    wrong = layer.input.mantissa.copy()
    wrong[target, source] -= 1
    files = export(net)
    lines = files["network_layer0_weights.hex"].decode().split("\n")
    line = source * layer.count + target
    lines[line] = f"{int(lines[line], 16) - 1 & 0xFF:02x}"
    files["network_layer0_weights.hex"] = "\n".join(lines).encode()
    messages = messages_for(net, 40, 2)
    faulty = REFERENCE.run(with_layer(net, input=replace(layer.input, mantissa=wrong)), messages)
    difference = assert_found(backend, net, files, messages, faulty)
    assert (difference.layer, difference.neuron, difference.field) == (0, target, "u")


@BACKENDS
def test_a_threshold_that_is_not_strict(backend):
    net = on_threshold()
    files = planted(net, "brf_resonator.sv", "BARRIER_BITS'(u_new) > barrier", "BARRIER_BITS'(u_new) >= barrier")
    messages = np.zeros((6, 1, 2), np.int64)
    messages[2, 0, 1] = 1
    found = backend.replay(net, files, messages).trace
    difference = first_difference(REFERENCE.run(net, messages), found)
    assert (difference.step, difference.neuron, difference.field) == (2, 0, "spikes")
    assert (difference.expected, difference.found) == (0, 1)


@BACKENDS
def test_the_new_u_for_the_old_u(backend):
    """In the product that makes v: the register of new states in the place of the old state."""
    net = network()
    right = "mul_a = A_BITS'($signed({1'b0, w}));\n          mul_b = B_BITS'(u);"
    files = planted(net, "brf_resonator.sv", right, right.replace("(u)", "(u_new)"))
    messages = messages_for(net, 40, 2, seed=1)
    messages[0] = 1
    difference = first_difference(REFERENCE.run(net, messages), backend.replay(net, files, messages).trace)
    assert (difference.layer, difference.step, difference.field) == (0, 0, "v")


@BACKENDS
def test_a_clip_that_is_not_symmetric(backend, monkeypatch):
    """One unit more on the negative side, where two's complement has one more."""
    net = random_network(seed=3, neurons=(6,), maximum=255, full_scale=255, state_bits=16)
    files = planted(net, "brf_resonator.sv", "total < -LIMIT ? -LIMIT", "total < -LIMIT - 1 ? -LIMIT - 1")
    messages = messages_for(net, 30, 2)
    found = backend.replay(net, files, messages).trace
    difference = first_difference(REFERENCE.run(net, messages), found)
    assert (difference.layer, difference.expected, difference.found) == (0, -(2**15) + 1, -(2**15))
