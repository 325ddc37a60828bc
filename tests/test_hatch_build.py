"""The build hook: what it compiles when, and that a machine without a compiler still installs."""

import importlib.util
import os
import shutil
import sys
import sysconfig
import types
from pathlib import Path

import pytest

from brf_deploy.errors import Unavailable
from brf_deploy.native_library import load_native, native_detail

ROOT = Path(__file__).resolve().parents[1]
SOURCE = """#include <cstdint>
extern "C" __attribute__((visibility("default"))) int32_t brf_answer_version() { return 7; }
"""
compiler = pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="no C++ compiler here")


@pytest.fixture
def hook(monkeypatch):
    """The module, with a stand-in for the hatchling that pip provides when it builds."""
    modules = ["hatchling", "hatchling.builders", "hatchling.builders.hooks", "hatchling.builders.hooks.plugin"]
    for name in [*modules, "hatchling.builders.hooks.plugin.interface"]:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["hatchling.builders.hooks.plugin.interface"].BuildHookInterface = object
    monkeypatch.delenv("BRF_REQUIRE_NATIVE", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "hatch_build", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(hook, tmp_path, monkeypatch):
    """A project with one small library."""
    for name in ("wing", "brf_deploy/native"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "wing/answer.cpp").write_text(SOURCE)
    shutil.copy(ROOT / hook.CPU_LEVEL, tmp_path / hook.CPU_LEVEL)
    for path in tmp_path.rglob("*.cpp"):
        os.utime(path, (1e9, 1e9))
    monkeypatch.setattr(hook, "LIBRARIES", (hook.Library("wing/answer", ("wing/answer.cpp", hook.CPU_LEVEL)),))
    return tmp_path


def build(hook, project, target="wheel"):
    """Run the hook; returns what it tells hatchling, and its warnings."""
    warnings, data = [], {"artifacts": []}
    instance = hook.CustomBuildHook()
    instance.root, instance.target_name = str(project), target
    instance.app = types.SimpleNamespace(display_warning=warnings.append)
    instance.initialize("standard", data)
    return data, warnings


@compiler
def test_a_wheel_holds_the_libraries_and_is_for_this_platform(hook, project):
    data, warnings = build(hook, project)
    names = sorted(path.name for path in (project / "wing").iterdir() if path.suffix == hook.SUFFIX)
    assert warnings == []
    assert sorted(data["artifacts"]) == [f"/wing/{name}" for name in names]
    assert data["pure_python"] is False
    assert data["tag"] == f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
    stem = project / "wing/answer"
    assert native_detail(stem, 7) == (True, Path(load_native(stem, 7)._name).name)
    with pytest.raises(Unavailable, match="version 7 found, 8 needed; it is older than the sources"):
        load_native(stem, 8)


@compiler
def test_only_what_is_older_than_its_sources_is_compiled_again(hook, project):
    data, _ = build(hook, project)
    built = {path: path.stat().st_mtime_ns for path in (project / "wing").glob(f"*{hook.SUFFIX}")}
    again, _ = build(hook, project)
    assert again == data
    assert built == {path: path.stat().st_mtime_ns for path in built}
    later = max(built.values()) / 1e9 + 10
    os.utime(project / "wing/answer.cpp", (later, later))
    build(hook, project)
    assert all(path.stat().st_mtime_ns > before for path, before in built.items())


def test_without_a_compiler_there_is_a_warning_and_a_pure_wheel(hook, project, monkeypatch):
    monkeypatch.setattr(hook.shutil, "which", lambda name: None)
    data, warnings = build(hook, project)
    assert data == {"artifacts": []}
    assert "native library 'answer' is not built: no C++ compiler found (" in warnings[0]
    assert "Slower code runs instead" in warnings[0]
    found, detail = native_detail(project / "wing/answer", 7)
    assert not found
    assert "was not built when brf-deploy was installed; install a C++17 compiler" in detail


@compiler
def test_a_compiler_that_fails_is_quoted(hook, project):
    (project / "wing/answer.cpp").write_text("this is not C++")
    data, warnings = build(hook, project)
    assert data == {"artifacts": []}
    assert "failed:" in warnings[0]
    assert "answer.cpp" in warnings[0]
    assert not list((project / "wing").glob("*.part"))


def test_a_release_insists_on_the_libraries(hook, project, monkeypatch):
    monkeypatch.setattr(hook.shutil, "which", lambda name: None)
    monkeypatch.setenv("BRF_REQUIRE_NATIVE", "1")
    with pytest.raises(SystemExit, match="'answer' is not built: no C"):
        build(hook, project)


def test_a_source_distribution_is_not_compiled(hook, project):
    assert build(hook, project, "sdist") == ({"artifacts": []}, [])


def test_every_declared_source_exists(hook):
    for library in hook.LIBRARIES:
        assert all((ROOT / source).is_file() for source in library.sources)


def test_a_library_that_does_not_load_says_why(tmp_path):
    suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
    (tmp_path / f"broken-x86-64-v2{suffix}").write_bytes(b"not a library")
    with pytest.raises(Unavailable, match=r"'broken-x86-64-v2.*' does not load .*install a C\+\+17 compiler"):
        load_native(tmp_path / "broken", 1)
