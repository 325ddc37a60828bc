"""How far states went, streamed over runs: extremes exactly, quantiles from a histogram of magnitudes."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.fixed_point import to_real
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace

# Sixteen bins an octave tell quantiles to within 2.2 %; 32 octaves hold every word a network may have.
BINS_PER_OCTAVE = 16
BINS = 32 * BINS_PER_OCTAVE


@dataclass(frozen=True, eq=False)
class StateRange:
    """One state variable of one layer over every neuron, step and sample seen; ranges over more samples add.

    unit: the integer that stands for 1 in the figures (theta, or one unit of the readout). limit: the largest
    magnitude it can have; proven: by theorem T1 and not by its word, so that it never saturates. lowest, highest,
    zeros, saturated (on the limit), total: exact. magnitudes: histogram of the non-zero magnitudes, bin k holds
    ``2**(k/16) <= |x| < 2**((k+1)/16)``. peaks (neurons,): largest magnitude of each.
    """

    name: str
    unit: int
    limit: int
    proven: bool
    lowest: int
    highest: int
    zeros: int
    saturated: int
    total: int
    magnitudes: Ints
    peaks: Ints

    def __add__(self, other: "StateRange") -> "StateRange":
        return replace(
            self,
            lowest=min(self.lowest, other.lowest),
            highest=max(self.highest, other.highest),
            zeros=self.zeros + other.zeros,
            saturated=self.saturated + other.saturated,
            total=self.total + other.total,
            magnitudes=self.magnitudes + other.magnitudes,
            peaks=np.maximum(self.peaks, other.peaks),
        )

    @property
    def peak(self) -> int:
        """Largest magnitude seen."""
        return max(-self.lowest, self.highest)

    @property
    def headroom(self) -> float:
        """Bits between the largest magnitude seen and the limit."""
        return float(np.log2(self.limit / max(1, self.peak)))

    def quantile(self, share: float) -> float:
        """The magnitude below which this share of the non-zero values lies; 0 where all are zero."""
        if not self.magnitudes.any():
            return 0.0
        below = np.cumsum(self.magnitudes)
        bin_ = int(np.searchsorted(below, share * below[-1]))
        return min(float(np.exp2((bin_ + 0.5) / BINS_PER_OCTAVE)), float(self.peak))

    def scaled(self, value: float) -> float:
        """An integer of this state in units of the figures."""
        return value / self.unit


def measure(name: str, values: npt.NDArray[Any], unit: int, limit: int, proven: bool = False) -> StateRange:
    """The range of integers (time, batch, neurons)."""
    magnitude = np.abs(values)
    found = magnitude[magnitude != 0]
    bins = np.floor(np.log2(found) * BINS_PER_OCTAVE).astype(np.intp)
    return StateRange(
        name=name,
        unit=unit,
        limit=limit,
        proven=proven,
        lowest=int(values.min()),
        highest=int(values.max()),
        zeros=values.size - found.size,
        saturated=0 if proven else int((magnitude == limit).sum()),
        total=values.size,
        magnitudes=np.bincount(bins, minlength=BINS),
        peaks=magnitude.max(axis=(0, 1)).astype(np.int64),
    )


Ranges = tuple[tuple[StateRange, ...], ...]


def state_ranges(network: IntegerNetwork, trace: Trace) -> Ranges:
    """u, v and q of every layer and, last, the readout y; q stays within Qmax of theorem T1, the rest in its word."""
    limit, found = network.arithmetic.limit, []
    for layer, kept in zip(network.layers, trace.layers, strict=True):
        largest_q = layer.refractory.largest(layer.state_fraction)
        u, v = (measure(name, kept.states[name], layer.threshold, limit) for name in ("u", "v"))
        found.append((u, v, measure("q", kept.states["q"], layer.threshold, largest_q, proven=True)))
    one = round(1 / float(to_real(1, network.readout.fraction)))
    return (*found, (measure("y", trace.readout, one, limit),))


def add_ranges(parts: list[Ranges]) -> Ranges:
    """The ranges of several runs together."""
    total = parts[0]
    for part in parts[1:]:
        total = tuple(tuple(a + b for a, b in zip(*layer, strict=True)) for layer in zip(total, part, strict=True))
    return total
