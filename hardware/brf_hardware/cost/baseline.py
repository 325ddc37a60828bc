"""What an estimate is held against: dense networks of the same size, and the convention of the literature.

A dense network does ``T (S N + N N + N M)`` multiply-accumulates a sample with N units on S inputs and M outputs, a GRU
three times as many in its gates (Cho et al. 2014), and fetches each weight at every step. Their elementwise operations,
states and static power are left out, in their favour.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from brf_deploy.network import IntegerNetwork
from brf_hardware.cost.energy import PICO
from brf_hardware.cost.fan_out import WORD_BITS
from brf_hardware.cost.ledger import Ledger
from brf_hardware.cost.range import Range
from brf_hardware.targets.figure import Figure
from brf_hardware.targets.load import load_target

DENSE_WEIGHT_BITS = 8
GATES = {"RNN": 1, "GRU": 3}
INT8, CONVENTION = "horowitz45-int8", "fp32-convention"


@dataclass(frozen=True)
class Baseline:
    """Dynamic joules of a sample at batch 1, and the multiply-accumulates or operations they are made of."""

    label: str
    operations: float
    energy: Range
    source: str


def dense_operations(network: IntegerNetwork, gates: int) -> int:
    """Multiply-accumulates a step of a dense network with the layers of this one; each meets a weight of its own."""
    hidden = sum(
        layer.input.mantissa.size + (0 if layer.recurrent is None else layer.recurrent.mantissa.size)
        for layer in network.layers
    )
    return gates * hidden + network.readout.weight.mantissa.size


def baselines(network: IntegerNetwork, steps: int, ledger: Ledger, samples: int) -> tuple[Baseline, ...]:
    """Int8 RNN and GRU, and the convention for this network and the RNN; `ledger` over all `samples`."""
    int8, fp32 = load_target(INT8).energy, load_target(CONVENTION).energy
    found = [
        _dense(
            f"dense int8 {name}, same size, batch 1",
            steps * dense_operations(network, gates),
            int8,
        )
        for name, gates in GATES.items()
    ]
    accumulate, multiply = fp32["synaptic_operations"], fp32["graded_operations"]
    accumulates, multiplies = ledger.synaptic_operations / samples, ledger.graded_operations / samples
    spiking = Range.of(accumulate) * accumulates + Range.of(multiply) * multiplies
    dense = steps * dense_operations(network, GATES["RNN"])
    note = f"FP32 arithmetic alone ({accumulate.nominal:g} pJ, {multiply.nominal:g} pJ); a convention, no estimate"
    return (
        *found,
        Baseline("convention: this network", accumulates + multiplies, spiking * PICO, note),
        Baseline("convention: dense RNN, same size", dense, Range.of(multiply) * (dense * PICO), note),
    )


def _dense(label: str, operations: int, prices: Mapping[str, Figure]) -> Baseline:
    multiply, word = prices["graded_operations"], prices["synaptic_words"]
    weights = operations * DENSE_WEIGHT_BITS / WORD_BITS
    energy = (Range.of(multiply) * operations + Range.of(word) * weights) * PICO
    return Baseline(label, operations, energy, f"{multiply.source}: {multiply.note}; {word.note}")
