"""Bytes that a network occupies: every weight stored, zero or not, nothing added for a chip's tables."""

from dataclasses import dataclass

from brf_deploy.layers import Arithmetic, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork

# A shift of 0..31 places, stored beside each mantissa and each weight row.
EXPONENT_BITS = 5


@dataclass(frozen=True)
class Footprint:
    """Bits of one layer. weights: mantissas and one exponent a row. coefficients: damping and rotation with their
    exponents, or the readout's leaks. states: what one sample in flight needs."""

    weights: int
    coefficients: int
    states: int

    def __add__(self, other: "Footprint") -> "Footprint":
        return Footprint(
            self.weights + other.weights, self.coefficients + other.coefficients, self.states + other.states
        )

    @property
    def bytes(self) -> tuple[int, int, int]:
        """Weights, coefficients and states in whole bytes."""
        return in_bytes(self.weights), in_bytes(self.coefficients), in_bytes(self.states)


def in_bytes(bits: int) -> int:
    """Whole bytes that hold so many bits."""
    return -(-bits // 8)


def footprint(network: IntegerNetwork) -> tuple[Footprint, ...]:
    """Every layer and, last, the readout."""
    arithmetic, readout = network.arithmetic, network.readout
    last = Footprint(
        readout.weight.mantissa.size * arithmetic.readout_weight_bits + readout.count * EXPONENT_BITS,
        readout.count * readout.leak_exponent,
        readout.count * arithmetic.state_bits,
    )
    return (*(_layer(layer, arithmetic) for layer in network.layers), last)


def neuron_bytes(network: IntegerNetwork) -> tuple[int, ...]:
    """Whole bytes of one neuron's states and of its coefficients, for every layer and, last, the readout."""
    counts = [*(layer.count for layer in network.layers), network.outputs]
    return tuple(
        in_bytes(part.states // max(count, 1)) + in_bytes(part.coefficients // max(count, 1))
        for part, count in zip(footprint(network), counts, strict=True)
    )


def synapse_blocks(layer: ResonatorLayer) -> tuple[Synapses, ...]:
    """Input weights and, where there are any, recurrent ones."""
    return (layer.input,) if layer.recurrent is None else (layer.input, layer.recurrent)


def _layer(layer: ResonatorLayer, arithmetic: Arithmetic) -> Footprint:
    blocks = synapse_blocks(layer)
    # q has no sign and its own bound, which can need more bits than the word of u and v.
    q_bits = max(arithmetic.state_bits, layer.refractory.largest(layer.state_fraction).bit_length())
    return Footprint(
        sum(block.mantissa.size * arithmetic.weight_bits + block.targets * EXPONENT_BITS for block in blocks),
        2 * layer.count * (arithmetic.coefficient_bits + EXPONENT_BITS),
        layer.count * (2 * arithmetic.state_bits + q_bits),
    )
