"""Compiles the native libraries into the packages, once for each level of the x86-64 instruction set.

The build that fits is chosen when a library is loaded (`brf_deploy.native_library`). Without a C++ compiler the
installation goes through with a warning, and slower code runs instead; with ``BRF_REQUIRE_NATIVE=1`` it fails.
``CXX`` names another compiler.
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden", "-shared", "-pthread")
X86_LEVELS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
COMPILERS = ("clang++", "g++") if sys.platform == "win32" else ("c++", "g++", "clang++")
CPU_LEVEL = "brf_deploy/native/cpu_level.cpp"


@dataclass(frozen=True)
class Library:
    """A shared library: its path without level and suffix, its source files; headers lie beside them."""

    output: str
    sources: tuple[str, ...]


LIBRARIES = (
    Library("training/brf_training/kernels/training", ("training/brf_training/kernels/training.cpp", CPU_LEVEL)),
    Library("hardware/brf_hardware/fast/engine", ("hardware/brf_hardware/fast/engine.cpp", CPU_LEVEL)),
)


class CustomBuildHook(BuildHookInterface):
    """Runs before a wheel or an editable installation is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile what is missing or out of date; mark the wheel as one for this platform."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        built = [path for library in LIBRARIES for path in _build(library, root, self.app.display_warning)]
        if not built:
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["artifacts"] += [f"/{path.relative_to(root).as_posix()}" for path in built]


def _build(library: Library, root: Path, warn: Any) -> list[Path]:
    """The library's builds, made where they are older than what they are made from."""
    wanted = {level: root / f"{library.output}-{level}{SUFFIX}" for level in _levels()}
    stale = [
        level for level, path in wanted.items() if not path.is_file() or path.stat().st_mtime < _newest(library, root)
    ]
    compiler = os.environ.get("CXX") or next(filter(shutil.which, COMPILERS), None)
    if stale and compiler is None:
        return _refuse(f"no C++ compiler found ({', '.join(COMPILERS)})", library, warn)
    running = [(wanted[level], _compile(str(compiler), library, root, level, wanted[level])) for level in stale]
    messages = [_finish(process, path) for path, process in running]
    if failures := [message for message in messages if message]:
        return _refuse(f"{compiler} failed:\n{failures[0]}", library, warn)
    return list(wanted.values())


def _levels() -> tuple[str, ...]:
    return X86_LEVELS if platform.machine().lower() in ("x86_64", "amd64") else ("generic",)


def _newest(library: Library, root: Path) -> float:
    """When anything that the library is made from last changed."""
    folders = {(root / source).parent for source in library.sources}
    files = [path for folder in folders for path in folder.iterdir() if path.suffix in (".cpp", ".hpp", ".h")]
    return max(path.stat().st_mtime for path in (*files, Path(__file__)))


def _compile(compiler: str, library: Library, root: Path, level: str, path: Path) -> "subprocess.Popen[str]":
    machine = () if level == "generic" else (f"-march={level}",)
    linking = ("-static",) if sys.platform == "win32" else ("-fPIC",)
    sources = [str(root / source) for source in library.sources]
    command = [compiler, *FLAGS, *machine, *linking, "-o", str(_unfinished(path)), *sources]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _finish(process: "subprocess.Popen[str]", path: Path) -> str:
    """What the compiler says where it fails; else the library appears under its name, and the answer is empty."""
    output, _ = process.communicate()
    if process.returncode == 0:
        _unfinished(path).replace(path)
        return ""
    _unfinished(path).unlink(missing_ok=True)
    return output or f"exit status {process.returncode}"


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _refuse(reason: str, library: Library, warn: Any) -> list[Path]:
    message = f"native library '{Path(library.output).name}' is not built: {reason}"
    if os.environ.get("BRF_REQUIRE_NATIVE") == "1":
        raise SystemExit(message)
    warn(f"{message}\nSlower code runs instead; `brf-deploy doctor` tells how to get it.")
    return []
