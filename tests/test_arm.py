"""The native libraries on Arm: no warning from the compiler, and in training the numbers that come out here."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import pytest

from brf_training.kernels.library import load

ROOT = Path(__file__).resolve().parents[1]
DRIVER = Path(__file__).with_name("native") / "training_sequence.cpp"
ARM = "aarch64-linux-gnu-g++"
FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-pthread")  # of the build hook
SOURCES = ("training/brf_training/kernels/training.cpp", "hardware/brf_hardware/fast/engine.cpp")
COUNTS = 5 * 36  # the first numbers that the driver prints: spikes of each sample and neuron


@pytest.mark.needs(ARM)
@pytest.mark.parametrize("source", SOURCES)
def test_the_libraries_pass_the_compiler_for_arm_without_a_warning(source):
    command = [ARM, *FLAGS, "-fsyntax-only", "-Wall", "-Wextra", ROOT / source]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.needs("g++", ARM, "qemu-aarch64")
def test_training_on_arm_gives_the_same_bits_as_here(tmp_path):
    if platform.machine() != "x86_64" or load().brf_cpu_level() < 3:
        pytest.skip("this processor has no fused multiply-add of x86-64-v3 to compare with Arm's")
    subprocess.run(["g++", *FLAGS, "-march=x86-64-v3", DRIVER, "-o", tmp_path / "here"], check=True)
    subprocess.run([ARM, *FLAGS, "-static", DRIVER, "-o", tmp_path / "arm"], check=True)
    here = subprocess.run([tmp_path / "here"], capture_output=True, text=True, check=True).stdout
    arm = subprocess.run(["qemu-aarch64", tmp_path / "arm"], capture_output=True, text=True, check=True).stdout
    numbers = np.array(here.split(), np.float64)
    assert np.isfinite(numbers).all()
    assert numbers[:COUNTS].sum() > 1000  # a network that is silent would show little
    assert arm == here
