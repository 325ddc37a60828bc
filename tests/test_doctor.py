"""The doctor: what is there, what is not, and how to get it."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

import pytest
from click.testing import CliRunner

from brf_deploy import doctor
from brf_deploy.backend import GROUP as BACKENDS
from brf_deploy.backend import Availability, backend_names
from brf_deploy.cli import main
from brf_deploy.data_sources import DATASETS
from brf_deploy.errors import Unavailable
from brf_deploy.native_library import GROUP as NATIVE
from brf_deploy.registry import EXTRA_OF_MODULE, names


class FakeBackend:
    def __init__(self, name, present=True, detail="version 1"):
        self.name, self.found = name, Availability(present, detail)

    def availability(self):
        return self.found


@pytest.fixture
def quick(monkeypatch):
    """No child processes: torch is not asked for a CUDA device, tools print one version."""
    monkeypatch.delenv("BRF_DATA", raising=False)
    monkeypatch.setattr(doctor, "_ask", lambda command: "" if command[0] == sys.executable else f"{command[0]} 1.0")


@pytest.fixture
def backends(monkeypatch):
    """Replace the declared backends, and those of float networks by none; an exception as a value is raised."""

    def declare(**found):
        def load(group, name, noun):
            if group != BACKENDS:
                return lambda: (True, "any")
            if isinstance(found[name], Exception):
                raise found[name]
            return found[name]

        monkeypatch.setattr(doctor, "backend_names", lambda: list(found))
        monkeypatch.setattr(doctor, "float_backend_names", list)
        monkeypatch.setattr(doctor, "load_entry", load)

    return declare


def run(*arguments):
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)], prog_name="brf-deploy")


def found(*arguments):
    result = run(*arguments, "--json", "-")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.usefixtures("quick")
def test_every_section_is_there(tmp_path):
    sections = found("--data", tmp_path)
    assert sections["python"]["python"]["present"]
    extras = {f"extra {extra}" for extra in EXTRA_OF_MODULE.values()}
    assert set(sections) == {"python", "backend", "float backend", "native", "device", "data", "tool"} | extras
    assert set(sections["backend"]) == set(backend_names())
    assert sections["backend"]["reference"]["present"]
    assert set(sections["float backend"]) == {"numpy", "torch"}
    assert sections["float backend"]["numpy"]["present"]
    assert set(sections["native"]) == set(names(NATIVE))
    assert set(sections["data"]) == {entry.name for entry in DATASETS}
    assert sections["tool"] == {name: {"present": True, "detail": f"{name} 1.0"} for name in ("gcc", "make", "yosys")}


@pytest.mark.usefixtures("quick")
def test_the_table_is_for_people(backends):
    backends(reference=FakeBackend("reference", detail="numpy [any]"))
    result = run()
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "reference" in line)
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["backend", "reference", "present", "numpy [any]"]


@pytest.mark.usefixtures("quick")
def test_absent_packages_say_how_to_get_them(monkeypatch):
    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(doctor, "version", absent)
    sections = found()
    assert sections["extra nir"]["h5py"] == {"present": False, "detail": "pip install 'brf-deploy[nir]'"}
    assert sections["extra lava"]["lava-nc"]["detail"] == (
        "pip install 'brf-deploy[lava]', then pip install --no-deps --ignore-requires-python lava-nc==0.10.0"
    )
    assert sections["device"]["CUDA"]["detail"] == "torch is not installed: pip install 'brf-deploy[train]'"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    "error",
    [
        Unavailable("backend 'x' needs the package 'torch', which is not installed: pip install 'brf-deploy[train]'"),
        ImportError("cannot import name 'X'"),
        AttributeError("module has no attribute 'X'"),
    ],
)
def test_a_backend_that_does_not_import_is_absent_with_the_reason(backends, error):
    backends(x=error)
    assert found()["backend"]["x"] == {"present": False, "detail": str(error)}


@pytest.mark.usefixtures("quick")
def test_strict_fails_where_a_backend_is_absent(backends):
    backends(reference=FakeBackend("reference"), lava=FakeBackend("lava", present=False, detail="get it"))
    assert run().exit_code == 0
    assert run("--strict").exit_code == 1
    backends(reference=FakeBackend("reference"))
    assert run("--strict").exit_code == 0


@pytest.mark.usefixtures("quick")
def test_absent_data_sets_say_how_to_get_them(tmp_path):
    absent = found("--data", tmp_path)["data"]["ecg"]
    assert absent == {"present": False, "detail": f"absent: brf-deploy data fetch ecg --data {tmp_path}"}
    assert found()["data"]["ecg"]["detail"] == "absent: brf-deploy data fetch ecg --data DIR"


@pytest.mark.usefixtures("quick")
def test_present_data_sets_are_found(data_dir):
    if all((data_dir / "ecg" / name).is_file() for name in ("QTDB_train.mat", "QTDB_test.mat")):
        assert found("--data", data_dir)["data"]["ecg"] == {"present": True, "detail": f"in {data_dir}"}


@pytest.mark.parametrize(
    ("answer", "present", "detail"),
    [
        ("NVIDIA H200", True, "NVIDIA H200"),
        ("", False, "torch sees no CUDA device; the CPU is used"),
        (None, False, "torch does not import; `python -c 'import torch'` shows why"),
    ],
)
def test_cuda(monkeypatch, answer, present, detail):
    monkeypatch.setattr(doctor, "version", lambda name: "2.13.0")
    monkeypatch.setattr(doctor, "_ask", lambda command: answer)
    assert doctor._cuda() == doctor.Finding("device", "CUDA", present, detail)


def test_an_absent_tool_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    details = {finding.name: finding.detail for finding in doctor._tools() if not finding.present}
    assert details["gcc"] == "install it with the system's packages, for example: apt install gcc"


def test_asking_a_program():
    assert doctor._ask([sys.executable, "-c", "print('one'); print('two')"]) == "one"
    assert doctor._ask([sys.executable, "-c", "raise SystemExit(3)"]) is None
    assert doctor._ask(["/nowhere/program"]) is None


def test_a_program_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE", 0.2)
    assert doctor._ask([sys.executable, "-c", "import time; time.sleep(60)"]) is None


def test_doctor_never_imports_torch():
    program = (
        "import sys; from brf_deploy.cli import main\n"
        "main(['doctor', '--json', '-'], standalone_mode=False)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "False"
