"""The torch backend: the integer network in float64, on a GPU where there is one.

Coefficients and weights are the real numbers that their integers stand for; states count in units of their last bit.
A power of two only moves the exponent of a float64, and every intermediate of docs/arithmetic.md is an integer below
2**53 times a power of two (checked when the network is made), so each product and sum below is exact, and so is
rounding with `trunc` and `floor`. Not int64, for which torch has no fast matrix product on the CPU and none on a GPU;
not float32, which holds 24 bits.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs, require_present
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import LayerTrace, Record, Trace
from brf_hardware.chunks import run_in_chunks

if TYPE_CHECKING:
    import torch

CHUNK_BYTES = 1 << 30
PRODUCTS_A_THREAD = 1 << 23  # a millisecond's work for one core
STATES = ("u", "v", "q")


class TorchBackend:
    """Runs integer networks in torch.

    device: "cpu", "cuda" or "cuda:1"; None takes the GPU where there is one. chunk_bytes: samples are run in chunks
    whose messages and records fit in this much of the device's memory.
    """

    name = "torch"
    slow = False

    def __init__(self, device: str | None = None, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.device, self.chunk_bytes = device, chunk_bytes

    def availability(self) -> Availability:
        """Whether torch is installed, found without importing it."""
        if find_spec("torch") is None:
            return Availability(False, "torch is not installed: pip install 'brf-deploy[train]'")
        return Availability(True, f"torch {version('torch')}")

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence."""
        messages = check_inputs(network, inputs)
        with _inference(self.device) as device, _threads(network, messages.shape[1]):
            compiled = _Network(network, device)
            return run_in_chunks(lambda chunk: compiled.run(chunk, record), network, messages, record, self.chunk_bytes)


TORCH = TorchBackend()


@contextmanager
def _inference(name: str | None) -> "Iterator[torch.device]":
    """The chosen device, with gradients off."""
    require_present(TORCH)
    import torch

    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise InvalidInput(f"torch device '{name}': not a device; name 'cpu', 'cuda' or 'cuda:1'") from None
    present = {"cpu": 1, "cuda": torch.cuda.device_count()}
    if (device.index or 0) >= present.get(device.type, 0):
        raise Unavailable(
            f"torch device '{name}' is not here, or has no float64; torch sees 'cpu' and {present['cuda']} times 'cuda'"
        )
    with torch.inference_mode():
        yield device


@contextmanager
def _threads(network: IntegerNetwork, batch: int) -> Iterator[None]:
    """No more CPU threads than a step's matrix products can use, for the time of a run.

    Threads that share too little wait for each other; on a busy machine that made a step fifty times slower.
    """
    import torch

    products = max(layer.count * max(layer.count, layer.input.sources) for layer in network.layers)
    allowed = torch.get_num_threads()
    torch.set_num_threads(min(allowed, 1 + batch * products // PRODUCTS_A_THREAD))
    try:
        yield
    finally:
        torch.set_num_threads(allowed)


class _Network:
    """An integer network's constants on a device."""

    def __init__(self, network: IntegerNetwork, device: "torch.device") -> None:
        self.device, self.outputs = device, network.outputs
        self.layers = [
            _Layer(layer, network.input_fraction(index), network.arithmetic, device)
            for index, layer in enumerate(network.layers)
        ]
        self.readout = _Readout(network.readout, network.arithmetic, device)

    def run(self, messages: Ints, record: Record) -> Trace:
        import torch

        steps, batch, _ = messages.shape
        inputs = torch.from_numpy(messages).to(self.device, torch.float64)
        names = STATES if record is Record.STATES else ()
        kept = [layer.silence(steps, batch, names) for layer in self.layers]
        readout = torch.zeros((steps, batch, self.outputs), dtype=torch.int32, device=self.device)
        y = torch.zeros((batch, self.outputs), dtype=torch.float64, device=self.device)
        for t in range(steps):
            below = inputs[t]
            for layer, arrays in zip(self.layers, kept, strict=True):
                below = layer.step(below)
                for name, array in arrays.items():
                    array[t] = getattr(layer, name)
            y = self.readout.step(y, below)
            readout[t] = y
        return Trace(tuple(_layer_trace(arrays) for arrays in kept), readout.cpu().numpy())


def _layer_trace(kept: "dict[str, torch.Tensor]") -> LayerTrace:
    arrays = {name: array.cpu().numpy() for name, array in kept.items()}
    return LayerTrace(arrays.pop("z"), arrays)


class _Layer:
    """One resonator layer: ``a = 1 - d``, w, weights as reals, and the state u, v, q, z (batch, neurons)."""

    u: "torch.Tensor"
    v: "torch.Tensor"
    q: "torch.Tensor"
    z: "torch.Tensor"

    def __init__(
        self, layer: ResonatorLayer, input_fraction: int, arithmetic: Arithmetic, device: "torch.device"
    ) -> None:
        self.device, self.count = device, layer.count
        self.a = _on(device, 1 - np.ldexp(layer.damping, -layer.damping_exponent))
        self.w = _on(device, np.ldexp(layer.rotation, -layer.rotation_exponent))
        self.threshold, self.limit, self.one = layer.threshold, arithmetic.limit, 2.0**layer.state_fraction
        refractory, self.reset_unit = layer.refractory, 2.0**-arithmetic.reset_fraction
        self.decay = refractory.decay * 2.0**-refractory.decay_exponent
        shift = refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction)
        self.gain = refractory.gain * 2.0**-shift
        self.input = _columns(device, layer.input, input_fraction)
        self.recurrent = None
        if layer.recurrent is not None:
            self.recurrent = _columns(device, layer.recurrent, layer.state_fraction)

    def silence(self, steps: int, batch: int, names: tuple[str, ...]) -> "dict[str, torch.Tensor]":
        """Reset the state; returns empty records (time, batch, neurons) of the spikes and of the named states."""
        import torch

        self.u, self.v, self.q, self.z = torch.zeros((4, batch, self.count), dtype=torch.float64, device=self.device)
        types = {"z": torch.bool, **dict.fromkeys(names, torch.int32)}
        shape = (steps, batch, self.count)
        return {name: torch.zeros(shape, dtype=dtype, device=self.device) for name, dtype in types.items()}

    def step(self, below: "torch.Tensor") -> "torch.Tensor":
        """One step of docs/arithmetic.md section 2; returns the spikes."""
        x = below @ self.input
        if self.recurrent is not None:
            x = x.addmm(self.z, self.recurrent)
        a = self.a - (self.q * self.gain + 0.5).floor() * self.reset_unit
        u = ((a * self.u - self.w * self.v).trunc() + x).clamp(-self.limit, self.limit)
        self.v = (a * self.v + self.w * self.u).trunc().clamp(-self.limit, self.limit)
        self.u, self.z = u, (u > self.q + self.threshold).double()
        self.q = (self.q * self.decay).floor() + self.z * self.one
        return self.z


class _Readout:
    """The leaky integrators: ``alpha = 1 - leak`` and weights as reals."""

    def __init__(self, readout: Readout, arithmetic: Arithmetic, device: "torch.device") -> None:
        self.alpha = _on(device, 1 - np.ldexp(readout.leak, -readout.leak_exponent))
        self.weight, self.limit = _columns(device, readout.weight, readout.fraction), arithmetic.limit

    def step(self, y: "torch.Tensor", z: "torch.Tensor") -> "torch.Tensor":
        """The integrators after this step's spikes z."""
        return ((self.alpha * y).trunc() + z @ self.weight).clamp(-self.limit, self.limit)


def _columns(device: "torch.device", synapses: Synapses, fraction: int) -> "torch.Tensor":
    """Weights (sources, targets) in units of the last bit of a state with `fraction` fraction bits."""
    return _on(device, np.ldexp(synapses.mantissa.T, synapses.shift(fraction)))


def _on(device: "torch.device", values: npt.NDArray[np.float64]) -> "torch.Tensor":
    import torch

    return torch.from_numpy(np.ascontiguousarray(values)).to(device)
