"""What the hardware of a network is: its memories' contents and the width of every word, from an analysis of ranges.

Every bound holds for all inputs and spike histories, so no word of the hardware can overflow. `parameters.py` gives the
widths the names that they have in `rtl/*.sv`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.certificate import largest_reset
from brf_deploy.errors import Unsupported
from brf_deploy.layers import Arithmetic, Readout, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_hardware.verilog.ranges import Range


@dataclass(frozen=True, eq=False)
class SynapsePlan:
    """The columns of weights that an event walks: inputs first, then a layer's own neurons.

    weights (sources, targets); shifts (kinds, targets), from which `sum_shift` is taken off, since the sums of all
    targets have it in common. Widths are those of ``message * weight``, of that shifted, and of the largest sums.
    """

    weights: Ints
    shifts: Ints
    graded: bool
    message_bits: int
    weight_bits: int
    weighted: Range
    term_bits: int
    sum: Range
    sum_shift: int

    @property
    def sources(self) -> int:
        """Number of columns."""
        return len(self.weights)

    @property
    def targets(self) -> int:
        """Number of sums."""
        return int(self.weights.shape[1])

    @property
    def shift_bits(self) -> int:
        """Bits of a shift."""
        return Range(0, int(self.shifts.max())).unsigned_bits

    @property
    def x(self) -> Range:
        """The sums with all their bits."""
        return Range(self.sum.low << self.sum_shift, self.sum.high << self.sum_shift)


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """A layer: synapses, constants of every neuron, and the words between them."""

    name: str
    inputs: int
    neurons: int
    recurrent: bool
    synapses: SynapsePlan
    keep: Ints  # 2**f - D
    rotation: Ints  # W
    layer: ResonatorLayer
    arithmetic: Arithmetic
    largest_q: int
    factor: Range  # A
    turned: Range  # A u and W v
    rotated: Range  # A u - W v

    @property
    def rounded(self) -> Range:
        """``rtz(A u - W v, f)``."""
        return Range.symmetric(self.rotated.high >> self.arithmetic.accumulator_fraction)

    @property
    def decay_bits(self) -> int:
        """Bits of ``q K``, unsigned; at least those of q."""
        return Range(0, self.largest_q * max(1, self.layer.refractory.decay)).unsigned_bits

    @property
    def gain_shift(self) -> int:
        """sh."""
        return self.layer.refractory.gain_shift(self.layer.state_fraction, self.arithmetic.reset_fraction)

    @property
    def gain_bits(self) -> int:
        """Bits of ``q KC + 2**(sh-1)``, unsigned."""
        return Range(0, self.largest_q * self.layer.refractory.gain + (1 << self.gain_shift - 1)).unsigned_bits

    @property
    def update_bits(self) -> int:
        """Bits of the products of the update: signed ones whole, unsigned ones without a sign."""
        return max(self.turned.signed_bits, self.decay_bits, self.gain_bits)

    @property
    def product_bits(self) -> int:
        """Bits of all products of this layer."""
        return max(self.update_bits, self.synapses.weighted.signed_bits if self.synapses.graded else 1)


@dataclass(frozen=True, eq=False)
class ReadoutPlan:
    """The leaky integrators: synapses, leaks, and the words between them."""

    outputs: int
    synapses: SynapsePlan
    keep: Ints  # 2**fo - leak
    readout: Readout
    arithmetic: Arithmetic
    leaked: Range  # keep y

    @property
    def rounded(self) -> Range:
        """``rtz(keep y, fo)``."""
        return Range.symmetric(self.leaked.high >> self.readout.leak_exponent)

    @property
    def product_bits(self) -> int:
        """Bits of ``keep y``, and of what is added to it to round."""
        return (self.leaked | Range(0, 1 << self.readout.leak_exponent)).signed_bits


@dataclass(frozen=True, eq=False)
class CorePlan:
    """A core: its layers, its readout, and the operands of the one multiplier they share."""

    layers: tuple[LayerPlan, ...]
    readout: ReadoutPlan
    a: Range
    b: Range

    @property
    def product_bits(self) -> int:
        """Bits of a product."""
        return max(self.readout.product_bits, *(layer.product_bits for layer in self.layers))


def plan_core(network: IntegerNetwork) -> CorePlan:
    """Analyse the ranges of `network`; raises `Unsupported` for one with a part that is empty."""
    _require_parts(network)
    layers = tuple(_plan_layer(network, index) for index in range(len(network.layers)))
    readout = _plan_readout(network)
    state = Range.symmetric(network.arithmetic.limit)
    a, b = Range(0, int(readout.keep.max())), state
    for plan in layers:
        refractory = plan.layer.refractory
        a |= plan.factor | Range(0, max(int(plan.rotation.max()), refractory.decay, refractory.gain))
        b |= Range(0, plan.largest_q)
        if plan.synapses.graded:
            a |= Range(0, network.encoding.maximum)
            b |= _range(plan.synapses.weights)
    return CorePlan(layers, readout, a, b)


def _require_parts(network: IntegerNetwork) -> None:
    counts = {"inputs": network.inputs, "readout outputs": network.outputs}
    counts |= {f"neurons in layer '{layer.name}'": layer.count for layer in network.layers}
    for what, count in counts.items():
        if count == 0:
            raise Unsupported(f"verilog: a network with 0 {what} found, hardware needs at least 1; leave that part out")


def _plan_layer(network: IntegerNetwork, index: int) -> LayerPlan:
    layer, arithmetic = network.layers[index], network.arithmetic
    refractory, f, limit = layer.refractory, arithmetic.accumulator_fraction, arithmetic.limit
    inputs = (layer.input, network.input_fraction(index), network.largest_message(index))
    recurrent = [] if layer.recurrent is None else [(layer.recurrent, layer.state_fraction, 1)]
    synapses = _plan_synapses([inputs, *recurrent])
    D, W = layer.coefficients(arithmetic)
    keep, largest_q = (1 << f) - D, refractory.largest(layer.state_fraction)
    largest_c = largest_reset(refractory, layer.state_fraction, arithmetic)
    factor = Range(int(keep.min()) - largest_c, int(keep.max()))
    # (u, v) is at most sqrt(2) L long and (A, W) at most as long as at one end of C: |A u - W v| by Cauchy and Schwarz.
    squares = [max(k * k, (k - largest_c) ** 2) + w * w for k, w in zip(keep.tolist(), W.tolist(), strict=True)]
    rotated = Range.symmetric(isqrt(2 * limit * limit * max(1, *squares)))
    turned = Range.symmetric(max(1, -factor.low, factor.high, int(W.max())) * limit)
    return LayerPlan(
        name=layer.name,
        inputs=layer.input.sources,
        neurons=layer.count,
        recurrent=layer.recurrent is not None,
        synapses=synapses,
        keep=keep,
        rotation=W,
        layer=layer,
        arithmetic=arithmetic,
        largest_q=largest_q,
        factor=factor,
        turned=turned,
        rotated=rotated,
    )


def _plan_readout(network: IntegerNetwork) -> ReadoutPlan:
    readout, arithmetic = network.readout, network.arithmetic
    synapses = _plan_synapses([(readout.weight, readout.fraction, 1)])
    keep = (1 << readout.leak_exponent) - readout.leak
    leaked = Range.symmetric(max(1, int(keep.max())) * arithmetic.limit)
    return ReadoutPlan(readout.count, synapses, keep, readout, arithmetic, leaked)


def _plan_synapses(kinds: Sequence[tuple[Synapses, int, int]]) -> SynapsePlan:
    """Of synapses of one set of targets, each kind with the fraction bits of its sums and its largest message."""
    shifts = np.array([synapses.shift(fraction) for synapses, fraction, _ in kinds])
    used = np.array([synapses.mantissa.any(axis=1) for synapses, _, _ in kinds])
    common = int(shifts[used].min()) if used.any() else 0
    shifts = np.where(used, shifts - common, 0)
    weighted, term, largest, smallest = Range(0, 0), Range(0, 0), np.int64(0), np.int64(0)
    for (synapses, _, message), shift in zip(kinds, shifts, strict=True):
        products = synapses.mantissa * message
        terms = products << shift[:, np.newaxis]
        weighted, term = weighted | _range(products), term | _range(terms)
        largest = largest + np.maximum(terms, 0).sum(axis=1)
        smallest = smallest + np.minimum(terms, 0).sum(axis=1)
    weights = np.concatenate([synapses.mantissa.T for synapses, _, _ in kinds])
    message = kinds[0][2]
    weighted = weighted | _range(weights) | Range(0, message if message > 1 else 0)
    return SynapsePlan(
        weights=weights,
        shifts=shifts,
        graded=message > 1,
        message_bits=Range(0, message).unsigned_bits,
        weight_bits=_range(weights).signed_bits,
        weighted=weighted,
        term_bits=(term | weighted).signed_bits,
        sum=Range(int(np.min(smallest)), int(np.max(largest))) | term | weighted,
        sum_shift=common,
    )


def _range(values: Ints) -> Range:
    return Range(int(values.min(initial=0)), int(values.max(initial=0)))
