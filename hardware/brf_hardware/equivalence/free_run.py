"""Free runs: float and integer network each on its own, against the floor that chaos sets.

Two float runs whose weights differ by a thousandth already disagree on half of all spike times; what stays put is
how many spikes a network, a sample and a neuron fires. Jittered float runs measure that floor.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from brf_deploy.evaluation import Evaluation, evaluate_float
from brf_deploy.float_network import FloatLayer, FloatNetwork
from brf_deploy.task import Samples, Task

# Relative weight jitter beyond which decorrelation is complete (arithmetic.md section 5).
JITTER = 1e-3


@dataclass(frozen=True)
class CountDeviation:
    """Spike counts of one run against another.

    total: net relative difference. sample: mean ``|difference|`` per sample over the mean count. neuron: summed
    ``|difference|`` per neuron over all spikes. correlation: of the counts per neuron.
    """

    total: float
    sample: float
    neuron: float
    correlation: float


def count_deviation(base: Evaluation, other: Evaluation) -> CountDeviation:
    """How far the spike counts of `other` are from those of `base`."""
    before, after = (np.concatenate(run.spikes, axis=1).astype(np.float64) for run in (base, other))
    total = max(before.sum(), 1.0)
    per_sample, per_neuron = (after - before).sum(axis=1), (after - before).sum(axis=0)
    return CountDeviation(
        total=float(per_neuron.sum() / total),
        sample=float(np.abs(per_sample).mean() / max(before.sum(axis=1).mean(), 1.0)),
        neuron=float(np.abs(per_neuron).sum() / total),
        correlation=_correlation(before.sum(axis=0), after.sum(axis=0)),
    )


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    """Pearson's r; 1 for equal counts even where they do not vary."""
    if np.array_equal(a, b):
        return 1.0
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


@dataclass(frozen=True)
class NoiseFloor:
    """Worst deviation over jittered float runs, and their accuracies."""

    sample: float
    total: float
    correlation: float
    accuracies: tuple[float, ...]


def noise_floor(network: FloatNetwork, base: Evaluation, task: Task, samples: Samples, runs: int) -> NoiseFloor:
    """Deviation of `runs` float runs with jittered weights from the unjittered one."""
    found, accuracies = [], []
    for seed in range(runs):
        evaluation = evaluate_float(jittered(network, seed), task, samples)
        found.append(count_deviation(base, evaluation))
        accuracies.append(evaluation.accuracy)
    return NoiseFloor(
        sample=max(d.sample for d in found),
        total=max(abs(d.total) for d in found),
        correlation=min(d.correlation for d in found),
        accuracies=tuple(accuracies),
    )


def jittered(network: FloatNetwork, seed: int) -> FloatNetwork:
    """The network with every weight times ``1 + JITTER * N(0, 1)``."""
    rng = np.random.default_rng(seed)

    def jitter(weight: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        return weight * (1 + JITTER * rng.standard_normal(weight.shape))

    def layer(source: FloatLayer) -> FloatLayer:
        recurrent = None if source.recurrent_weight is None else jitter(source.recurrent_weight)
        return replace(source, input_weight=jitter(source.input_weight), recurrent_weight=recurrent)

    readout = replace(network.readout, weight=jitter(network.readout.weight))
    return replace(network, layers=tuple(layer(source) for source in network.layers), readout=readout)
