"""yosys: a small network passes and is counted, its gates compute the same, and what cannot be is told."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from verilog_networks import assert_equal, export, messages_for, random_network

from brf_deploy.errors import BackendFailure, InvalidInput, Unavailable, Unsupported
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record
from brf_hardware.tools import Tools, run_tool
from brf_hardware.verilog import synthesis as synthesis_module
from brf_hardware.verilog.backend import NAME
from brf_hardware.verilog.exporter import EXPORTER, sources
from brf_hardware.verilog.recording import read_recording, stimulus
from brf_hardware.verilog.synthesis import synthesize

pytestmark = pytest.mark.needs("yosys", "iverilog")


@pytest.mark.parametrize("family", ["generic", "ice40"])
def test_a_small_network(family):
    network = random_network(seed=1, neurons=(8,), inputs=2)
    found, facts = synthesize(network, family), EXPORTER.render(network, NAME).facts
    assert found.family == family
    assert found.memory_bits == facts["ROM, bits"] + facts["RAM, bits"]
    assert found.multipliers == {"generic": 1, "ice40": 4}[family]  # 21 x 24 bits of four blocks of 16 x 16
    assert (found.luts > 0) == (family == "ice40")
    assert 200 < found.flip_flops < 2000
    assert found.cells == sum(found.cells_by_type.values())
    assert found.block_rams == (11 if family == "generic" else found.cells_by_type.get("SB_RAM40_4K", 0))


def test_large_memories_stay_memories():
    """Or they would be half a million flip-flops."""
    found = synthesize(random_network(seed=1, neurons=(250,), inputs=2, outputs=3))
    assert found.memory_bits > 500_000
    assert found.flip_flops < 2000


@pytest.mark.slow
@pytest.mark.parametrize("mapping", ["synth -run coarse:", "synth_ice40 -dsp"])
def test_the_gates_equal_the_reference(mapping, tmp_path):
    """The netlist, with the vendor's models of its blocks, under the same test bench."""
    network = random_network(seed=6, inputs=2, neurons=(3, 2), maximum=255, full_scale=255, state_bits=16)
    messages = messages_for(network, 12, 2)
    for file, data in export(network).items():
        (tmp_path / file).write_bytes(data)
    read = f"read_verilog -sv {' '.join(sources(NAME))}; hierarchy -top {NAME}_core; proc; flatten"
    script = f"{read}; {mapping}; clean; write_verilog -noattr gates.v"
    run_tool(["yosys", "-q", "-p", script], tmp_path, 600, "synthesis")
    cells = []
    if "ice40" in mapping:
        models = Path(shutil.which("yosys")).resolve().parents[1] / "share" / "yosys" / "ice40" / "cells_sim.v"
        cells = ["-DNO_ICE40_DEFAULT_ASSIGNMENTS", str(models)]
    bench = (tmp_path / f"{NAME}_tb.sv").read_text()
    # The states are no ports, and have no names any more.
    (tmp_path / "bench.sv").write_text(re.sub(r"    if \(!rst && states != 0.*?    end\n", "", bench, flags=re.DOTALL))
    (tmp_path / "messages.txt").write_text(stimulus(messages))
    build = ["iverilog", "-g2012", *cells, "-s", f"{NAME}_tb", "-o", "gates.vvp", "gates.v", "bench.sv"]
    run_tool(build, tmp_path, 600, "Icarus Verilog")
    run = ["vvp", "-N", "gates.vvp", "+stimulus=messages.txt", "+trace=trace.bin", "+steps=12", "+samples=2"]
    run_tool(run, tmp_path, 600, "simulation of gates")
    words = np.fromfile(tmp_path / "trace.bin", "<i4")
    found = read_recording(network, words, 12, Record.SPIKES).trace
    expected = REFERENCE.run(network, messages, Record.SPIKES)
    assert expected.layers[1].spikes.any()
    assert_equal(found, expected)


def test_an_unknown_family_is_refused():
    with pytest.raises(InvalidInput, match="family 'xilinx': unknown; name one of ice40, generic"):
        synthesize(random_network(), "xilinx")


def test_absent_yosys_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(synthesis_module, "YOSYS", Tools({"no-yosys": "yosys"}))
    with pytest.raises(Unavailable, match="synthesis is not available: no-yosys is not installed: apt install yosys"):
        synthesize(random_network())


def test_a_network_that_cannot_be_exported(monkeypatch):
    def refuse(network, name):
        raise Unsupported("no")

    monkeypatch.setattr(EXPORTER, "render", refuse, raising=False)
    with pytest.raises(Unsupported, match="no"):
        synthesize(random_network())


def test_a_failure_of_yosys_is_shown(monkeypatch):
    monkeypatch.setattr(synthesis_module, "synthesis_script", lambda *parts: "read_verilog nothing.v")
    with pytest.raises(BackendFailure, match=r"synthesis for 'generic': yosys failed with status 1(.|\n)*nothing\.v"):
        synthesize(random_network())
    monkeypatch.setattr(synthesis_module, "synthesis_script", lambda *parts: "log nothing")
    with pytest.raises(BackendFailure, match=r"yosys left no counts in parsed\.json"):
        synthesize(random_network())
