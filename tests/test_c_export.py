"""The exported C itself: clean under strict compilers, its interface, its sizes, its README, what is refused."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from c_programs import NETWORKS, STRICT, STRICTER, execute, some_messages, written
from float_networks import random_float_network
from networks import pruned_network, random_network

from brf_deploy.errors import CertificateViolation, InvalidInput, Unsupported
from brf_deploy.exporter import export_network, load_exporter
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.reference import REFERENCE
from brf_hardware.c import EXPORTER
from brf_hardware.c.backend import CBackend
from brf_hardware.c.facts import flash_bytes
from brf_hardware.c.layout import state_type
from brf_hardware.c.plan import plan_network
from brf_hardware.c.targets import Host

pytestmark = pytest.mark.needs("gcc")


@pytest.mark.needs("clang")
@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_no_warnings(make, tmp_path):
    folder = written(make(), "net", tmp_path)
    sources = ["src/net.c", "examples/batch/main.c"]
    for compiler, more in (("gcc", ["-Wlogical-op", "-Wduplicated-cond", "-O2"]), ("clang", ["-O0"])):
        execute(
            compiler,
            *STRICT,
            *STRICTER,
            *more,
            "-Isrc",
            "-fsyntax-only" if more == ["-O0"] else "-c",
            *sources,
            folder=folder,
        )


@pytest.mark.needs("clang")
def test_equal_under_clang():
    backend = CBackend(Host("clang", ("-O2", *STRICT[1:5])))
    network = NETWORKS["three layers"]()
    messages = some_messages(network)
    np.testing.assert_array_equal(backend.run(network, messages).readout, REFERENCE.run(network, messages).readout)


ARDUINO = """
#include <string>
struct String : std::string {
    String() {}
    String(const std::string &s) : std::string(s) {}
    int indexOf(char c, int at) const { size_t f = find(c, at); return f == npos ? -1 : (int)f; }
    String substring(int a) const { return String(substr(a)); }
    String substring(int a, int b) const { return String(substr(a, b - a)); }
    long toInt() const { return atol(c_str()); }
};
struct Port {
    void begin(long) {}
    void setTimeout(long) {}
    int available() { return 1; }
    String readStringUntil(char) { char line[256]; if (!fgets(line, 256, stdin)) exit(0); return String(line); }
    void println(unsigned long v) { printf("%lu\\n", v); }
    void println(const char *t) { puts(t); }
};
static Port Serial;
"""


@pytest.mark.needs("g++")
def test_the_sketch_answers_as_the_reference(tmp_path):
    """With a stand-in for the board's serial port; the header must be C++ as well."""
    network = random_network(seed=3, inputs=3, neurons=(8,), outputs=4, maximum=9)
    folder = written(network, "net", tmp_path)
    (folder / "board.cpp").write_text(
        "#include <cstdio>\n#include <cstdlib>\n"
        + ARDUINO
        + (folder / "examples/net/net.ino").read_text()
        + "\nint main() { setup(); for (;;) loop(); }\n"
    )
    execute("gcc", "-std=c99", "-Isrc", "-c", "src/net.c", folder=folder)
    execute("g++", "-Wall", "-Wextra", "-Werror", "-Isrc", "board.cpp", "net.o", "-o", "board", folder=folder)
    messages = some_messages(network, 30, 1)
    lines = [" ".join(f"{c}:{m}" for c, m in enumerate(step) if m) for step in messages[:, 0].tolist()]
    found = execute("./board", folder=folder, input="\n".join(lines) + "\n").split()
    readout = REFERENCE.run(network, messages).readout[:, 0]
    assert found == [str(answer) for answer in readout.argmax(axis=1)]


INTERFACE = """
#include <stdio.h>
#include <string.h>
#include "net.h"
static net_state a, b, before;
int main(void) {
    int32_t ya[NET_OUTPUTS], yb[NET_OUTPUTS];
    const int32_t messages[NET_INPUTS] = {3, 0, 2}, high[NET_INPUTS] = {3, 0, 4}, low[NET_INPUTS] = {0, -1, 0};
    const net_event events[2] = {{0, 3}, {2, 2}}, zeros[3] = {{0, 3}, {1, 0}, {2, 2}};
    const net_event twice[2] = {{1, 1}, {1, 1}}, down[2] = {{2, 1}, {0, 1}}, far[1] = {{3, 1}}, more[1] = {{0, 4}};
    net_reset(&a);
    net_reset(&b);
    for (int t = 0; t < 20; t++) {
        const int status = net_step(&a, messages, ya);
        const int other = (t % 2) ? net_step_events(&b, events, 2, yb) : net_step_events(&b, zeros, 3, yb);
        if (status != NET_OK || other != NET_OK || memcmp(&a, &b, sizeof a) || memcmp(ya, yb, sizeof ya)) return 1;
        if (memcmp(ya, a.readout, sizeof ya)) return 2;
    }
    if (net_step_events(&a, NULL, 0, ya) != NET_OK) return 3;
    before = a;
    memcpy(yb, ya, sizeof ya);
    if (net_step(&a, high, ya) != NET_BAD_MESSAGE || net_step(&a, low, ya) != NET_BAD_MESSAGE) return 4;
    if (net_step_events(&a, more, 1, ya) != NET_BAD_MESSAGE) return 5;
    if (net_step_events(&a, far, 1, ya) != NET_BAD_CHANNEL) return 6;
    if (net_step_events(&a, twice, 2, ya) != NET_BAD_CHANNEL) return 7;
    if (net_step_events(&a, down, 2, ya) != NET_BAD_CHANNEL) return 8;
    if (memcmp(&a, &before, sizeof a) || memcmp(ya, yb, sizeof ya)) return 9;
    const int32_t ties[NET_OUTPUTS] = {-5, 7, 7};
    if (net_class(ties) != 1) return 10;
    net_reset(&a);
    net_reset(&b);
    if (memcmp(&a, &b, sizeof a)) return 11;
    printf("%zu", sizeof(net_state));
    return 0;
}
"""


def test_steps_of_events_equal_steps_of_messages_and_bad_ones_change_nothing(tmp_path):
    network = random_network(seed=4, inputs=3, neurons=(6, 5), outputs=3, maximum=3)
    folder = written(network, "net", tmp_path)
    (folder / "test.c").write_text(INTERFACE)
    execute("gcc", "-std=c99", "-Isrc", "-fsanitize=address,undefined", "src/net.c", "test.c", "-o", "t", folder=folder)
    execute("./t", folder=folder)


@pytest.mark.parametrize("make", NETWORKS.values(), ids=NETWORKS)
def test_sizes_are_what_a_compiler_makes_of_the_code(make, tmp_path):
    """The size of a state and, without optimisation, of every constant table."""
    network = make()
    folder, plan = written(network, "net", tmp_path), plan_network(network)
    (folder / "size.c").write_text(
        f'#include "net.h"\ntypedef char right[sizeof(net_state) == {state_type(plan).itemsize} ? 1 : -1];\n'
    )
    execute("gcc", "-std=c99", "-Isrc", "-fsyntax-only", "size.c", folder=folder)
    execute("gcc", "-std=c99", "-O0", "-Isrc", "-c", "src/net.c", folder=folder)
    tables = re.findall(r"^\w+ (\w+) r net_", execute("nm", "-S", "net.o", folder=folder), re.MULTILINE)
    assert sum(int(size, 16) for size in tables) == flash_bytes(plan)
    facts = EXPORTER.render(network, "net").facts
    assert facts["flash (bytes of constant tables)"] == flash_bytes(plan)
    assert facts["RAM (bytes of a state)"] == state_type(plan).itemsize


def test_operations_of_a_step():
    """3 -> 8 recurrent -> 2: six products and eight sums a neuron, one of each an output, and a row each event."""
    facts = load_exporter("c").render(random_network(), "net").facts
    assert facts["multiplications a step, worst case"] == 6 * 8 + 2
    assert facts["additions a step, worst case"] == 8 * 8 + 2 + 3 * 8 + 8 * 8 + 8 * 2
    graded = EXPORTER.render(random_network(maximum=255, full_scale=255), "net").facts
    assert graded["multiplications a step, worst case"] == 6 * 8 + 2 + 3 * 8


@pytest.mark.parametrize(
    ("neurons", "fan_out", "listed"),
    [(30, 14, True), (30, 15, False), (256, 127, True), (256, 128, False), (257, 85, True), (257, 86, False)],
)
def test_lists_are_stored_where_they_are_smaller(neurons, fan_out, listed):
    """8-bit weights: a target takes a second byte, and a third one beyond 256 targets."""
    network = pruned_network(random_network(neurons=(neurons,)), fan_out)
    recurrent = plan_network(network).layers[0].recurrent
    assert (recurrent.lists is not None) is listed
    assert recurrent.fan_out == (fan_out if listed else neurons)
    entry = (2 if neurons <= 256 else 3) if listed else 1
    assert recurrent.bytes == neurons * recurrent.fan_out * entry + neurons


@pytest.mark.parametrize("fan_out", [0, 1, 5, 9])
def test_lists_hold_every_synapse_once_in_ascending_order(fan_out):
    network = pruned_network(random_network(neurons=(30, 20), outputs=30, weight_bits=5), fan_out)
    plan = plan_network(network)
    blocks = [block for layer in network.layers for block in (layer.input, layer.recurrent)]
    for synapses, block in zip(plan.synapses, [*blocks, network.readout.weight], strict=True):
        assert synapses.lists is not None
        found = np.zeros_like(block.mantissa.T)
        for source in range(block.sources):
            np.add.at(found[source], synapses.lists[source], synapses.weights[source])
            targets = synapses.lists[source][synapses.weights[source] != 0]
            assert (np.diff(targets) > 0).all()
        np.testing.assert_array_equal(found, block.mantissa.T)


def test_a_pruned_network_takes_less_of_everything():
    dense = random_network(neurons=(60,))
    whole, pruned = (EXPORTER.render(network, "net").facts for network in (dense, pruned_network(dense, 6)))
    assert whole["synapses stored"] == 60 * 3 + 60 * 60 + 60 * 2
    assert pruned["synapses stored"] == 6 * 3 + 6 * 60 + 60 * 2  # of two outputs nothing is left out
    for fact in ("flash (bytes of constant tables)", "additions a step, worst case", "synapses that are not 0"):
        assert pruned[fact] < whole[fact] / 2


@pytest.mark.parametrize("shape", ["graded", "permuted"])
def test_the_readme_works_with_a_compiler_and_nothing_else(shape, tmp_path):
    """Its commands, in a folder of their own, with cc, what it calls, and cmp on the path."""
    folder, programs = written(NETWORKS[shape](), "net", tmp_path / "net"), tmp_path / "programs"
    programs.mkdir()
    for name, program in {"cc": "gcc", "as": "as", "ld": "ld", "cmp": "cmp"}.items():
        (programs / name).symlink_to(shutil.which(program))
    commands = re.search(r"```sh\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    done = subprocess.run(
        ["/bin/sh", "-eu", "-c", commands], cwd=folder, env={"PATH": str(programs)}, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (folder / "found.txt").read_bytes() == (folder / "examples/batch/readout.txt").read_bytes()


@pytest.fixture
def batch(tmp_path):
    """The example program of a network of 3 inputs and messages up to 3."""
    folder = written(random_network(seed=4, maximum=3), "net", tmp_path)
    execute("gcc", "-std=c99", "-Isrc", "src/net.c", "examples/batch/main.c", "-o", "net_batch", folder=folder)
    return folder


def test_the_batch_program_runs_sample_after_sample(batch):
    network = random_network(seed=4, maximum=3)
    messages = some_messages(network, 20, 3)
    text = "\n".join(" ".join(map(str, step)) for step in messages.transpose(1, 0, 2).reshape(-1, 3).tolist())
    found = execute("./net_batch", 20, folder=batch, input=text)
    rows = np.array([line.split() for line in found.splitlines()], np.int64)
    readout = REFERENCE.run(network, messages).readout.transpose(1, 0, 2).reshape(-1, 2)
    np.testing.assert_array_equal(rows[:, 1:], readout)
    np.testing.assert_array_equal(rows[:, 0], readout.argmax(axis=1))
    assert execute("./net_batch", 20, folder=batch, input="") == ""


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        ([], "1 2 3 1 2", "step 1: 3 whole numbers expected"),
        ([], "1 2 x", "step 0: 3 whole numbers expected"),
        ([], "1 2 -1", "step 0: 3 whole numbers expected"),
        ([], "1 2 3.5", "step 0: 3 whole numbers expected"),
        ([], "1 2 4", "step 0: a message outside 0 .. 3"),
        ([], f"1 2 {10**40}", "step 0: a message outside 0 .. 3"),
        (["0"], "1 2 3", "usage"),
        (["-1"], "1 2 3", "usage"),
        (["2x"], "1 2 3", "usage"),
        (["2", "3"], "1 2 3", "usage"),
    ],
)
def test_the_batch_program_refuses_what_it_cannot_read(batch, arguments, text, message):
    assert message in execute("./net_batch", *arguments, folder=batch, status=1, input=text)


def test_an_export_is_the_same_every_time_and_names_nothing_of_this_machine():
    first, second = (EXPORTER.render(NETWORKS["three layers"](), "net").files for _ in range(2))
    assert first == second
    assert not any(b"/root" in data or b"/home" in data or b"/tmp" in data for data in first.values())
    assert not any(ord(c) > 126 for data in first.values() for c in data.decode())


@pytest.mark.parametrize("text", ["*/ int evil; /*", "two\nlines", "??/", "back\\slash\\", "ünïcode", '"', "//"])
def test_names_of_tasks_and_layers_are_only_comments(text, tmp_path):
    network = random_network(seed=2, task=text)
    network = replace(network, layers=(replace(network.layers[0], name=text),))
    folder = written(network, "net", tmp_path)
    execute("gcc", *STRICT, "-Isrc", "-c", "src/net.c", "examples/batch/main.c", folder=folder)


@pytest.mark.parametrize("name", ["int", "layer0", "main", "net_2", "state", "x"])
def test_any_other_name_will_do(name, tmp_path):
    folder = written(random_network(seed=2), name, tmp_path)
    execute("gcc", *STRICT, "-Isrc", f"src/{name}.c", "examples/batch/main.c", "-o", "program", folder=folder)


@pytest.mark.parametrize("name", ["string", "stdint", "limits"])
def test_names_of_standard_headers_are_refused(name, tmp_path):
    with pytest.raises(Unsupported, match=f"'{name}.h' is a header of the C library; choose another name"):
        export_network(random_network(), "c", tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_float_network_is_refused(tmp_path):
    with pytest.raises(Unsupported, match="a float network found, the code computes with integers; run `brf-deploy"):
        export_network(random_float_network(), "c", tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_an_uncertified_network_is_refused(tmp_path):
    network = random_network()
    fields = {name: getattr(network, name) for name in ("task", "encoding", "arithmetic", "layers", "readout")}
    with pytest.raises(CertificateViolation):
        export_network(UncertifiedNetwork(**fields), "c", tmp_path / "net")
    assert not list(tmp_path.iterdir())


def test_the_folder_is_whole_or_not_at_all(tmp_path):
    export = export_network(random_network(), "c", tmp_path / "My Net")
    found = {str(path.relative_to(tmp_path / "My Net")) for path in (tmp_path / "My Net").rglob("*") if path.is_file()}
    assert found == set(export.files)
    assert "src/my_net.h" in found
    with pytest.raises(InvalidInput, match="something is there already"):
        export_network(random_network(seed=1), "c", tmp_path / "My Net")
    assert (tmp_path / "My Net/src/my_net.c").read_bytes() == export.files["src/my_net.c"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        export_network(random_network(), "c", tmp_path / "file" / "net")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["My Net", "file"]
