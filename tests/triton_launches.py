"""What `test_triton_engine.py` runs in a process of its own: every launch of a run, compiled for a GPU not there.

It goes the way of a launch up to the launch itself, so that arguments are bound, specialised and compiled as they
would be on the GPU. Prints the names of the kernels in the order of their launches.
"""

from unittest import mock

import torch
from kernel_problems import Network, gradients
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver
from triton.runtime.jit import JITFunction

from brf_training.kernels.triton_engine import TritonEngine


class Absent:
    """As much of a driver as compilation asks for."""

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)


def launches(kind, recurrent):
    """Names of the kernels that a run with gradients and one without launch."""
    names, run = [], JITFunction.run

    def compile_only(kernel, *arguments, grid, warmup, **options):
        names.append(kernel.__name__)
        assert "cubin" in run(kernel, *arguments, grid=grid, warmup=True, **options).asm

    network = Network(kind, neurons=(20, 17), dtype=torch.float32, recurrent=recurrent)
    engine = TritonEngine(interval=3)
    with mock.patch.object(JITFunction, "run", compile_only):
        gradients(network.run(network.sequence(7), engine, keep_spikes=True), network.leaves)
        with torch.no_grad():
            network.run(network.sequence(1, 1), engine)
    return names


driver.set_active(Absent())
with mock.patch("brf_training.kernels.triton_engine.device_obstacle", mock.Mock(return_value=None)):
    print(*launches("brf", recurrent=True))
    print(*launches("lif", recurrent=False))
