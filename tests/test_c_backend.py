"""The C backend against the reference, on every spike and state; refusals, crashes and hangs."""

import re
import shutil
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from c_programs import NETWORKS, assert_equal, some_messages
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.backend import load_backend
from brf_deploy.errors import BackendFailure, InvalidInput, Unavailable, Unsupported
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_hardware.c import backend as backend_module
from brf_hardware.c import exporter as exporter_module
from brf_hardware.c.backend import C, CBackend, sources
from brf_hardware.c.builds import Builds
from brf_hardware.c.plan import plan_network
from brf_hardware.c.speed import nanoseconds
from brf_hardware.c.targets import Host
from brf_hardware.chunks import WORKING_BYTES

pytestmark = pytest.mark.needs("gcc")
SANITIZED = CBackend(Host("gcc", ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")))


@given(network=integer_networks(), steps=st.integers(0, 40), batch=st.integers(0, 4), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_equal_on_random_networks(network, steps, batch, seed):
    messages = messages_for(network, steps, batch, seed)
    assert_equal(C.run(network, messages), REFERENCE.run(network, messages))


@given(network=integer_networks(max_neurons=12), seed=st.integers(0, 1000))
@settings(max_examples=8)
def test_no_undefined_behaviour_on_random_networks(network, seed):
    """AddressSanitizer and UndefinedBehaviorSanitizer end the program at the first fault."""
    messages = messages_for(network, 30, 2, seed)
    assert_equal(SANITIZED.run(network, messages), REFERENCE.run(network, messages))


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_equal_on_every_shape_of_code(make):
    network = make()
    messages = some_messages(network)
    assert_equal(C.run(network, messages), REFERENCE.run(network, messages))


@pytest.mark.parametrize(
    "shape", ["three layers", "16-bit weights and messages, 64-bit sums", "16-bit states", "wide", "pruned, wide"]
)
def test_no_undefined_behaviour(shape):
    network = NETWORKS[shape]()
    messages = some_messages(network)
    assert_equal(SANITIZED.run(network, messages), REFERENCE.run(network, messages))


@pytest.mark.parametrize("state_bits", [16, 24, 32])
def test_equal_in_saturation(state_bits):
    network = random_network(seed=3, neurons=(20, 30), maximum=255, full_scale=255, state_bits=state_bits)
    messages = messages_for(network, 100, 3)
    expected = REFERENCE.run(network, messages)
    assert (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()
    assert_equal(SANITIZED.run(network, messages), expected)


def changed(network, **layer_fields):
    """The network with other fields in its first layer."""
    layers = (replace(network.layers[0], **layer_fields), *network.layers[1:])
    return replace(network, layers=layers)


def test_equal_with_every_weight_zero_and_on_silence():
    network = random_network(seed=5, neurons=(6, 4))
    layer = network.layers[0]
    zero = replace(layer.input, mantissa=np.zeros_like(layer.input.mantissa), exponent=layer.input.exponent)
    messages = messages_for(network, 20, 2)
    assert_equal(C.run(changed(network, input=zero), messages), REFERENCE.run(changed(network, input=zero), messages))
    silence = np.zeros_like(messages)
    assert not C.run(network, silence).readout.any()


def test_equal_where_rows_of_zeros_have_shifts_beyond_their_type():
    """A shift of 48 is accepted where nothing is shifted; in C it would be undefined in 32 bits."""
    network = random_network(seed=5, neurons=(6,))
    layer = network.layers[0]
    mantissa = layer.input.mantissa.copy()
    mantissa[0] = 0
    exponent = layer.input.exponent.copy()
    exponent[0] = max(layer.state_fraction - 48, -32)
    network = changed(network, input=replace(layer.input, mantissa=mantissa, exponent=exponent))
    messages = messages_for(network, 20, 2)
    assert_equal(SANITIZED.run(network, messages), REFERENCE.run(network, messages))


def test_equal_where_every_neuron_always_fires():
    network = random_network(seed=6, inputs=1, neurons=(30,), recurrent=False)
    layer = network.layers[0]
    strong = replace(layer.input, mantissa=np.full_like(layer.input.mantissa, 127))
    exponent = np.full_like(layer.input.exponent, layer.state_fraction - 12)
    half = {"damping": np.ones(30, np.int64), "damping_exponent": np.ones(30, np.int64)}
    half |= {"rotation": np.zeros(30, np.int64), "energy_bound": np.full(30, 1 << 38)}
    network = changed(network, input=replace(strong, exponent=exponent), threshold=1, **half)
    messages = np.ones((30, 2, 1), np.int64)
    expected = REFERENCE.run(network, messages)
    assert expected.layers[0].spikes.all()
    assert_equal(C.run(network, messages), expected)


def test_spikes_only():
    network = random_network(neurons=(5, 4))
    messages = messages_for(network, 20, 2)
    assert_equal(C.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


def test_uncertified_networks_run_too():
    """Coefficients far outside the disc take wider types."""
    network = random_network(seed=4, neurons=(5,), state_bits=16)
    layer = network.layers[0]
    values = {field.name: getattr(network, field.name) for field in fields_of(network)}
    wild = replace(layer, rotation=np.full(5, 1 << 13), rotation_exponent=np.zeros(5, np.int64))
    uncertified = UncertifiedNetwork(**values | {"layers": (wild,)})
    messages = messages_for(network, 40, 2)
    assert_equal(SANITIZED.run(uncertified, messages), REFERENCE.run(uncertified, messages))


@pytest.mark.parametrize("bytes_each", [1, 3 * (10 * (3 * 8 + 4 * 13 + 2 * 4) + 4 * WORKING_BYTES)])
def test_large_batches_run_in_chunks(monkeypatch, bytes_each):
    network = random_network(neurons=(4,))
    messages = messages_for(network, 10, 5)
    monkeypatch.setattr(backend_module, "CHUNK_BYTES", bytes_each)
    assert_equal(C.run(network, messages), REFERENCE.run(network, messages))


def test_equal_networks_are_compiled_once_and_old_builds_go():
    backend = CBackend(Host(), builds=Builds(kept=1))
    first, second = random_network(seed=1), random_network(seed=2)
    commands = [
        backend.builds.command(backend.target, sources(plan_network(net)), "network", "trace") for net in (first, first)
    ]
    assert commands[0] == commands[1]
    backend.run(second, messages_for(second, 3, 1))
    assert not Path(commands[0][0]).exists()
    assert_equal(backend.run(first, messages_for(first, 3, 1)), REFERENCE.run(first, messages_for(first, 3, 1)))


def test_bad_messages_are_refused():
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        C.run(random_network(), np.zeros((4, 2, 5), np.int64))
    with pytest.raises(InvalidInput, match=re.escape("0..2 found, the network accepts 0..1")):
        C.run(random_network(), np.arange(3).reshape(1, 1, 3))


def replay(network, old, new, backend=C):
    """What the harness says to a product in which a line is another."""
    files = sources(plan_network(network))
    text = files["src/network.c"].decode()
    assert text.count(old) == 1
    return backend.replay(
        plan_network(network), files | {"src/network.c": text.replace(old, new).encode()}, some_messages(network)
    )


BEGIN = "    const int64_t one = INT64_C(1048576); /* 2^20, 1.0 of a and w */\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("    *(volatile int *)0 = 1;\n", "failed with status -11"),
        (
            "    for (size_t i = 0; i < 64; i++) { layer->spikes[i] = 60000; }\n    layer->spike_count = 60000;\n",
            "failed",
        ),
    ],
    ids=["crash", "out of bounds"],
)
def test_a_crash_is_a_failure(line, message):
    with pytest.raises(BackendFailure, match=message):
        replay(random_network(seed=1), BEGIN, BEGIN + line, SANITIZED if "spikes" in line else C)


def test_a_hang_is_a_failure():
    with pytest.raises(BackendFailure, match=r"backend 'c': .* did not end within 1 s and was killed"):
        replay(random_network(seed=1), BEGIN, BEGIN + "    for (;;) {\n    }\n", CBackend(Host(), seconds=1))


def test_code_that_does_not_compile_is_a_failure():
    with pytest.raises(BackendFailure, match=r"C build: .* failed with status 1; (?s:.*)error"):
        replay(random_network(seed=1), BEGIN, "this is not C;\n")


def test_a_bound_that_does_not_hold_is_found_by_the_compiler():
    network = random_network(seed=7, neurons=(5,))
    text = sources(plan_network(network))["src/network.c"].decode()
    check = re.search(r"NETWORK_CHECK\(layer0_sum, INT64_C\((\d+)\)", text)[0]
    with pytest.raises(BackendFailure, match=r"network_check_layer0_sum.* is negative"):
        replay(network, check, re.sub(r"\(\d+\)", "(0x7fffffff)", check).replace("INT64_C(", "2 * INT64_C("))


def test_absent_compilers_say_which_package(monkeypatch):
    network = random_network()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    message = "backend 'c' is not available: no C compiler: none of cc, gcc, clang found; apt install gcc libc6-dev"
    with pytest.raises(Unavailable, match=message):
        C.run(network, messages_for(network, 2, 1))
    with pytest.raises(Unavailable, match=message):
        load_backend("c")


def test_absent_jinja_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(exporter_module, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=re.escape("jinja2 is not installed: pip install 'brf-deploy[report]'")):
        C.run(random_network(), np.zeros((1, 1, 3), np.int64))
    with pytest.raises(Unavailable, match=re.escape("jinja2 is not installed: pip install 'brf-deploy[report]'")):
        exporter_module.EXPORTER.render(random_network(), "net")


def test_empty_parts_are_refused():
    network = random_network(neurons=(4,))
    weight = replace(network.readout.weight, mantissa=np.zeros((0, 4), np.int64), exponent=np.zeros(0, np.int64))
    empty = replace(network.readout, leak=np.zeros(0, np.int64), weight=weight)
    with pytest.raises(Unsupported, match="0 readout outputs found, an array of C has at least 1"):
        C.run(replace(network, readout=empty), messages_for(network, 2, 1))


def test_speed_is_measured_inside_the_program():
    network = random_network(neurons=(20,))
    taken = nanoseconds(network, messages_for(network, 50, 1)[:, 0], 3)
    assert taken.shape == (3,)
    assert (taken > 50).all()
