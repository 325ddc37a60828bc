"""The exported Lava project, run in interpreters that cannot import this project, against the reference."""

import os
import subprocess
import sys
import venv
from dataclasses import replace
from importlib.metadata import requires
from io import BytesIO
from pathlib import Path
from site import getsitepackages

import numpy as np
import pytest
from float_networks import random_float_network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.errors import CertificateViolation, InvalidInput, Unsupported
from brf_deploy.exporter import export_network, load_exporter
from brf_deploy.layers import Synapses
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record, Trace
from brf_hardware.equivalence.difference import first_difference
from brf_hardware.lava.project import EXPORTER
from brf_hardware.lava.stored import sums

pytestmark = pytest.mark.xdist_group("lava")

# Without `site` there are no .pth files, so an editable installation is not found; any other is refused here.
ALONE = """
import runpy, sys

OURS = ("brf_deploy", "brf_training", "brf_export", "brf_hardware")

class NoProject:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in OURS:
            raise ModuleNotFoundError(f"the project reached for {name}")

sys.meta_path.insert(0, NoProject())
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    assert not [name for name in sys.modules if name.startswith(OURS)]
"""


def alone(folder, *arguments):
    """`run.py` with `arguments` where nothing of this project can be imported."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join([str(folder), *getsitepackages()])}
    command = [sys.executable, "-S", "-c", f"import sys; sys.argv[0] = 'run.py'\n{ALONE}", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def run_alone(folder, messages):
    np.save(folder / "messages.npy", messages)
    done = alone(folder, "--input", "messages.npy", "--states")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return Trace.load(folder / "trace.npz")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A small network, its messages and its project."""
    network = random_network(seed=4, neurons=(6, 4), maximum=255, full_scale=255)
    folder = tmp_path_factory.mktemp("exported") / "small"
    export_network(network, "lava", folder)
    return network, messages_for(network, 30, 2), folder


def copy_of(folder, target, edits):
    """The project with edited files, contents by name; its checksums follow."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    files |= edits
    files["SHA256SUMS"] = sums({name: data for name, data in files.items() if name != "SHA256SUMS"})
    for name, data in files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)
    return target


def assert_equal(found, expected):
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@given(network=integer_networks(max_neurons=10), steps=st.integers(2, 25), batch=st.integers(1, 3))
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_equal_on_random_networks(tmp_path_factory, network, steps, batch):
    folder = tmp_path_factory.mktemp("random") / "net"
    export_network(network, "lava", folder)
    messages = messages_for(network, steps, batch)
    assert_equal(run_alone(folder, messages), REFERENCE.run(network, messages))


def test_equal_in_saturation(tmp_path):
    network = random_network(seed=3, neurons=(6, 5, 4), maximum=255, full_scale=255, state_bits=16)
    messages = messages_for(network, 60, 3)
    expected = REFERENCE.run(network, messages)
    assert (np.abs(expected.layers[0].states["u"]) == network.arithmetic.limit).any()
    export_network(network, "lava", tmp_path / "net")
    assert_equal(run_alone(tmp_path / "net", messages), expected)


@pytest.mark.parametrize(
    ("options", "steps", "batch"),
    [
        ({"recurrent": False, "weight_bits": 16, "state_bits": 32}, 20, 2),
        ({"inputs": 1, "neurons": (1,), "outputs": 1}, 1, 1),
        ({"maximum": 3, "permutation": np.random.default_rng(0).permutation(20)}, 20, 2),
        ({}, 0, 2),
    ],
    ids=["wide, feed-forward", "one of everything", "permuted time", "no step"],
)
def test_equal_at_the_edges(tmp_path, options, steps, batch):
    network = random_network(seed=5, **options)
    export_network(network, "lava", tmp_path / "net")
    messages = messages_for(network, steps, batch)
    assert_equal(run_alone(tmp_path / "net", messages), REFERENCE.run(network, messages))


def test_one_sample_and_spikes_only(exported, tmp_path):
    network, messages, folder = exported
    np.save(tmp_path / "one.npy", messages[:, 0].astype(np.uint8))
    done = alone(folder, "--input", str(tmp_path / "one.npy"), "--output", str(tmp_path / "one.npz"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 samples of 30 steps")
    assert_equal(Trace.load(tmp_path / "one.npz"), REFERENCE.run(network, messages[:, :1], Record.SPIKES))


def test_the_readmes_command_from_another_folder(exported, tmp_path):
    network, messages, folder = exported
    np.save(tmp_path / "messages.npy", messages)
    command = [sys.executable, str(folder / "run.py"), "--input", "messages.npy", "--states"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert_equal(Trace.load(tmp_path / "trace.npz"), REFERENCE.run(network, messages))


def at_threshold():
    """One layer whose first step takes u to exactly the threshold, where nothing may spike."""
    network = random_network(seed=2, inputs=1, neurons=(3,))
    layer = replace(network.layers[0], input=Synapses(np.ones((3, 1), np.int64), np.zeros(3, np.int64)))
    return replace(network, layers=(layer,)), np.ones((4, 1, 1), np.int64)


def ordinary():
    network = random_network(seed=4, neurons=(6, 4), maximum=255, full_scale=255)
    return network, messages_for(network, 30, 2)


def dynamics(old, new):
    def edit(folder):
        text = (folder / "brf_lava/dynamics.py").read_text()
        assert text.count(old) == 1
        return {"brf_lava/dynamics.py": text.replace(old, new).encode()}

    return edit


def one_weight(folder):
    with np.load(folder / "weights.npz") as file:
        arrays = {name: file[name] for name in file.files}
    arrays["layer1.input.weights"][2, 1] += 1
    data = BytesIO()
    np.savez(data, **arrays)
    return {"weights.npz": data.getvalue()}


FAULTS = {
    "v rounded down": (
        ordinary,
        dynamics("toward_zero(a * v + self.rotation * u, self.fraction)", "a * v + self.rotation * u >> self.fraction"),
        (0, "v"),
    ),
    "one weight": (ordinary, one_weight, (1, "u")),
    ">= for >": (at_threshold, dynamics("next_u - q > self.threshold", "next_u - q >= self.threshold"), (0, "spikes")),
    "new u in v": (ordinary, dynamics("a * v + self.rotation * u,", "a * v + self.rotation * next_u,"), (0, "v")),
}


@pytest.mark.parametrize(("case", "edit", "where"), FAULTS.values(), ids=list(FAULTS))
def test_planted_faults_are_found_and_located(tmp_path, case, edit, where):
    network, messages = case()
    export_network(network, "lava", tmp_path / "sound")
    faulty = copy_of(tmp_path / "sound", tmp_path / "faulty", edit(tmp_path / "sound"))
    difference = first_difference(REFERENCE.run(network, messages), run_alone(faulty, messages))
    assert (difference.layer, difference.field) == where
    if case is at_threshold:
        assert (difference.step, difference.expected, difference.found) == (0, 0, 1)
    if edit is one_weight:
        assert difference.neuron == 2


@pytest.mark.parametrize("name", ["weights.npz", "parameters.json"])
def test_damaged_files_are_refused(exported, tmp_path, name):
    _, messages, folder = exported
    copy_of(folder, tmp_path, {})
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    np.save(tmp_path / "messages.npy", messages)
    done = alone(tmp_path, "--input", "messages.npy")
    assert done.returncode == 1
    assert done.stderr.startswith("run.py: ")
    assert f"{name}' is not the file that SHA256SUMS names: damaged or changed; export again" in done.stderr
    assert not (tmp_path / "trace.npz").exists()


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (np.full((4, 1, 3), 256), "input: 0..256 found, the network accepts 0..255"),
        (np.full((4, 1, 3), -1), "input: -1..-1 found, the network accepts 0..255"),
        (np.zeros((4, 1, 5), int), "input: shape (4, 1, 5) found, (time, batch, 3) needed"),
        (np.zeros((4, 0, 3), int), "input: shape (4, 0, 3) found, at least one sample needed"),
        (np.zeros(4, int), "input: shape (4,) found, (time, batch, 3) needed"),
        (np.zeros((4, 1, 3)), "input: dtype float64 found, integers 0..255 needed"),
        (np.array({"a": 1}), "not a .npy file that can be read"),
        (None, "No such file or directory"),
    ],
)
def test_bad_input_is_refused(exported, tmp_path, messages, reason):
    if messages is not None:
        if messages.dtype != object and messages.max(initial=0) == 256:
            messages[0] = 0
        np.save(tmp_path / "bad.npy", messages)
    done = alone(exported[2], "--input", str(tmp_path / "bad.npy"), "--output", str(tmp_path / "trace.npz"))
    assert done.returncode == 1
    assert done.stderr.startswith("run.py: input")
    assert reason in done.stderr
    assert not (tmp_path / "trace.npz").exists()


def test_float_and_uncertified_networks_are_refused(tmp_path):
    with pytest.raises(Unsupported, match="a float network found, the models in it are fixed-point; quantise it"):
        export_network(random_float_network(), "lava", tmp_path / "net")
    network = random_network()
    baseline = UncertifiedNetwork(network.task, network.encoding, network.arithmetic, network.layers, network.readout)
    with pytest.raises(CertificateViolation, match="export refused"):
        export_network(baseline, "lava", tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays(exported):
    with pytest.raises(InvalidInput, match="something is there already"):
        export_network(exported[0], "lava", exported[2])


def test_same_network_same_bytes():
    network = random_network(permutation=np.arange(4)[::-1])
    first, second = (EXPORTER.render(network, "net") for _ in range(2))
    assert first == second
    assert first.facts == {"neurons": 8, "synapses": 104, "delay of the readout in Lava, steps": 2}


def test_shipped_sources_are_those_that_the_backends_run(exported):
    lava = Path(sys.modules[EXPORTER.__class__.__module__].__file__).parent.parent
    for path in (exported[2] / "brf_lava").rglob("*.py"):
        name = path.relative_to(exported[2] / "brf_lava")
        if name.as_posix() != "__init__.py":
            assert path.read_text() == (lava / name).read_text().replace("brf_hardware.lava", "brf_lava")
    shipped = "".join(path.read_text() for path in exported[2].rglob("*.py"))
    assert "import brf_" not in shipped.replace("import brf_lava", "")
    assert "from brf_deploy" not in shipped
    assert "from brf_hardware" not in shipped


def test_checksums_name_every_file(exported):
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=exported[2], capture_output=True, text=True, check=True
    )
    files = {p.relative_to(exported[2]).as_posix() for p in exported[2].rglob("*.*") if "__pycache__" not in p.parts}
    generated = {"messages.npy", "trace.npz"}
    assert {line.removesuffix(": OK") for line in done.stdout.splitlines()} == files - generated


def test_requirements_are_those_of_the_extra():
    text = EXPORTER.render(random_network(), "net").files["requirements.txt"].decode()
    declared = {line.split(";")[0].strip() for line in requires("brf-deploy") if line.endswith("'lava'")}
    assert {line for line in text.splitlines() if not line.startswith("#")} == declared


def test_writing_needs_no_lava():
    program = """
import sys
from brf_deploy.exporter import load_exporter
print(load_exporter("lava").availability().present, "lava" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out.split() == ["True", "False"]
    assert load_exporter("lava") is EXPORTER


@pytest.mark.slow
def test_equal_in_an_environment_of_its_own(exported, tmp_path):
    """The README's commands, from nothing but the package index."""
    network, messages, folder = exported
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv/bin/python")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(folder / "requirements.txt")], check=True)
    subprocess.run([*pip, "--no-deps", "--ignore-requires-python", "lava-nc==0.10.0"], check=True)
    absent = subprocess.run([python, "-c", "import brf_deploy"], cwd=tmp_path, capture_output=True, check=False)
    assert absent.returncode == 1
    np.save(tmp_path / "messages.npy", messages)
    command = [python, str(folder / "run.py"), "--input", "messages.npy", "--states"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
    assert_equal(Trace.load(tmp_path / "trace.npz"), REFERENCE.run(network, messages))
