"""How a layer's kernels are launched: tiles, warps, and the weights between neurons as the kernels take them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from brf_training.kernels.problem import Kind, LayerTensors
from brf_training.kernels.triton_neurons import NEURONS, TritonNeuron
from brf_training.kernels.triton_sequence import layer_backward, layer_forward, readout_backward, readout_forward

INTERPRETED = not isinstance(layer_forward, triton.runtime.JITFunction)
ROWS = 16  # samples a program: the least that a tensor core's product takes
LEAST, WIDEST = 16, 64  # neurons a program, where they share the grid: as many as there are, between these
WARP = 16  # neurons a warp
TILE = 8192  # weights that are streamed at once
ALWAYS_HELD, HELD = 64, 128  # padded neurons whose weights a program holds: on any device, and given HELD_BYTES
HELD_BYTES = 148 * 1024  # of shared memory, for the backward pass of `HELD` neurons
PARTS = 3  # of a weight in the forward pass, see `split`
READOUT_BLOCK = 32  # integrators a program

# No fused multiply-add: each operation rounds as torch's does, so that spikes do not flip.
OPTIONS: Mapping[str, Any] = {"enable_fp_fusion": False, "num_stages": 3}


@dataclass(frozen=True)
class LayerLaunch:
    """The kernels of a layer: its kind of neuron, sizes, and bytes of shared memory of the device."""

    kind: str
    neurons: int
    parameters: int
    recurrent: bool
    shared_memory: int

    @property
    def neuron(self) -> TritonNeuron:
        """Its functions."""
        return NEURONS[self.kind]

    @cached_property
    def columns(self) -> int:
        """Neurons a program, a power of 2."""
        padded = max(LEAST, int(triton.next_power_of_2(self.neurons)))
        return padded if self.recurrent else min(padded, WIDEST)

    @property
    def warps(self) -> int:
        """Warps a program."""
        return min(max(self.columns // WARP, 4), 32)

    @property
    def held(self) -> bool:
        """Whether a program holds all weights between neurons; else it reads them again at each step."""
        return self.columns <= (HELD if self.shared_memory >= HELD_BYTES else ALWAYS_HELD)

    def grid(self, batch: int) -> tuple[int, int]:
        """Programs over samples and neurons."""
        return -(-batch // ROWS), -(-self.neurons // self.columns)

    def common(self) -> dict[str, Any]:
        """Compile-time arguments of both kernels."""
        return {
            "INTEGRATE": self.neuron.integrate, "RESET": self.neuron.reset, "STATES": self.neuron.states,
            "PARAMETERS": self.parameters, "RECURRENT": self.recurrent, "HELD": self.held, "ROWS": ROWS,
            "COLUMNS": self.columns, "DEPTH": min(self.columns, TILE // self.columns),
        }  # fmt: skip

    def forward_constants(self, keep: bool) -> dict[str, Any]:
        """Compile-time arguments of `layer_forward`: products of spikes and parts of weights, exact in bfloat16."""
        # The interpreter would multiply the bits of bfloat16 as integers.
        operand = tl.float32 if INTERPRETED else tl.bfloat16
        return {**self.common(), "KEEP": keep, "OPERAND": operand, "PARTS": PARTS, "PRECISION": "ieee"}

    def backward_constants(self) -> dict[str, Any]:
        """Compile-time arguments of `layer_backward`: products of three tf32 terms, float32 but for its last bits."""
        precise = {"OPERAND": tl.float32, "PARTS": 1, "PRECISION": "tf32x3"}
        return {**self.common(), **precise, "ADJOINT": self.neuron.adjoint}

    def options(self) -> dict[str, Any]:
        """Of Triton's compiler."""
        return {**OPTIONS, "num_warps": self.warps}

    def forward(self, keep: bool, drive: Tensor, *arguments: Any, interval: int) -> None:
        """`layer_forward`."""
        steps, batch, neurons = drive.shape
        if drive.numel():
            layer_forward[self.grid(batch)](
                drive, *arguments, steps, batch, neurons, interval, **self.forward_constants(keep), **self.options()
            )

    def backward(self, drive: Tensor, *arguments: Any, interval: int) -> None:
        """`layer_backward`."""
        steps, batch, neurons = drive.shape
        if drive.numel():
            layer_backward[self.grid(batch)](
                drive, *arguments, steps, batch, neurons, interval, **self.backward_constants(), **self.options()
            )

    def padded(self, weight: Tensor) -> Tensor:
        """A square weight with zeros up to `columns`."""
        more = self.columns - self.neurons
        return torch.nn.functional.pad(weight, (0, more, 0, more)).contiguous()


def launch_of(kind: Kind, layer: LayerTensors) -> LayerLaunch:
    """How a layer's kernels are launched on the device it is on."""
    shared_memory, device = 0, layer.parameters.device
    if device.type == "cuda":
        shared_memory = triton.runtime.driver.active.utils.get_device_properties(device.index)["max_shared_mem"]
    neurons, recurrent = len(layer.input_weight), layer.recurrent_weight is not None
    return LayerLaunch(kind.neuron.kind, neurons, len(layer.parameters), recurrent, shared_memory)


def split(weight: Tensor) -> Tensor:
    """float32 as a sum of three bfloat16 (3, ...), the smallest first: 8 bits each, which is all that it has.

    Infinity and NaN are in the last part alone, so that the sum is what they are.
    """
    parts, rest = [], weight
    for _ in range(PARTS):
        part = rest.bfloat16()
        parts.append(part)
        rest = torch.where(part.isfinite(), rest - part.float(), 0.0)
    return torch.stack(parts[::-1])


def integrate(drive: Tensor, alpha: Tensor, y: Tensor, readout: Tensor) -> None:
    """`readout_forward`: of drive (steps, batch, outputs) and y (batch, outputs), which it moves on, to readout."""
    _readout(readout_forward, drive, alpha, y, readout)


def integrate_back(g_readout: Tensor, alpha: Tensor, g_y: Tensor, g_each: Tensor) -> None:
    """`readout_backward`: the same backwards, from g_readout to g_each."""
    _readout(readout_backward, g_readout, alpha, g_y, g_each)


def _readout(kernel: Any, given: Tensor, alpha: Tensor, y: Tensor, result: Tensor) -> None:
    steps, size, outputs = len(given), y.numel(), len(alpha)
    if given.numel():
        grid = (-(-size // READOUT_BLOCK),)
        kernel[grid](given, alpha, y, result, steps, size, outputs, BLOCK=READOUT_BLOCK, num_warps=1, **OPTIONS)
