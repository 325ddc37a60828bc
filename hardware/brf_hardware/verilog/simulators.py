"""Verilator and Icarus Verilog: how each makes a program of a core and its test bench."""

import shutil
from pathlib import Path
from typing import Protocol

from brf_hardware.tools import Tools, run_tool

BUILD_SECONDS = 900


class Simulator(Protocol):
    """Compiles the files of an export in a folder."""

    name: str
    tools: Tools
    cycles_a_second: float  # of a large core on a slow machine; only for deciding that a run hangs

    def build(self, folder: Path, name: str) -> list[str]:
        """Compile; the command that runs the test bench, without its ``+`` arguments."""
        ...


class Icarus:
    """Icarus Verilog: an interpreter. Starts at once, runs slowly, and knows undefined values."""

    name = "icarus"
    tools = Tools({"iverilog": "iverilog", "vvp": "iverilog"})
    cycles_a_second = 2e3

    def build(self, folder: Path, name: str) -> list[str]:
        """Compile to the interpreter's code."""
        program = f"{name}.vvp"
        command = ["iverilog", "-g2012", "-s", f"{name}_tb", "-o", program, "-c", "files.f", f"{name}_tb.sv"]
        run_tool(command, folder, BUILD_SECONDS, "Icarus Verilog build")
        return ["vvp", "-N", program]


class Verilator:
    """Verilator: a C++ program, some ten seconds to build and some thirty times as fast as the interpreter.

    What the design does not set is random, so that a run which needs it shows. Verilator's own library takes most of
    the time to compile; it is kept beside the folders of the builds, and compiled only for the first one.
    """

    name = "verilator"
    tools = Tools({"verilator": "verilator", "make": "make", "c++": "g++"})
    cycles_a_second = 5e4

    def build(self, folder: Path, name: str) -> list[str]:
        """Translate to C++ and compile."""
        objects, library, program = folder / "obj_dir", folder.parent / "verilator-library", "simulation"
        translate = ["verilator", "--exe", "--main", "--timing", "-O3", "--x-assign", "unique", "--x-initial", "unique"]
        names = ["--top-module", f"{name}_tb", "--prefix", "Vsimulation", "-o", program, "-f", "files.f"]
        run_tool([*translate, *names, f"{name}_tb.sv"], folder, BUILD_SECONDS, "Verilator build")
        _copy_library(library, objects)
        make = ["make", "-C", "obj_dir", "-f", "Vsimulation.mk", "OPT_FAST=-O2"]
        run_tool(make, folder, BUILD_SECONDS, "Verilator build")
        _copy_library(objects, library)
        return [f"./obj_dir/{program}", "+verilator+rand+reset+2"]


def _copy_library(source: Path, target: Path) -> None:
    """Object files of Verilator's own library, made newer than the makefile and so up to date for `make`."""
    target.mkdir(exist_ok=True)
    for path in source.glob("verilated*.o"):
        shutil.copyfile(path, target / path.name)
