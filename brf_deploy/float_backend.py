"""Backends of float networks: what one looks like, the one in numpy, and how others are found.

They do the same operations, but round and add in ways of their own. A spike that is decided otherwise for that changes
what follows in its sample, so figures of two backends are near each other, not always equal.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from brf_deploy.arrays import Floats, Ints
from brf_deploy.backend import FLOAT_GROUP, Availability, Named, load_declared
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.float_network import FloatNetwork
from brf_deploy.float_reference import run_float
from brf_deploy.registry import names
from brf_deploy.task import Samples

PREFERRED = "torch"  # what runs a network where no backend is named, if it outruns numpy here


@dataclass(frozen=True, eq=False)
class FloatSummary:
    """readout: (time, batch, outputs). spikes: counted over time, per layer, (batch, neurons)."""

    readout: Floats
    spikes: tuple[Ints, ...]


class FloatBackend(Named, Protocol):
    """Runs a float network as `brf_deploy.float_reference` does, within rounding."""

    def outruns_numpy(self) -> bool:
        """Whether it can run here, and faster than numpy."""
        ...

    def kept_words(self, network: FloatNetwork) -> int:
        """Array elements that a run keeps of each step of a sample, besides its messages."""
        ...

    def summarize(self, network: FloatNetwork, samples: Samples, dtype: type[np.floating]) -> FloatSummary:
        """Run the samples from silence, in `dtype` whatever the network is in."""
        ...


class NumpyBackend:
    """The order of operations of the published reference; within a sum the order is that of numpy's BLAS."""

    name = "numpy"

    def availability(self) -> Availability:
        """Always there."""
        return Availability(True, f"numpy {np.__version__}")

    def outruns_numpy(self) -> bool:
        """It is numpy."""
        return False

    def kept_words(self, network: FloatNetwork) -> int:
        """Spikes are kept until they are counted."""
        return sum(layer.neurons.count for layer in network.layers)

    def summarize(self, network: FloatNetwork, samples: Samples, dtype: type[np.floating]) -> FloatSummary:
        """Run the samples from silence."""
        trace = run_float(network, samples.messages, dtype)
        return FloatSummary(trace.readout, tuple(layer.spikes.sum(axis=0, dtype=np.int64) for layer in trace.layers))


NUMPY = NumpyBackend()


def float_backend_names() -> list[str]:
    """Every declared backend of float networks, present or not; numpy first."""
    return sorted(names(FLOAT_GROUP), key=lambda name: (name != NUMPY.name, name))


def load_float_backend(name: str | None) -> FloatBackend:
    """The backend of that name; for None the preferred one if it outruns numpy here, else numpy.

    Raises `InvalidInput` for one that is unknown or runs integer networks, `Unavailable` for an absent one.
    """
    if name is not None:
        named: FloatBackend = load_declared("float", name)
        return named
    with suppress(InvalidInput, Unavailable):
        preferred: FloatBackend = load_declared("float", PREFERRED)
        if preferred.outruns_numpy():
            return preferred
    return NUMPY
