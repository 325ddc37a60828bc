"""The grid of an integer network: where the last bit of every state and weight stands."""

from dataclasses import dataclass
from typing import Self

from brf_deploy.arrays import Ints, check_length
from brf_deploy.errors import InvalidInput, InvalidNetwork
from brf_deploy.float_network import FloatNetwork
from brf_deploy.layers import Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization.calibration import HEADROOM, Ranges, fraction_bits
from brf_deploy.quantization.configuration import QuantizationConfig
from brf_deploy.quantization.folding import folded_input, folded_readout, folded_recurrent, graded_bits
from brf_deploy.quantization.poles import require_brf
from brf_deploy.quantization.weights import best_exponents

SMALLEST_READOUT_BITS = 4  # fewer cost accuracy although the hidden layer would bear it (arithmetic.md section 4.2)


@dataclass(frozen=True, eq=False)
class LayerGrid:
    """Fraction bits Fs of a layer's states, and an exponent for each row of its weights (neurons,)."""

    state_fraction: int
    input: Ints
    recurrent: Ints | None = None


@dataclass(frozen=True, eq=False)
class Grid:
    """Grids of all layers; of the readout, fraction bits Fo and an exponent for each row of its weights (outputs,)."""

    layers: tuple[LayerGrid, ...]
    readout_fraction: int
    readout: Ints

    @classmethod
    def of(cls, network: IntegerNetwork) -> Self:
        """The grid that a network lies on."""
        layers = (
            LayerGrid(layer.state_fraction, layer.input.exponent, _exponent(layer.recurrent))
            for layer in network.layers
        )
        return cls(tuple(layers), network.readout.fraction, network.readout.weight.exponent)

    def check(self, network: FloatNetwork) -> None:
        """Refuse a network of another build; raises `InvalidNetwork`."""
        found, expected = len(self.layers), len(network.layers)
        if found != expected:
            raise InvalidNetwork(f"grid: {found} layers found, the network has {expected}; take the grid of its own")
        for grid, layer in zip(self.layers, network.layers, strict=True):
            if (grid.recurrent is None) != (layer.recurrent_weight is None):
                raise InvalidNetwork(f"grid of layer '{layer.name}': one of grid and layer is recurrent, one is not")
            for exponent in (grid.input, *(() if grid.recurrent is None else (grid.recurrent,))):
                check_length(f"grid of layer '{layer.name}'", exponent, layer.neurons.count)
        check_length("grid of the readout", self.readout, network.outputs)


def choose_grid(network: FloatNetwork, config: QuantizationConfig, ranges: Ranges) -> Grid:
    """State fractions from the calibrated ranges, row exponents by least squared error of the weights."""
    if len(ranges.layers) != len(network.layers):
        raise InvalidInput(f"calibration: ranges of {len(ranges.layers)} layers for {len(network.layers)} layers")
    layers = tuple(_layer_grid(network, index, config, ranges) for index in range(len(network.layers)))
    fraction = fraction_bits(HEADROOM * ranges.readout, config.state_bits)
    exponents = best_exponents(folded_readout(network.readout), readout_bits(config), fraction)
    return Grid(layers, fraction, exponents)


def readout_bits(config: QuantizationConfig) -> int:
    """Bits of the readout's weights."""
    return max(config.weight_bits, SMALLEST_READOUT_BITS)


def _layer_grid(network: FloatNetwork, index: int, config: QuantizationConfig, ranges: Ranges) -> LayerGrid:
    layer, bits = network.layers[index], config.weight_bits
    # u and v need headroom, q has an exact bound.
    largest = max(HEADROOM * ranges.layers[index], 1 / (1 - require_brf(layer).gamma))
    fraction, graded = config.state_fraction or fraction_bits(largest, config.state_bits), graded_bits(network, index)
    if fraction < graded:
        raise InvalidInput(
            f"layer '{layer.name}': {fraction} state fraction bits cannot hold {graded}-bit graded inputs; "
            "give more state bits"
        )
    recurrent = folded_recurrent(network, index)
    return LayerGrid(
        fraction,
        best_exponents(folded_input(network, index), bits, fraction - graded),
        None if recurrent is None else best_exponents(recurrent, bits, fraction),
    )


def _exponent(synapses: Synapses | None) -> Ints | None:
    return None if synapses is None else synapses.exponent
