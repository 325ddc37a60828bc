"""The first place where two traces differ."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import BackendFailure
from brf_deploy.trace import Trace


@dataclass(frozen=True)
class Difference:
    """layer: its index, or -1 for the readout. expected: the reference's value; found: the backend's."""

    layer: int
    step: int
    sample: int
    neuron: int
    field: str
    expected: int
    found: int

    def __str__(self) -> str:
        where = "readout" if self.layer < 0 else f"layer {self.layer}"
        return (
            f"{where}, step {self.step}, sample {self.sample}, neuron {self.neuron}, {self.field}: "
            f"expected {self.expected}, found {self.found}"
        )

    def of_sample(self, first: int) -> "Difference":
        """The same difference where the compared traces began at sample `first`."""
        return replace(self, sample=self.sample + first)


def first_difference(expected: Trace, found: Trace) -> Difference | None:
    """The earliest step, then lowest layer, at which any spike, state or readout differs; None where all are equal.

    Raises `BackendFailure` where the traces have no comparable form: other layers, fields or shapes.
    """
    differences = [d for d in _per_field(expected, found) if d is not None]
    if not differences:
        return None
    # Within a step cause precedes effect: lower layers before higher ones, the readout last; u and v before spikes.
    cause = {"u": 0, "v": 1, "spikes": 2}
    last = len(expected.layers)
    return min(differences, key=lambda d: (d.step, last if d.layer < 0 else d.layer, cause.get(d.field, 3)))


def _per_field(expected: Trace, found: Trace) -> Iterator[Difference | None]:
    ours, theirs = expected.fields(), found.fields()
    for name, array in ours.items():
        if name not in theirs or theirs[name].shape != array.shape:
            shape = theirs[name].shape if name in theirs else "nothing"
            raise BackendFailure(f"trace field '{name}': {shape} returned, expected shape {array.shape}")
        head, _, field = name.rpartition(".")
        yield _first(int(head.removeprefix("layer")) if head else -1, field, array, theirs[name])


def _first(layer: int, field: str, expected: npt.NDArray[Any], found: npt.NDArray[Any]) -> Difference | None:
    unequal = expected != found
    if not unequal.any():
        return None
    step, sample, neuron = (int(i) for i in np.unravel_index(int(unequal.argmax()), unequal.shape))
    index = (step, sample, neuron)
    return Difference(layer, step, sample, neuron, field, int(expected[index]), int(found[index]))
