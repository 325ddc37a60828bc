"""The Triton engine: its cases on the GPU and under the interpreter, and what its kernels compile to for CUDA."""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from kernel_problems import Network

from brf_deploy.errors import Unsupported
from brf_training.kernels.choice import ENGINES
from brf_training.kernels.triton_engine import MOST_RECURRENT, TritonEngine
from brf_training.neurons import NEURONS

HERE = Path(__file__).parent
SWITCH = "TRITON_INTERPRET"
HOPPER, HOPPER_SHARED_MEMORY = 90, 227 * 1024
LEAST_SHARED_MEMORY = 99 * 1024  # of any device of compute capability 8.0 or higher
# Bytes a thread may spill, by neurons: two or three of some twenty tiles do not fit the registers of the widest.
SPILLS = {64: 0, 128: 96, 256: 512, MOST_RECURRENT: 1024}

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def python(*arguments, **changes):
    """What a Python process prints, without the switch but with changes of the environment."""
    environment = {name: value for name, value in os.environ.items() if name != SWITCH} | changes
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, cwd=HERE.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("device", ["interpreter", pytest.param("cuda", marks=gpu)])
def test_the_engine_equals_the_loop(device):
    """In a process of its own: Triton interprets for as long as a process lives, or never."""
    changes = {SWITCH: "1", "CUDA_VISIBLE_DEVICES": ""} if device == "interpreter" else {}
    output = python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "triton_cases.py"), **changes)
    assert " passed" in output
    assert "skipped" not in output


def test_every_launch_compiles():
    forward, backward = ["layer_forward"] * 2 + ["readout_forward"], ["readout_backward"] + ["layer_backward"] * 2
    expected = " ".join([*forward, *backward, *forward])
    assert python(str(HERE / "triton_launches.py")).splitlines() == [expected, expected]


def compiled(fn, constants, launch, kind, capability=HOPPER):
    """Shared memory, registers and spilled bytes a thread of a kernel compiled for a GPU that is not there."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.backends.nvidia.compiler import get_ptxas
    from triton.compiler import ASTSource

    neuron = NEURONS[kind]()
    values = neuron.parameters({name: torch.ones(1) for name in neuron.initial})
    numbers = sum(not isinstance(value, torch.Tensor) for value in values)
    weights = "*bf16" if "KEEP" in constants else "*fp32"
    types = {
        **dict.fromkeys(fn.arg_names, "*fp32"), **dict.fromkeys(("steps", "batch", "neurons", "interval"), "i32"),
        **dict.fromkeys(constants, "constexpr"),
        "spikes": "*u8", "weights": weights, "constants": ("fp32",) * numbers,
    }  # fmt: skip
    aligned = {
        (place,): [["tt.divisibility", 16]]
        for place, name in enumerate(fn.arg_names)
        if name == "neurons" or str(types[name]).startswith("*")
    }
    source = ASTSource(fn, types, constants, aligned)
    kernel = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=launch.options())
    assert "fma.rn.f32" not in kernel.asm["ptx"]  # else operations round otherwise than torch's
    architecture = re.search(r"\.target (\w+)", kernel.asm["ptx"])[1]
    with TemporaryDirectory() as folder:
        (Path(folder) / "kernel.ptx").write_text(kernel.asm["ptx"])
        command = [get_ptxas(capability).path, "-v", "--fmad=false", f"--gpu-name={architecture}", "kernel.ptx"]
        report = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stderr
    return kernel.metadata.shared, int(re.search(r"(\d+) bytes spill stores", report)[1])


def check(kind, neurons, shared_memory=HOPPER_SHARED_MEMORY, capability=HOPPER, recurrent=True):
    from brf_training.kernels.triton_launch import LayerLaunch
    from brf_training.kernels.triton_sequence import layer_backward, layer_forward

    launch = LayerLaunch(kind, neurons, len(NEURONS[kind].initial), recurrent, shared_memory)
    for fn, constants in (
        (layer_forward, launch.forward_constants(keep=True)),
        (layer_backward, launch.backward_constants()),
    ):
        shared, spilled = compiled(fn, constants, launch, kind, capability)
        print(kind, neurons, fn.__name__, f"{shared / 1024:.1f} KiB shared, {spilled} bytes spilled")
        assert shared <= shared_memory
        assert spilled <= SPILLS[max(neurons, min(SPILLS))]


@pytest.mark.parametrize("neurons", [64, 128, 256])
def test_kernels_fit_a_hopper_gpu(neurons):
    check("brf", neurons)


def test_feed_forward_kernels_fit():
    check("alif", 64, recurrent=False)


@pytest.mark.slow
@pytest.mark.parametrize("neurons", [64, 128, 256, MOST_RECURRENT])
@pytest.mark.parametrize("kind", list(NEURONS))
def test_kernels_of_every_neuron_fit_a_hopper_gpu(kind, neurons):
    check(kind, neurons)


@pytest.mark.slow
@pytest.mark.parametrize("neurons", [64, 128, 256, MOST_RECURRENT])
def test_kernels_fit_any_gpu_with_bfloat16(neurons):
    check("alif", neurons, LEAST_SHARED_MEMORY, capability=86)


def test_tensors_on_the_cpu_are_left_to_others(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    network = Network(dtype=torch.float32)
    with pytest.raises(Unsupported, match="engine 'triton' cannot run this: tensors on cpu found; it needs a CUDA"):
        network.run(network.sequence(), "triton")
    assert list(ENGINES) == ["native", "triton", "torch"]
    assert isinstance(ENGINES["triton"], TritonEngine)
    assert network.run(network.sequence(), None).readout.isfinite().all()


def test_it_says_how_to_get_triton(monkeypatch):
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setattr("brf_training.kernels.triton_engine.find_spec", lambda name: None)
    network = Network(dtype=torch.float32)
    with pytest.raises(Unsupported, match="Triton is not installed; it comes with torch for CUDA on Linux, or: pip"):
        network.run(network.sequence(), "triton")


def test_choosing_an_engine_does_not_import_triton():
    program = "import sys, brf_training.kernels.choice; print('triton' in sys.modules)"
    assert python("-c", program).strip() == "False"
