"""What a mapper needs of a network: populations of neurons, the synapses between them, and how often each fires."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from scipy.sparse import block_array, csr_array

from brf_deploy.arrays import Floats, Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.layers import Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace
from brf_hardware.footprint import neuron_bytes
from brf_hardware.report.numbers import plural

RESONATOR, INTEGRATOR = "BRF neuron", "leaky integrator"
READOUT = "readout"


class Firing(StrEnum):
    """How often neurons send when a mapping's messages are counted, in words."""

    ALIKE = "each neuron fires once"
    TRACED = "neurons fire as in a sample of the trace"
    SILENT = "each neuron fires once, since none fires in the trace"

    @classmethod
    def of(cls, trace: Trace | None) -> "Firing":
        """What a trace says, or what stands in its place. Raises `InvalidInput` for one without a step or sample."""
        if trace is None:
            return cls.ALIKE
        if not trace.steps or not trace.samples:
            raise InvalidInput(
                f"trace: {plural(trace.steps, 'step')} of {plural(trace.samples, 'sample')} found, at least one of "
                "each is needed; simulate the network on some samples, or map without a trace"
            )
        return cls.TRACED if any(layer.spikes.any() for layer in trace.layers) else cls.SILENT


@dataclass(frozen=True)
class Population:
    """Neurons of one kind.

    neuron_bytes: states and coefficients of each. weight_bits: of each synapse onto them. program: what a core runs for
    them, held once a core whatever their number.
    """

    name: str
    count: int
    neuron_bytes: int
    weight_bits: int = 8
    program: str = RESONATOR


@dataclass(frozen=True, eq=False)
class Topology:
    """Populations and their non-zero synapses.

    Sources are the input channels, which live on the host, then all neurons, population after population.
    synapses (neurons, inputs + neurons): a stored entry is a synapse, whatever its value. rates (neurons,): messages of
    each neuron in any unit; only proportions matter. Raises `InvalidInput` where shapes or numbers do not fit.
    """

    inputs: int
    populations: tuple[Population, ...]
    synapses: csr_array
    rates: Floats

    def __post_init__(self) -> None:
        needed = (self.neurons, self.inputs + self.neurons)
        if self.neurons == 0 or self.synapses.shape != needed:
            raise InvalidInput(
                f"topology: {self.neurons:,} neurons, {self.inputs:,} input channels and synapses of shape "
                f"{self.synapses.shape} found; at least 1 neuron and synapses of shape {needed} (targets, sources) are "
                "needed"
            )
        object.__setattr__(self, "synapses", _ones(self.synapses))
        if self.rates.shape != (self.neurons,) or not (np.isfinite(self.rates) & (self.rates >= 0)).all():
            raise InvalidInput(
                f"topology: rates of shape {self.rates.shape} found; {self.neurons:,} finite numbers, 0 or more, are "
                "needed"
            )

    @classmethod
    def of(cls, network: IntegerNetwork, trace: Trace | None = None) -> "Topology":
        """The topology of an integer network, whose readout is the last population.

        Rates are the spikes a sample in `trace`; without one, and where nothing fires in it, all neurons count alike
        (`Firing.of`). Readouts send no messages. Raises `InvalidInput` for a trace that is empty or another network's.
        """
        blocks = [(layer.input, layer.recurrent) for layer in network.layers]
        synapses = _chain([*blocks, (network.readout.weight, None)])
        return cls(network.inputs, _populations(network), synapses, _rates(network, trace))

    @property
    def neurons(self) -> int:
        """Number of neurons, the readout's included."""
        return sum(population.count for population in self.populations)

    @cached_property
    def fan_in(self) -> Ints:
        """Synapses onto each neuron (neurons,)."""
        return np.diff(self.synapses.indptr).astype(np.int64)

    @cached_property
    def fan_out(self) -> Ints:
        """Synapses from each neuron (neurons,)."""
        return np.bincount(self.synapses.indices, minlength=self.inputs + self.neurons)[self.inputs :]

    @cached_property
    def population_of(self) -> Ints:
        """Index of each neuron's population (neurons,)."""
        return np.repeat(np.arange(len(self.populations)), [population.count for population in self.populations])

    def name_of(self, neuron: int) -> str:
        """A neuron in words: ``'hidden', neuron 12``."""
        index = int(self.population_of[neuron])
        first = sum(population.count for population in self.populations[:index])
        return f"'{self.populations[index].name}', neuron {neuron - first}"


def _ones(synapses: csr_array) -> csr_array:
    """The same places with ones, each place once."""
    if not synapses.has_canonical_format:
        synapses = synapses.copy()
        synapses.sum_duplicates()
    ones = np.ones(synapses.nnz, np.int8)
    return csr_array((ones, synapses.indices, synapses.indptr), shape=synapses.shape)


def _populations(network: IntegerNetwork) -> tuple[Population, ...]:
    arithmetic, sizes = network.arithmetic, neuron_bytes(network)
    return (
        *(
            Population(layer.name, layer.count, size, arithmetic.weight_bits)
            for layer, size in zip(network.layers, sizes, strict=False)
        ),
        Population(READOUT, network.outputs, sizes[-1], arithmetic.readout_weight_bits, INTEGRATOR),
    )


def _chain(blocks: list[tuple[Synapses, Synapses | None]]) -> csr_array:
    """Each population receives from the one before it, the first from the inputs, and from itself where it loops."""
    grid: list[list[csr_array | None]] = [[None] * (len(blocks) + 1) for _ in blocks]
    for index, (ahead, back) in enumerate(blocks):
        within = np.zeros((ahead.targets, ahead.targets), np.int64) if back is None else back.mantissa
        grid[index][index : index + 2] = [_nonzero(ahead.mantissa), _nonzero(within)]
    return csr_array(block_array(grid, format="csr"))


def _nonzero(mantissa: Ints) -> csr_array:
    return csr_array((mantissa != 0).astype(np.int8))


def _rates(network: IntegerNetwork, trace: Trace | None) -> Floats:
    counts = [layer.count for layer in network.layers]
    fired = [np.ones(count) for count in counts]
    if trace is not None:
        found = [layer.spikes.shape[-1] for layer in trace.layers]
        if found != counts:
            raise InvalidInput(
                f"trace: layers of {found} neurons found, the network has {counts}; give a trace of this network"
            )
        if Firing.of(trace) is Firing.TRACED:
            fired = [layer.spikes.sum(axis=(0, 1)) / trace.samples for layer in trace.layers]
    return np.concatenate([*fired, np.zeros(network.outputs)])
