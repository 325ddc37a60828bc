"""The ground stands without the wings: nothing in `brf_deploy` needs them or their packages."""

import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = (
    "brf_training", "brf_export", "brf_hardware", "torch", "nir", "h5py", "lava", "onnx", "onnxruntime", "sklearn",
    "scipy", "matplotlib", "jinja2", "tensorboard",
)  # fmt: skip

# Comes before every test program below: none of these can be imported, as if they were not installed.
BLOCK = f"""
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
sys.path.insert(0, {str(Path(__file__).parent)!r})
"""


def alone(program, *arguments, status=0):
    """Run a program with every wing blocked; its standard output and error."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCK + program, *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == status, done.stderr
    return done.stdout, done.stderr


def command(*arguments, status=0):
    """Run the command line with every wing blocked."""
    return alone("from brf_deploy.cli import main; main(prog_name='brf-deploy')", *arguments, status=status)


@pytest.mark.parametrize("name", BLOCKED)
def test_the_wings_are_really_blocked(name):
    assert "No module named" in alone(f"import {name}", status=1)[1]


def test_every_module_of_the_ground_imports():
    program = """
import importlib, pkgutil, brf_deploy
for module in pkgutil.walk_packages(brf_deploy.__path__, "brf_deploy."):
    importlib.import_module(module.name)
    print(module.name)
"""
    modules = set(alone(program)[0].split())
    assert {f"brf_deploy.{name}" for name in ("network", "reference", "quantization.poles", "cli", "doctor")} <= modules


def test_a_random_network_runs_through_the_reference():
    program = """
from networks import messages_for, random_network
from brf_deploy.backend import load_backend
network = random_network(seed=1, neurons=(8, 5))
trace = load_backend("reference").run(network, messages_for(network, 50, 2))
print([layer.spikes.shape for layer in trace.layers], trace.readout.shape, int(trace.layers[0].spikes.sum()) > 0)
"""
    assert alone(program)[0] == "[(50, 2, 8), (50, 2, 5)] (50, 2, 2) True\n"


def test_a_float_network_is_quantised_and_runs():
    program = """
import numpy as np
from brf_deploy.encoding import Encoding
from brf_deploy.float_network import BRFNeurons, FloatLayer, FloatNetwork, FloatReadout
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
rng = np.random.default_rng(0)
neurons = BRFNeurons(rng.uniform(3, 50, 16), rng.uniform(0.1, 2, 16))
layer = FloatLayer("hidden", neurons, rng.normal(0, 60, (16, 3)), rng.normal(0, 20, (16, 16)))
readout = FloatReadout(np.full(2, 20.0), rng.normal(0, 1, (2, 16)))
network = FloatNetwork("random", Encoding(1, 1), (layer,), readout)
messages = rng.integers(0, 2, (60, 4, 3))
integer = quantize(network, QuantizationConfig(), measure_ranges(network, messages))
trace = REFERENCE.run(integer, messages)
print(trace.layers[0].spikes.shape, int(trace.layers[0].spikes.sum()) > 0)
"""
    assert alone(program)[0] == "(60, 4, 16) True\n"


def test_the_command_line_lists_what_is_missing():
    listing, _ = command("--help")
    words = " ".join(listing.split())
    assert "train (not available) command 'train' needs " in words
    assert "data List and fetch data sets" in words


def test_a_command_of_an_absent_wing_is_a_message():
    _, error = command("train", "digits", "--out", "x", status=2)
    assert error.startswith(
        "brf-deploy: error: command 'train' needs the package 'brf_training', which is not installed"
    )
    assert "Traceback" not in error


def test_the_doctor_works_alone():
    listing, _ = command("doctor")
    assert "reference" in listing
    command("doctor", "--strict", status=1)


def test_an_absent_backend_is_a_message():
    program = """
from brf_deploy.backend import load_backend
from brf_deploy.errors import Unavailable
try:
    load_backend("torch")
except Unavailable as error:
    print(error)
"""
    assert alone(program)[0].startswith("backend 'torch' needs the package ")
