"""What the C code of a network is made of: its tables, and the type of every value, from an analysis of ranges.

Bounds are magnitudes in Python's unbounded integers. They hold for every input that the network accepts, so no sum or
product of the generated code overflows; the code repeats them as compile-time checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.certificate import largest_reset
from brf_deploy.errors import Unsupported
from brf_deploy.layers import ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.c.words import Word, position_word, word_for, word_of


@dataclass(frozen=True, eq=False)
class SynapsePlan:
    """Weights by source, and the left shift of every target's sum (targets,).

    weights (sources, fan-out): the row of a source is what an event or spike of it adds. lists (sources, fan-out): to
    which targets, or None where a row has a weight for each of them. weight, sum: types of a weight and of a sum.
    graded: messages are more than 0 or 1.
    """

    weights: Ints
    lists: Ints | None
    shifts: Ints
    weight: Word
    sum: Word
    graded: bool
    largest: tuple[int, ...]  # magnitude of each target's shifted sum

    @property
    def sources(self) -> int:
        """Number of rows."""
        return int(self.weights.shape[0])

    @property
    def fan_out(self) -> int:
        """Synapses stored for each source."""
        return int(self.weights.shape[1])

    @property
    def targets(self) -> int:
        """Number of sums."""
        return len(self.shifts)

    @property
    def target(self) -> Word:
        """Type of a target in a list."""
        return position_word(self.targets)

    @property
    def bytes(self) -> int:
        """Of weights, lists and shifts."""
        lists = 0 if self.lists is None else self.lists.size * self.target.bytes
        return self.weights.size * self.weight.bytes + lists + self.targets


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """A layer of resonators. words: the types of what a step computes, by name; `WORDS` says what each is."""

    name: str
    layer: ResonatorLayer
    input: SynapsePlan
    recurrent: SynapsePlan | None
    keep: Ints  # 2**f - D
    rotation: Ints  # W
    gain_shift: int
    state: Word  # u and v as they are stored
    refractory: Word  # q as it is stored
    words: Mapping[str, Word]

    @property
    def neurons(self) -> int:
        """Number of neurons."""
        return self.layer.count


@dataclass(frozen=True, eq=False)
class ReadoutPlan:
    """The leaky integrators; `words` as in `LayerPlan`."""

    synapses: SynapsePlan
    keep: Ints  # 2**fo - leak
    leak_exponent: int
    fraction: int
    words: Mapping[str, Word]

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return len(self.keep)


@dataclass(frozen=True, eq=False)
class NetworkPlan:
    """Layers, first to last, and the readout."""

    network: IntegerNetwork
    layers: tuple[LayerPlan, ...]
    readout: ReadoutPlan

    @property
    def synapses(self) -> tuple[SynapsePlan, ...]:
        """Of all layers, and of the readout."""
        of_layers = (synapses for layer in self.layers for synapses in (layer.input, layer.recurrent))
        return (*filter(None, of_layers), self.readout.synapses)


WORDS = {
    "drive": "synaptic input x",
    "factor": "a, and what it is made of, and w",
    "rotated": "a u - w v and a v + w u",
    "sum": "the rounded product plus x, before the clip",
    "level": "threshold + q",
    "gained": "q times gain, with the half for rounding",
    "decayed": "q times decay",
    "leaked": "what is kept of an output, before rounding",
}


def plan_network(network: IntegerNetwork) -> NetworkPlan:
    """Analyse the ranges of `network`; raises `Unsupported` for one with a part that is empty."""
    counts = {"inputs": network.inputs, "readout outputs": network.outputs}
    counts |= {f"neurons in layer '{layer.name}'": layer.count for layer in network.layers}
    for what, count in counts.items():
        if count == 0:
            raise Unsupported(f"c: a network with 0 {what} found, an array of C has at least 1; leave that part out")
    layers = tuple(_plan_layer(network, index) for index in range(len(network.layers)))
    return NetworkPlan(network, layers, _plan_readout(network))


def _plan_layer(network: IntegerNetwork, index: int) -> LayerPlan:
    layer, arithmetic = network.layers[index], network.arithmetic
    f, limit, refractory = arithmetic.accumulator_fraction, arithmetic.limit, layer.refractory
    inputs = _plan_synapses(layer.input, network.input_fraction(index), network.largest_message(index))
    recurrent = None
    drive = inputs.largest
    if layer.recurrent is not None:
        recurrent = _plan_synapses(layer.recurrent, layer.state_fraction, 1)
        drive = tuple(a + b for a, b in zip(drive, recurrent.largest, strict=True))
    D, W = layer.coefficients(arithmetic)
    keep, gain_shift = (1 << f) - D, refractory.gain_shift(layer.state_fraction, arithmetic.reset_fraction)
    largest_q = refractory.largest(layer.state_fraction)
    largest_c = largest_reset(refractory, layer.state_fraction, arithmetic)
    # At rest and at full reset, between which A lies.
    factors = [max(abs(k), abs(k - largest_c)) for k in keep.tolist()]
    rotated = max(_rotated(a, abs(w), limit) for a, w in zip(factors, W.tolist(), strict=True))
    words = {
        "drive": word_for(max(drive)),
        "factor": word_for(max(*factors, largest_c, int(abs(W).max()))),
        "rotated": word_for(rotated),
        "sum": word_for((rotated >> f) + max(drive)),
        "level": word_for(layer.threshold + largest_q),
        "gained": word_for(largest_q * refractory.gain + (1 << gain_shift - 1)),
        "decayed": word_for(largest_q * refractory.decay),
    }
    stored = word_for(limit, 16), word_for(largest_q, 16)
    return LayerPlan(layer.name, layer, inputs, recurrent, keep, W, gain_shift, *stored, words)


def _rotated(a: int, w: int, limit: int) -> int:
    """Largest magnitude of a product ``a u`` or ``w v`` and of their sum.

    (u, v) is at most sqrt(2) L long, so the sum is at most sqrt(a^2 + w^2) times that (Cauchy and Schwarz).
    """
    return max(isqrt(2 * limit * limit * (a * a + w * w)), a * limit, w * limit)


def _plan_readout(network: IntegerNetwork) -> ReadoutPlan:
    readout, limit = network.readout, network.arithmetic.limit
    synapses = _plan_synapses(readout.weight, readout.fraction, 1)
    keep = (1 << readout.leak_exponent) - readout.leak
    leaked, drive = int(keep.max()) * limit, max(synapses.largest)
    words = {
        "drive": word_for(drive),
        "leaked": word_for(leaked),
        "sum": word_for((leaked >> readout.leak_exponent) + drive),
    }
    return ReadoutPlan(synapses, keep, readout.leak_exponent, readout.fraction, words)


def _plan_synapses(synapses: Synapses, fraction: int, message: int) -> SynapsePlan:
    """Of weights whose sums are brought to `fraction` fraction bits, for messages up to `message`."""
    sums: list[int] = (np.abs(synapses.mantissa).sum(axis=1) * message).tolist()
    # A row of zeros adds nothing, whatever its shift; one that its type cannot hold would be undefined in C.
    shifts = np.where(np.array(sums) > 0, synapses.shift(fraction), 0)
    weight = word_of(synapses.mantissa)
    weights, lists = _rows(synapses, weight)
    return SynapsePlan(
        weights=weights,
        lists=lists,
        shifts=shifts,
        weight=weight,
        sum=word_for(max(sums), 16),
        graded=message > 1,
        largest=tuple(total << shift for total, shift in zip(sums, shifts.tolist(), strict=True)),
    )


def _rows(synapses: Synapses, weight: Word) -> tuple[Ints, Ints | None]:
    """Weights by source, and their targets where a list of the synapses that are not 0 takes less memory.

    All lists are as long as the longest, so that they need no table of where they begin; what is left over adds 0 to
    target 0.
    """
    rows = np.ascontiguousarray(synapses.mantissa.T)
    longest = max(1, int(np.count_nonzero(rows, axis=1).max()))
    listed = longest * (weight.bytes + position_word(synapses.targets).bytes)
    if listed >= synapses.targets * weight.bytes:
        return rows, None
    # A stable sort by "is zero" puts the synapses of a row first, in ascending order of their targets.
    targets = np.argsort(rows == 0, axis=1, kind="stable")[:, :longest]
    weights = np.take_along_axis(rows, targets, axis=1)
    return weights, np.where(weights == 0, 0, targets)
