"""The same C on a Cortex-M4 that QEMU simulates: equality, instruction counts, refusals, failures."""

import re
import shutil

import numpy as np
import pytest
from c_programs import NETWORKS, STRICT, assert_equal, execute, some_messages, written
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, pruned_network, random_network

from brf_deploy.backend import load_backend
from brf_deploy.cli import main
from brf_deploy.errors import BackendFailure, Unavailable, Unsupported
from brf_deploy.network_file import load_network
from brf_deploy.reference import REFERENCE
from brf_deploy.task import load_task
from brf_deploy.trace import Record
from brf_hardware.c.backend import C_QEMU, CBackend, sources
from brf_hardware.c.facts import flash_bytes
from brf_hardware.c.plan import plan_network
from brf_hardware.c.speed import instructions
from brf_hardware.c.targets import CortexM4

pytestmark = pytest.mark.needs("arm-none-eabi-gcc", "qemu-system-arm")


@given(network=integer_networks(), steps=st.integers(0, 30), batch=st.integers(0, 3), seed=st.integers(0, 1000))
@settings(max_examples=5)
def test_equal_on_random_networks(network, steps, batch, seed):
    messages = messages_for(network, steps, batch, seed)
    assert_equal(C_QEMU.run(network, messages), REFERENCE.run(network, messages))


@pytest.mark.parametrize(
    "shape", ["three layers", "16-bit weights and messages, 64-bit sums", "16-bit states", "permuted", "pruned"]
)
def test_equal_on_shapes_of_code(shape):
    network = NETWORKS[shape]()
    messages = some_messages(network)
    assert_equal(C_QEMU.run(network, messages), REFERENCE.run(network, messages))


def test_equal_on_the_first_record_of_the_ecg_task(data_dir, tmp_path):
    """The published network, quantised, on 1300 steps of real data."""
    checkpoint = data_dir / "checkpoints" / "ecg_brf.pt"
    if not checkpoint.is_file():
        pytest.skip(f"no checkpoint at {checkpoint}: fetch it with `brf-deploy data fetch checkpoints ecg`")
    data = ("--data", str(data_dir))
    model, net = str(tmp_path / "model.safetensors"), str(tmp_path / "net.nir")
    imported = ("import", str(checkpoint), "--neuron", "brf", "--task", "ecg", "--out", model)
    for command in (imported, ("quantize", model, "--out", net, *data)):
        assert CliRunner().invoke(main, command, catch_exceptions=False).exit_code == 0
    network, messages = load_network(tmp_path / "net.nir"), load_task("ecg").load("test", data_dir).messages[:, :1]
    assert_equal(C_QEMU.run(network, messages), REFERENCE.run(network, messages))


def test_instructions_are_counted_one_by_one():
    """A loop of four instructions that is planted in the step costs four a turn, and counts repeat exactly."""
    network = random_network(neurons=(10,))
    messages = messages_for(network, 20, 2)
    files = sources(plan_network(network))
    begin = "    const int64_t one = INT64_C(1048576); /* 2^20, 1.0 of a and w */\n"
    loop = '    __asm__ volatile("movs r0, #{}\\n1: nop\\n nop\\n subs r0, #1\\n bne 1b" ::: "r0", "cc");\n'
    counts = []
    for turns in (10, 110, 110):
        text = files["src/network.c"].decode()
        assert begin in text
        planted = text.replace(begin, begin + loop.format(turns))
        found = C_QEMU.replay(plan_network(network), files | {"src/network.c": planted.encode()}, messages)
        counts.append(np.rint(found.ticks / CortexM4.TICKS_AN_INSTRUCTION).astype(np.int64))
    np.testing.assert_array_equal(counts[1] - counts[0], 400)
    np.testing.assert_array_equal(counts[1], counts[2])


def test_silence_costs_the_same_every_step_and_events_more():
    network = random_network(neurons=(30,))
    silence = instructions(network, np.zeros((10, 1, 3), np.int64))
    busy = instructions(network, np.ones((10, 1, 3), np.int64))
    assert (silence == silence[0]).all()
    assert 30 * 20 < silence[0, 0] < 30 * 150
    assert (busy > silence + 3 * 30 * 3).all()


def test_lists_of_synapses_take_fewer_instructions():
    """A quarter of the synapses, at the same events; the update of the neurons stays."""
    dense = random_network(neurons=(60,), inputs=8, maximum=1)
    events = np.ones((10, 1, 8), np.int64)
    pruned = pruned_network(dense, 15)
    silent = instructions(pruned, np.zeros_like(events))
    whole, found = (instructions(network, events)[0, 0] - silent[0, 0] for network in (dense, pruned))
    assert found < 0.7 * whole


def test_the_same_tables_in_the_flash_of_the_board(tmp_path):
    network = random_network(neurons=(40, 20))
    folder = written(network, "net", tmp_path)
    command = ["arm-none-eabi-gcc", *STRICT, "-O2", "-mcpu=cortex-m4", "-mthumb", "-Isrc", "-c", "src/net.c"]
    execute(*command, folder=folder)
    text, data, bss = re.findall(r"\d+", execute("arm-none-eabi-size", "net.o", folder=folder).splitlines()[1])[:3]
    assert (data, bss) == ("0", "0")
    code = int(text) - flash_bytes(plan_network(network))
    assert 0 < code < 4000
    undefined = set(re.findall(r"U (\w+)", execute("arm-none-eabi-nm", "net.o", folder=folder)))
    assert undefined <= {"memset", "memcpy"}


def test_a_network_too_large_for_the_board_is_refused():
    network = random_network(inputs=1, neurons=(2050,))
    message = (
        r"backend 'c-qemu': 4,\d+,\d+ bytes of constant tables found, the simulated board has room for 4,063,232; "
    )
    with pytest.raises(Unsupported, match=message):
        C_QEMU.run(network, messages_for(network, 2, 1))


def test_a_hang_is_a_failure():
    network = random_network()
    files = sources(plan_network(network))
    text = (
        files["src/network.c"]
        .decode()
        .replace("    size_t fired = 0;\n", "    for (;;) {\n    }\n    size_t fired = 0;\n")
    )
    backend = CBackend(CortexM4(), seconds=1)
    with pytest.raises(BackendFailure, match=r"backend 'c-qemu': .* did not end within 1 s and was killed"):
        backend.replay(plan_network(network), files | {"src/network.c": text.encode()}, messages_for(network, 2, 1))


def test_a_fault_of_the_processor_is_a_failure():
    network = random_network()
    files = sources(plan_network(network))
    text = files["src/network.c"].decode()
    text = text.replace("    size_t fired = 0;\n", "    size_t fired = 0;\n    *(volatile int *)0xf0000000u = 1;\n", 1)
    with pytest.raises(BackendFailure, match=r"failed with status 1; (?s:.*)the processor took a fault"):
        C_QEMU.replay(plan_network(network), files | {"src/network.c": text.encode()}, messages_for(network, 2, 1))


def test_spikes_only():
    network = random_network()
    messages = messages_for(network, 10, 2)
    assert_equal(C_QEMU.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


@pytest.mark.parametrize(
    ("absent", "message"),
    [
        (
            {"arm-none-eabi-gcc"},
            "arm-none-eabi-gcc is not installed: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi",
        ),
        ({"qemu-system-arm"}, "qemu-system-arm is not installed: apt install qemu-system-arm"),
    ],
)
def test_absent_tools_say_which_package(monkeypatch, absent, message):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in absent else which(name))
    with pytest.raises(Unavailable, match=f"backend 'c-qemu' is not available: {message}"):
        load_backend("c-qemu")
