"""Exported files in clean environments with ONNX Runtime and numpy alone: the oldest promised, and the pinned one."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from networks import messages_for, random_network

from brf_deploy.exporter import export_network
from brf_deploy.float_reference import run_float
from brf_deploy.network import IntegerNetwork
from brf_deploy.reference import REFERENCE

ROOT = Path(__file__).resolve().parents[1]
OLDEST = "1.20.1"
ABSENT = ("onnx", "brf_deploy", "brf_export")

# Narrow and wide words, bytes and wider weights, graded messages, a permutation, several layers; and a float network.
NETWORKS = {
    "bytes": random_network(seed=1, inputs=4, neurons=(36,), outputs=6, state_bits=20),
    "pixels": random_network(seed=2, neurons=(9, 8), maximum=255, full_scale=255, state_bits=32, recurrent=False),
    "wide": random_network(seed=3, neurons=(9, 8, 7), maximum=65535, full_scale=65536, weight_bits=16),
    "permuted": random_network(seed=4, maximum=16, full_scale=16, permutation=np.random.default_rng(0).permutation(60)),
    "float": random_float_network(seed=2, neurons=(16, 10)),
}


def pinned(package):
    """The version of a package in constraints.txt."""
    return re.search(rf"^{package}==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)[1]


def snippet():
    """The program of the README."""
    text = (ROOT / "export" / "brf_export" / "onnx" / "README.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return code


def run(*command, folder):
    """Standard output of a program; its errors are in the failure."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected_readout(network, messages):
    if isinstance(network, IntegerNetwork):
        return REFERENCE.run(network, messages).readout / 2.0**network.readout.fraction
    return run_float(network, messages).readout


def prepare(folder, network):
    """Write what the README's program reads; returns the readout it must compute."""
    folder.mkdir()
    messages = (messages_for if isinstance(network, IntegerNetwork) else random_messages)(network, 60, 3)
    export_network(network, "onnx", folder / "network.onnx")
    np.save(folder / "messages.npy", messages)
    return expected_readout(network, messages)


def check(python, folder, network):
    """The README's program in another interpreter: its readout to the last bit, and the classes that it prints."""
    expected = prepare(folder, network)
    printed = run(python, "-c", snippet() + '\nnp.save("readout.npy", readout)\n', folder=folder)
    found = np.load(folder / "readout.npy")
    if isinstance(network, IntegerNetwork):
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert printed.split("\n")[-2] == str(expected[-1].argmax(axis=-1))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_program_of_the_readme_runs_here(name, tmp_path):
    check(sys.executable, tmp_path / name, NETWORKS[name])


@pytest.mark.slow
@pytest.mark.parametrize("version", [OLDEST, pinned("onnxruntime")])
def test_files_run_with_onnxruntime_and_numpy_alone(version, tmp_path):
    run(sys.executable, "-m", "venv", "venv", folder=tmp_path)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    packages = (f"onnxruntime=={version}", f"numpy=={pinned('numpy')}")
    run(python, "-m", "pip", "install", "--quiet", *packages, folder=tmp_path)
    asked = "import importlib.util as u, onnxruntime as o; print(o.__version__, [m for m in {} if u.find_spec(m)])"
    assert run(python, "-c", asked.format(ABSENT), folder=tmp_path).split("\n")[-2] == f"{version} []"
    for name, network in NETWORKS.items():
        check(python, tmp_path / name, network)
