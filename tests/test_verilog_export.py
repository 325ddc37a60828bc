"""What `brf-deploy export --to verilog` writes: clean under lint, self-contained, whole or not at all."""

import re
import subprocess

import numpy as np
import pytest
from float_networks import random_float_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import integer_networks
from verilog_networks import (
    EDGES,
    assert_equal,
    assert_replays,
    export,
    messages_for,
    odd_network,
    random_network,
    with_layer,
)

from brf_deploy.errors import BackendFailure, InvalidInput, Unavailable, Unsupported
from brf_deploy.exporter import export_network, load_exporter
from brf_deploy.layers import Readout, Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_hardware.tools import Tools, run_tool
from brf_hardware.verilog import exporter as exporter_module
from brf_hardware.verilog.backend import ICARUS, NAME, VERILATOR, VerilogBackend
from brf_hardware.verilog.builds import Builds, private_folder
from brf_hardware.verilog.exporter import EXPORTER
from brf_hardware.verilog.ranges import Range
from brf_hardware.verilog.recording import read_recording
from brf_hardware.verilog.simulators import Icarus

pytestmark = pytest.mark.needs("verilator", "iverilog", "make", "g++")

BACKENDS = pytest.mark.parametrize("backend", [ICARUS, VERILATOR], ids=lambda backend: backend.name)
LINT = ["verilator", "--lint-only", "-Wall", "--top-module"]


def lint(network, folder):
    folder.mkdir(exist_ok=True)
    for file, data in export(network).items():
        (folder / file).write_bytes(data)
    run_tool([*LINT, f"{NAME}_core", "-f", "files.f"], folder, 120, "lint")


@given(network=integer_networks())
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_lint_is_clean_on_random_networks(tmp_path_factory, network):
    lint(network, tmp_path_factory.mktemp("lint"))


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_lint_is_clean_on_odd_words(tmp_path_factory, seed):
    lint(odd_network(seed), tmp_path_factory.mktemp("lint"))


@pytest.mark.parametrize("edge", EDGES)
def test_lint_is_clean_at_the_edges(edge, tmp_path):
    lint(EDGES[edge](), tmp_path)


def commands(folder):
    """The shell blocks of an exported README."""
    return re.findall(r"```sh\n(.*?)```", (folder / "README.md").read_text(), flags=re.DOTALL)


def execute(block, folder):
    done = subprocess.run(["sh", "-e", "-c", block], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    warnings = [line for line in (done.stdout + done.stderr).splitlines() if "arning" in line]
    assert all(line.startswith("ABC: Warning: The network is combinational") for line in warnings), warnings


def assert_example_replayed(network, folder):
    """The trace of the example stimulus is the reference's."""
    messages = np.zeros((16, 1, network.inputs), np.int64)
    for step, line in enumerate((folder / "stimulus.txt").read_text().splitlines()):
        index, value, last = map(int, line.split())
        messages[step, 0, index] = value
        assert last == 1
    words = np.fromfile(folder / "trace.bin", "<i4")
    assert_equal(read_recording(network, words, 16, Record.STATES).trace, REFERENCE.run(network, messages))


@pytest.mark.parametrize("name", ["My-Net", "module", "brf_layer", "1"])
def test_the_first_command_of_the_readme(name, tmp_path):
    """Run as it stands, also in a folder named like a keyword or a module."""
    network = random_network(seed=2, inputs=3, neurons=(4, 3), maximum=3)
    export_network(network, "verilog", tmp_path / name)
    execute(commands(tmp_path / name)[0], tmp_path / name)
    assert_example_replayed(network, tmp_path / name)


@pytest.mark.slow
def test_the_other_commands_of_the_readme(tmp_path):
    """Verilator, lint and yosys."""
    network = random_network(seed=2, inputs=3, neurons=(4, 3), maximum=3)
    export_network(network, "verilog", tmp_path / "net")
    _, verilator, checks = commands(tmp_path / "net")
    execute(verilator, tmp_path / "net")
    assert_example_replayed(network, tmp_path / "net")
    execute(checks, tmp_path / "net")


def test_the_folder_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    network = random_network()
    shown = export_network(network, "verilog", tmp_path / "net")
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == sorted(shown.files)
    assert list(tmp_path.iterdir()) == [tmp_path / "net"]
    with pytest.raises(InvalidInput, match="something is there already"):
        export_network(network, "verilog", tmp_path / "net")
    monkeypatch.setattr(exporter_module, "readout_memories", lambda *parts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_network(network, "verilog", tmp_path / "other")
    assert list(tmp_path.iterdir()) == [tmp_path / "net"]


def test_the_same_network_gives_the_same_bytes_and_names_no_place():
    network = random_network(seed=5, neurons=(7,))
    first, second = export(network), export(random_network(seed=5, neurons=(7,)))
    assert first == second
    assert all(data.isascii() and data.endswith(b"\n") for data in first.values())
    assert not any(re.search(rb"[ \t]\n", data) for data in first.values())


def test_the_facts():
    network = random_network(seed=1, inputs=3, neurons=(8,), outputs=2, maximum=255, full_scale=255)
    facts = EXPORTER.render(network, "net").facts
    assert facts["multipliers"] == 1
    assert facts["idle step, cycles"] == 1 + 7 * 8 + 8 + 6 * 2
    assert facts["worst step, cycles"] == 7 * 8 + 8 + 6 * 2 + 8 * 3 + 8 * 8 + 8 * 2
    assert facts["ROM, bits"] > (3 + 8) * 8 * 8 + 8 * 2 * 8
    assert facts["RAM, bits"] > 8 * 2 * 24 + 2 * 24


@pytest.mark.parametrize(
    ("low", "high", "bits"), [(0, 0, 1), (-1, 0, 1), (0, 1, 2), (-2, 1, 2), (-3, 0, 3), (-128, 127, 8), (-129, 0, 9)]
)
def test_signed_words(low, high, bits):
    assert Range(low, high).signed_bits == bits


def test_words_are_no_wider_than_their_ranges():
    """The same network with smaller weights has narrower memories and sums."""
    wide = random_network(seed=3, weight_bits=12)
    layer = wide.layers[0]
    narrow = Synapses(np.sign(layer.input.mantissa), layer.input.exponent)
    networks = (with_layer(wide, recurrent=None), with_layer(wide, recurrent=None, input=narrow))
    sizes = [EXPORTER.render(network, "net").facts for network in networks]
    assert sizes[1]["ROM, bits"] < sizes[0]["ROM, bits"]
    assert sizes[1]["RAM, bits"] < sizes[0]["RAM, bits"]


def test_a_float_network_is_refused():
    with pytest.raises(Unsupported, match="a float network found, the hardware computes with integers; run `brf-dep"):
        EXPORTER.render(random_float_network(), "net")


def test_an_empty_readout_is_refused():
    network = random_network()
    none = np.zeros(0, np.int64)
    empty = Readout(4, none, 16, Synapses(np.zeros((0, 8), np.int64), none))
    parts = (network.task, network.encoding, network.arithmetic, network.layers, empty)
    with pytest.raises(Unsupported, match="with 0 readout outputs found, hardware needs at least 1"):
        EXPORTER.render(IntegerNetwork(*parts), "net")


def test_absent_jinja2_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(exporter_module, "find_spec", lambda name: None)
    message = "jinja2 is not installed: pip install 'brf-deploy\\[report\\]'"
    with pytest.raises(Unavailable, match=f"export format 'verilog' is not available: {message}"):
        load_exporter("verilog")
    with pytest.raises(Unavailable, match=f"backend 'icarus' is not available: {message}"):
        ICARUS.run(random_network(), messages_for(random_network(), 2, 1))


@BACKENDS
def test_the_promised_tools_are_here(backend):
    """Where they are not, this fails and says what to install."""
    found = backend.availability()
    assert found.present, found.detail


@BACKENDS
def test_absent_tools_say_how_to_get_them(backend, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    network = random_network()
    wanted = {
        "icarus": "iverilog, vvp are not installed: apt install iverilog",
        "verilator": r"verilator, make, c\+\+ are not installed: apt install verilator make g\+\+",
    }[backend.name]
    with pytest.raises(Unavailable, match=f"backend '{backend.name}' is not available: {wanted}"):
        backend.run(network, messages_for(network, 2, 1))
    assert Tools({"no-such": "p"}).availability().detail == "no-such is not installed: apt install p"


def test_a_failed_build_is_shown_and_leaves_nothing():
    network, files = random_network(), export(random_network())
    files["brf_ram.sv"] = b"module brf_ram; nonsense\n"
    before = set(private_folder().iterdir())
    with pytest.raises(BackendFailure, match=r"Icarus Verilog build: iverilog failed with status \d+(.|\n)*brf_ram"):
        ICARUS.replay(network, files, messages_for(network, 2, 1))
    assert set(private_folder().iterdir()) == before


def test_a_core_that_hangs_is_told_by_the_test_bench():
    network, files = random_network(), export(random_network())
    files["brf_layer.sv"] = files["brf_layer.sv"].replace(b"if (update_done)", b"if (1'b0)")
    with pytest.raises(BackendFailure, match=r"backend 'icarus': vvp failed(.|\n)*no output for \d+ cycles, in step 0"):
        ICARUS.replay(network, files, messages_for(network, 2, 1))


def test_a_simulation_that_does_not_end_is_killed():
    network, files = random_network(), export(random_network())
    bench = files[f"{NAME}_tb.sv"]
    files[f"{NAME}_tb.sv"] = bench.replace(b"    open_files;\n  end", b"    open_files;\n    while (1) i = 0;\n  end")
    assert files[f"{NAME}_tb.sv"] != bench
    with pytest.raises(BackendFailure, match="vvp did not end within 1 s and was killed; it printed nothing"):
        VerilogBackend(Icarus(), seconds=1).replay(network, files, messages_for(network, 2, 1))


def test_a_trace_that_is_too_short_is_refused():
    network, files = random_network(), export(random_network())
    files[f"{NAME}_tb.sv"] = files[f"{NAME}_tb.sv"].replace(b'$fwrite(trace, "%u", cycle', b'$display("%u", cycle')
    with pytest.raises(BackendFailure, match=r"backend 'icarus': \d+ words of trace found, \d+ expected"):
        ICARUS.replay(network, files, messages_for(network, 2, 1))


def test_a_program_that_cannot_be_started(tmp_path):
    with pytest.raises(BackendFailure, match=r"x: no-such cannot be started \(No such file or directory\)"):
        run_tool(["no-such"], tmp_path, 1, "x")


def test_builds_are_made_once_and_the_oldest_goes_first():
    built = []

    class Counting(Icarus):
        def build(self, folder, name):
            built.append(folder)
            return super().build(folder, name)

    backend = VerilogBackend(Counting(), builds=Builds(kept=1))
    network, other = random_network(seed=1), random_network(seed=2)
    for _ in range(2):
        assert_replays(backend, network, messages_for(network, 3, 1))
    assert len(built) == 1
    assert_replays(backend, other, messages_for(other, 3, 1))
    assert [folder.exists() for folder in built] == [False, True]
