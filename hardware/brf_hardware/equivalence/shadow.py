"""Shadow run: float64 neurons driven by the integer run's spikes, decision by decision.

Recurrent input and refractory state come from the integer run, so errors cannot accumulate into chaos: a neuron
inside the disc is contractive. Where the only disagreements have ``|u - theta - q| <= eps``, the integer spike train
is exactly that of the float network with thresholds perturbed by at most eps.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Bools, Ints
from brf_deploy.fixed_point import to_real
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization.poles import Poles, float_poles, integer_poles, require_brf
from brf_deploy.trace import Trace

Real = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ShadowLayer:
    """A BRF layer in real numbers, state units theta's own: weights act on integer messages and already hold dt."""

    poles: Poles
    reset_gain: float
    gamma: float
    theta: float
    input_weight: Real
    recurrent_weight: Real | None


def dequantized(network: IntegerNetwork) -> tuple[ShadowLayer, ...]:
    """M1: the exact real numbers that the integers stand for."""
    layers = []
    for index, layer in enumerate(network.layers):
        message_bits = layer.state_fraction - network.input_fraction(index)
        recurrent = layer.recurrent
        layers.append(
            ShadowLayer(
                poles=integer_poles(layer),
                reset_gain=float(to_real(layer.refractory.gain, layer.refractory.gain_exponent)),
                gamma=float(to_real(layer.refractory.decay, layer.refractory.decay_exponent)),
                theta=float(to_real(layer.threshold, layer.state_fraction)),
                input_weight=to_real(layer.input.mantissa, (layer.input.exponent + message_bits)[:, None]),
                recurrent_weight=None
                if recurrent is None
                else to_real(recurrent.mantissa, recurrent.exponent[:, None]),
            )
        )
    return tuple(layers)


def original(network: FloatNetwork) -> tuple[ShadowLayer, ...]:
    """M0: the trained parameters in float64."""
    layers = []
    for index, layer in enumerate(network.layers):
        neurons = require_brf(layer)
        scale = neurons.dt / (network.encoding.full_scale if index == 0 else 1)
        recurrent = layer.recurrent_weight
        layers.append(
            ShadowLayer(
                poles=float_poles(neurons),
                reset_gain=neurons.dt,
                gamma=neurons.gamma,
                theta=neurons.theta,
                input_weight=layer.input_weight.astype(np.float64) * scale,
                recurrent_weight=None if recurrent is None else recurrent.astype(np.float64) * neurons.dt,
            )
        )
    return tuple(layers)


@dataclass(frozen=True, eq=False)
class ShadowCount:
    """Decisions of a shadow run beside the integer run's, over one or more chunks of samples.

    margin: largest ``|u - theta - q| / theta`` at a disagreement. spikes, shadow_spikes: per neuron, all layers.
    """

    disagreements: int
    margin: float
    spikes: Ints
    shadow_spikes: Ints

    def __add__(self, other: "ShadowCount") -> "ShadowCount":
        return ShadowCount(
            self.disagreements + other.disagreements,
            max(self.margin, other.margin),
            self.spikes + other.spikes,
            self.shadow_spikes + other.shadow_spikes,
        )

    @property
    def fraction(self) -> float:
        """Disagreeing decisions per integer spike."""
        return self.disagreements / max(1, int(self.spikes.sum()))

    @property
    def total_deviation(self) -> float:
        """Net difference of all spike counts, relative."""
        return abs(int(self.shadow_spikes.sum()) - int(self.spikes.sum())) / max(1, int(self.spikes.sum()))

    def neuron_deviation(self, allowance: int) -> float:
        """Largest relative difference of one neuron's spike count, beyond `allowance` single spikes."""
        beyond = np.maximum(np.abs(self.shadow_spikes - self.spikes) - allowance, 0)
        return float((beyond / np.maximum(self.spikes, 1)).max(initial=0.0))


def shadow_run(layers: tuple[ShadowLayer, ...], presented: Ints, trace: Trace) -> ShadowCount:
    """Compare every spike decision of an integer run; `presented` are the messages as the network saw them."""
    below: Ints | Bools = presented
    parts = []
    for layer, kept in zip(layers, trace.layers, strict=True):
        parts.append(_shadow_layer(layer, below, kept.spikes))
        below = kept.spikes
    return ShadowCount(
        sum(part.disagreements for part in parts),
        max(part.margin for part in parts),
        np.concatenate([part.spikes for part in parts]),
        np.concatenate([part.shadow_spikes for part in parts]),
    )


def _shadow_layer(layer: ShadowLayer, below: Ints | Bools, spikes: Bools) -> ShadowCount:
    u, v, q = (np.zeros(spikes.shape[1:]) for _ in range(3))
    d, w = layer.poles.damping, layer.poles.rotation
    into = layer.input_weight.T
    recurrent = None if layer.recurrent_weight is None else layer.recurrent_weight.T
    counted = np.zeros(spikes.shape[2], np.int64)
    disagreements, margin = 0, 0.0
    for t in range(len(spikes)):
        x = below[t].astype(np.float64) @ into
        if recurrent is not None and t:
            x += spikes[t - 1].astype(np.float64) @ recurrent
        keep = 1 - d - layer.reset_gain * q
        u, v = keep * u - w * v + x, keep * v + w * u
        over = u - layer.theta - q
        decided = over > 0
        wrong = decided != spikes[t]
        if wrong.any():
            disagreements += int(wrong.sum())
            margin = max(margin, float(np.abs(over[wrong]).max()) / layer.theta)
        counted += decided.sum(axis=0)
        q = layer.gamma * q + spikes[t]
    return ShadowCount(disagreements, margin, spikes.sum(axis=(0, 1), dtype=np.int64), counted)
