"""Where the exported code is run: on this machine, and on a simulated microcontroller."""

import shutil
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, Protocol

from brf_deploy.backend import Availability
from brf_deploy.errors import Unsupported
from brf_hardware.c.facts import flash_bytes
from brf_hardware.c.layout import state_type
from brf_hardware.c.plan import NetworkPlan
from brf_hardware.tools import Tools, run_tool

BUILD_SECONDS = 600
Program = Literal["trace", "speed"]


class Target(Protocol):
    """Compiles an export and a program of the harness, and says how to run it."""

    name: str
    slow: bool  # as of a `Backend`
    order: str  # byte order of its files, "<" or "="
    operations_a_second: float  # on a slow and busy machine; only for deciding that a run hangs

    def availability(self) -> Availability:
        """Whether its programs are installed."""
        ...

    def check(self, plan: NetworkPlan) -> None:
        """Raise `Unsupported` for a network that does not fit."""
        ...

    def build(self, folder: Path, name: str, program: Program) -> list[str]:
        """Compile what `Builds` has put into `folder`; the command that runs it, in any folder."""
        ...


@dataclass(frozen=True)
class Host:
    """This machine. compiler: a path or name; None takes the first of `COMPILERS`. flags: for it, after the others."""

    compiler: str | None = None
    flags: tuple[str, ...] = ("-O3",)
    name = "c"
    slow = False
    order = "="
    operations_a_second = 1e7

    COMPILERS = ("cc", "gcc", "clang")

    def availability(self) -> Availability:
        """Whether there is a compiler."""
        found = self._compiler()
        if found is None:
            wanted = self.compiler or "none of " + ", ".join(self.COMPILERS)
            return Availability(False, f"no C compiler: {wanted} found; apt install gcc libc6-dev")
        return Availability(True, found)

    def check(self, plan: NetworkPlan) -> None:
        """Every network fits."""

    def build(self, folder: Path, name: str, program: Program) -> list[str]:
        """A program of the host."""
        executable, sources = folder / program, [f"{program}.c", "port_host.c", f"src/{name}.c"]
        command = [str(self._compiler()), "-std=c99", *self.flags, "-Isrc", *sources, "-o", str(executable)]
        run_tool(command, folder, BUILD_SECONDS, "C build")
        return [str(executable)]

    def _compiler(self) -> str | None:
        wanted = self.COMPILERS if self.compiler is None else (self.compiler,)
        return next(filter(None, map(shutil.which, wanted)), None)


@dataclass(frozen=True)
class CortexM4:
    """A Cortex-M4 on Arm's MPS2 board, image AN386, as QEMU simulates it: 4 MiB for code, 4 MiB for data.

    QEMU counts instructions, not cycles: `TICKS_AN_INSTRUCTION` of the harness's clock are one instruction.
    """

    name = "c-qemu"
    slow = False
    order = "<"
    operations_a_second = 3e5

    TOOLS = Tools(
        {"arm-none-eabi-gcc": "gcc-arm-none-eabi libnewlib-arm-none-eabi", "qemu-system-arm": "qemu-system-arm"}
    )
    TICKS_AN_INSTRUCTION = 6.4
    MEMORY = 4 << 20
    RESERVED = 128 << 10  # for code, the harness and the stack

    def availability(self) -> Availability:
        """Whether the cross compiler and QEMU are installed."""
        return self.TOOLS.availability()

    def check(self, plan: NetworkPlan) -> None:
        """The tables must fit the board's memory for code, the state its memory for data."""
        room = self.MEMORY - self.RESERVED
        # The harness keeps the messages, the readout and the spikes of a step beside the state.
        beside = 4 * (plan.network.inputs + plan.readout.outputs) + sum(layer.neurons for layer in plan.layers)
        sizes = {"constant tables": flash_bytes(plan), "state": state_type(plan).itemsize + beside}
        for what, size in sizes.items():
            if size > room:
                raise Unsupported(
                    f"backend '{self.name}': {size:,} bytes of {what} found, the simulated board has room for "
                    f"{room:,}; run the network with backend 'c'"
                )

    def build(self, folder: Path, name: str, program: Program) -> list[str]:
        """An image for the board, and QEMU that runs it."""
        image = folder / f"{program}.elf"
        processor = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=soft"]
        sources = [f"{program}.c", "port_mps2.c", f"src/{name}.c", "-nostartfiles", "-Wl,-T,mps2.ld"]
        command = ["arm-none-eabi-gcc", "-std=c99", "-O2", *processor, "-Isrc", *sources, "-o", str(image)]
        run_tool(command, folder, BUILD_SECONDS, "C build for the Cortex-M4")
        quiet = ["-display", "none", "-monitor", "none", "-serial", "none"]
        counted = ["-icount", "shift=8", "-semihosting-config", "enable=on,target=native"]
        return ["qemu-system-arm", "-M", "mps2-an386", *quiet, *counted, "-kernel", str(image)]


def harness_files() -> dict[str, bytes]:
    """The parts of the harness that are the same for every network."""
    with as_file(files("brf_hardware.c") / "harness") as folder:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".jinja"}
