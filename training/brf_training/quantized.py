"""Quantisation-aware training: a float master whose forward pass is its integer network, bit for bit."""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from brf_deploy.encoding import Encoding
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization import Grid, QuantizationConfig, Ranges, choose_grid, quantize_on_grid
from brf_deploy.quantization.folding import input_scale
from brf_deploy.quantization.grid import LayerGrid
from brf_training.cell_loop import Carry, Cell, FixedIntegrators, SequenceRun, run_sequence
from brf_training.extract import array_of, tensor_of, to_float_network
from brf_training.fixed_network import fixed_cells, fixed_inputs, fixed_integrators
from brf_training.kernels.events import Events
from brf_training.model import RecurrentNetwork
from brf_training.straight_through import through_layer, through_readout

# How to train one from a trained float network. Found on ECG (published checkpoint, 4, 3 and 2 bits), by a tenth of the
# training records held out; 0019 has the figures. Adam, rate lowered linearly to 0.
EPOCHS, BATCH_SIZE, LEARNING_RATE = 40, 32, 0.1
# Share of that rate for all but the hidden layers' weights. Adam moves every value by about the rate, and in natural
# units a step of the grid is 6 to 25 for hidden weights but 1 to 5 for those of the readout, and a b_offset is below 1:
# at one rate for all, accuracy swings by points from epoch to epoch.
SLOW_SHARE = 0.03

# Readouts with a longer time constant, in steps, have a leak that rounds to 0: 1 - exp(-1 / tau) = 2^-16.
LONGEST_TAU = 65_535.0


class _Made(NamedTuple):
    """What the master's values were made into, and those values."""

    state: tuple[Tensor, ...]
    float_network: FloatNetwork
    integer: IntegerNetwork
    cells: list[Cell]
    integrators: FixedIntegrators


class QuantizedNetwork(nn.Module):
    """A float master, `network`, that is trained through its integer network.

    Each forward pass is that of ``integer_network()``, which the ground's quantiser makes from the master whenever the
    master has changed: weights rounded and clipped, poles solved again strictly inside the disc, so that the
    certificate holds at every step, leaks rounded, states in fixed point. Backwards, rounding counts as the identity,
    and gradients reach the master's own parameters. Where the last bits stand, `grid`, is decided once, in `prepare`,
    and kept among the buffers. Equations: docs/arithmetic.md section 4.6.
    """

    def __init__(
        self,
        network: RecurrentNetwork,
        config: QuantizationConfig,
        grid: Grid,
        *,
        task: str,
        encoding: Encoding,
        skip_steps: int,
    ) -> None:
        super().__init__()
        self.network, self.config = network, config
        self.task, self.encoding, self.skip_steps = task, encoding, skip_steps
        for name, tensor in _buffers(grid).items():
            self.register_buffer(name, tensor)
        self._made: _Made | None = None

    @classmethod
    def prepare(
        cls,
        network: RecurrentNetwork,
        config: QuantizationConfig,
        ranges: Ranges,
        *,
        task: str,
        encoding: Encoding,
        skip_steps: int,
    ) -> Self:
        """The network to train; the grid is what the quantiser chooses for it as it is now.

        Raises `Unsupported` for neurons without an integer form, `CertificateViolation` where the scheme of `config`
        leaves the disc.
        """
        source = to_float_network(network, task, encoding, skip_steps)
        grid = choose_grid(source, config, ranges)
        quantized = cls(network, config, grid, task=task, encoding=encoding, skip_steps=skip_steps)
        quantized.integer_network()
        return quantized

    @property
    def grid(self) -> Grid:
        """Where the last bits of states and weights stand."""
        return _grid(dict(self.named_buffers(recurse=False)))

    def integer_network(self) -> IntegerNetwork:
        """What is exported: its run equals `forward` on every spike and every number of the readout."""
        return self._make().integer

    def forward(self, inputs: Tensor | Events, keep_spikes: bool = False, *, carry: Carry | None = None) -> SequenceRun:
        """Run real inputs ``message / full_scale`` (time, batch, inputs), in presented order; all results float64.

        States and readout are the integers times ``2**-Fs`` and ``2**-Fo``. Raises `InvalidInput` for inputs that are
        no messages of the encoding.
        """
        made = self._make()
        cells = [
            through_layer(layer, cell, input_scale(made.float_network, index))
            for index, (layer, cell) in enumerate(zip(self.network.chain, made.cells, strict=True))
        ]
        integrators = through_readout(self.network.readout, made.integrators)
        return run_sequence(cells, integrators, fixed_inputs(inputs, self.encoding), keep_spikes, carry=carry)

    @torch.no_grad()
    def project(self) -> None:
        """Move parameters back to where they have an integer form; call it after each optimiser step."""
        self.network.project()
        self.network.readout.tau.clamp_(-LONGEST_TAU, LONGEST_TAU)

    def _make(self) -> _Made:
        """The integer network of the master as it is now; made again only where a value of it has changed.

        Values are compared, not counted changes: an optimiser may write past autograd's counter.
        """
        state = [*self.parameters(), *self.buffers(recurse=False)]
        if self._made is None or not all(map(torch.equal, state, self._made.state)):
            source = to_float_network(self.network, self.task, self.encoding, self.skip_steps)
            integer = quantize_on_grid(source, self.config, self.grid)
            device = state[0].device
            kept = tuple(tensor.detach().clone() for tensor in state)
            self._made = _Made(kept, source, integer, fixed_cells(integer, device), fixed_integrators(integer, device))
        return self._made


def _buffers(grid: Grid) -> dict[str, Tensor]:
    """A grid as tensors, so that a state dictionary holds it."""
    fractions = torch.tensor([*(layer.state_fraction for layer in grid.layers), grid.readout_fraction])
    tensors = {"fractions": fractions, "readout_exponent": tensor_of(grid.readout)}
    for index, layer in enumerate(grid.layers):
        tensors[f"input_exponent_{index}"] = tensor_of(layer.input)
        if layer.recurrent is not None:
            tensors[f"recurrent_exponent_{index}"] = tensor_of(layer.recurrent)
    return tensors


def _grid(buffers: dict[str, Tensor]) -> Grid:
    """The inverse of `_buffers`."""
    arrays = {name: array_of(tensor) for name, tensor in buffers.items()}
    *states, readout = arrays["fractions"].tolist()
    layers = (
        LayerGrid(fraction, arrays[f"input_exponent_{index}"], arrays.get(f"recurrent_exponent_{index}"))
        for index, fraction in enumerate(states)
    )
    return Grid(tuple(layers), readout, arrays["readout_exponent"])
