"""LIF networks as Loihi's CUBA neurons, the form that netx itself reads, in integers.

    i' = rtz(i (4096 - iDecay), 12) + 64 (weight @ m + weight_rec @ z)
    z' = 1 if i' > 64 vThMant else 0

A LIF neuron here loses its threshold when it spikes; a CUBA neuron's voltage becomes zero. So the membrane is put where
CUBA never resets, into its current i: the voltage decays fully (``vDecay = 4096``) and repeats the current, and the
loss of the threshold is a weight from each neuron to itself, ``- alpha theta``, which like all recurrence acts one step
later. For the spikes both are the same.

Scales are chosen such that no input can carry a current out of its 24 bits, where Loihi would wrap around.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.errors import Unsupported
from brf_deploy.float_network import FloatLayer, FloatNetwork, LIFNeurons
from brf_deploy.float_reference import leak_factor
from brf_export.netx.synapses import LARGEST_WEIGHT, carried, even, signal_to_noise

Real = npt.NDArray[np.float64]

DECAY_ONE = 1 << 12
ACTIVATION_SHIFT = 6  # of synaptic input and threshold
LARGEST_THRESHOLD = (1 << 17) - 1
LARGEST_CURRENT = LARGEST_THRESHOLD << ACTIVATION_SHIFT  # within 24 bits, and never above the largest threshold
LEAST_SIGNAL_TO_NOISE = 3.0  # dB, as gate E0 of `brf-deploy verify` asks
WHY_NOT = {
    "brf": "netx has no BRF neuron; quantise the network with `brf-deploy quantize` and export the .nir file, which is "
    "carried exactly",
    "bhrf": "netx has no BHRF neuron; train BRF neurons, whose quantised network is carried exactly",
    "rf": "they spike at every step with u above the threshold, while netx's RF_PHASE spikes where its phase crosses "
    "zero and its RF_IZHIKEVICH resets; train BRF neurons, whose quantised network is carried exactly",
    "alif": "netx has no adaptive threshold; train LIF neurons, or BRF neurons, whose quantised network is carried "
    "exactly",
}


@dataclass(frozen=True, eq=False)
class CubaLayer:
    """decay (neurons,): iDecay. threshold: vThMant. weight (neurons, inputs), recurrent (neurons, neurons) or none.

    scale: a current stands for ``i / (64 scale)``. noise: signal to noise of the weights, dB. decay_error: the largest
    error of ``1 - alpha``, relative.
    """

    name: str
    decay: Ints
    threshold: int
    weight: Ints
    recurrent: Ints | None
    scale: float
    noise: float
    decay_error: float


@dataclass(frozen=True, eq=False)
class CubaNetwork:
    """A chain of LIF layers, and the readout, whose current is the output and which never spikes."""

    task: str
    encoding: Encoding
    layers: tuple[CubaLayer, ...]
    readout: CubaLayer
    skip_steps: int


def cuba_network(network: FloatNetwork) -> CubaNetwork:
    """A network of LIF layers in CUBA's integers; raises `Unsupported` for what netx cannot carry."""
    layers: list[CubaLayer] = []
    for layer in network.layers:
        first = not layers
        full_scale, largest = (network.encoding.full_scale, network.encoding.maximum) if first else (1, 1)
        layers.append(_lif(layer, full_scale, largest))
    return CubaNetwork(network.task, network.encoding, tuple(layers), _readout(network), network.skip_steps)


def _lif(layer: FloatLayer, full_scale: int, largest: int) -> CubaLayer:
    neurons, where = layer.neurons, f"layer '{layer.name}'"
    if not isinstance(neurons, LIFNeurons):
        raise Unsupported(f"export to netx: {where}: {neurons.kind} neurons found: {WHY_NOT[neurons.kind]}")
    alpha = leak_factor(neurons.tau_mem, np.float64)
    decay, error = _decay(where, alpha)
    into = (1 - alpha)[:, np.newaxis] * layer.input_weight.astype(np.float64) / full_scale
    loop = np.diag((decay / DECAY_ONE - 1) * neurons.theta)
    if layer.recurrent_weight is not None:
        loop = loop + (1 - alpha)[:, np.newaxis] * layer.recurrent_weight.astype(np.float64)
    largest_scale = min(_largest_scale(into, loop, decay, largest), LARGEST_THRESHOLD / neurons.theta)
    scales = (threshold / neurons.theta for threshold in _descending(int(largest_scale * neurons.theta)))
    (weight, recurrent), scale = _quantized(where, [into, loop], scales, decay, largest)
    threshold = round(scale * neurons.theta)
    noise = min(signal_to_noise(into, weight / scale), signal_to_noise(loop, recurrent / scale))
    return CubaLayer(layer.name, decay, threshold, weight, recurrent, scale, _enough(where, noise), error)


def _readout(network: FloatNetwork) -> CubaLayer:
    alpha = leak_factor(network.readout.tau, np.float64)
    decay, error = _decay("readout", alpha)
    into = (1 - alpha)[:, np.newaxis] * network.readout.weight.astype(np.float64)
    largest_scale = _largest_scale(into, np.zeros((len(into), 0)), decay, 1)
    scales = (largest_scale * 0.99**n for n in range(100))
    (weight,), scale = _quantized("readout", [into], scales, decay, 1)
    noise = _enough("readout", signal_to_noise(into, weight / scale))
    return CubaLayer("readout", decay, LARGEST_THRESHOLD, weight, None, scale, noise, error)


def _decay(where: str, alpha: Real) -> tuple[Ints, float]:
    """iDecay, and the largest relative error of the leak ``1 - alpha``."""
    leak = 1 - alpha
    decay = np.rint(leak * DECAY_ONE).astype(np.int64)
    if (decay < 1).any():
        neuron = int(decay.argmin())
        raise Unsupported(
            f"export to netx: {where}: neuron {neuron} leaks {leak[neuron]:.2g} a step, which is 0 in the 12 bits of "
            "iDecay, so it would never forget; time constants up to 8192 steps can be carried"
        )
    return decay, float(np.abs(decay / DECAY_ONE / leak - 1).max(initial=0))


def _largest_scale(into: Real, loop: Real, decay: Ints, largest: int) -> float:
    """The largest scale at which weights fit in their words and no input can make a current overflow."""
    widest = max(np.abs(into).max(initial=0), np.abs(loop).max(initial=0))
    if widest == 0:
        return 1.0
    drive = (np.abs(into).sum(axis=1) * largest + np.abs(loop).sum(axis=1)) * DECAY_ONE / decay
    return float(min(LARGEST_WEIGHT / widest, LARGEST_THRESHOLD / drive.max()))


def _descending(threshold: int) -> Iterator[int]:
    """Thresholds to try: a percent less each time, at least one."""
    while threshold > 0:
        yield threshold
        threshold = min(threshold - 1, int(threshold * 0.99))


def _quantized(
    where: str, parts: list[Real], scales: Iterable[float], decay: Ints, largest: int
) -> tuple[list[Ints], float]:
    """Even integers for the parts at the first scale at which netx carries them, and that scale."""
    for scale in takewhile(lambda scale: scale > 0, scales):
        weights = [even(part * scale) for part in parts]
        drive = np.abs(weights[0]).sum(axis=1) * largest + sum(np.abs(part).sum(axis=1) for part in weights[1:])
        if (drive * DECAY_ONE <= LARGEST_THRESHOLD * decay).all() and carried(weights):
            return weights, scale
    raise Unsupported(
        f"export to netx: {where}: no scale keeps its weights, from {_least(parts):.2g} to "
        f"{max(np.abs(part).max(initial=0) for part in parts):.2g}, in netx's 8 bits with one exponent for all; "
        "weights within a factor of 100 of each other can be carried"
    )


def _least(parts: list[Real]) -> float:
    magnitudes = np.abs(np.concatenate([part.ravel() for part in parts]))
    return float(magnitudes[magnitudes > 0].min(initial=np.inf)) if magnitudes.any() else 0.0


def _enough(where: str, noise: float) -> float:
    if noise < LEAST_SIGNAL_TO_NOISE:
        raise Unsupported(
            f"export to netx: {where}: in netx's 8-bit weights with one exponent for all, their signal to noise is "
            f"{noise:.1f} dB, at least {LEAST_SIGNAL_TO_NOISE:g} needed; the loss of the threshold at a spike is one "
            "of these weights, so input weights much smaller than the threshold are lost"
        )
    return noise
