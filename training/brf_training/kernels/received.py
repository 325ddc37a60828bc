"""What a layer receives in a chunk of a sequence, row by row, (steps * batch, inputs), and the products with it."""

from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from brf_training.kernels.events import Events


class EventRows(NamedTuple):
    """Rows of events, of which row r holds ``begin[r] .. begin[r + 1]``; begin (rows + 1) and channels are int32."""

    begin: Tensor
    channels: Tensor
    values: Tensor
    inputs: int

    @classmethod
    def of(cls, events: Events, start: int, stop: int) -> Self:
        """Those of some steps."""
        begin = events.begin[start * events.batch : stop * events.batch + 1]
        first, last = int(begin[0]), int(begin[-1])
        local = (begin - first).to(torch.int32)
        return cls(local, events.channels[first:last], events.values[first:last], events.inputs)

    def product(self, matrix: Tensor) -> Tensor:
        """``rows @ matrix`` (rows, width) for a matrix (inputs, width); channels without events take no part."""
        return _sums(matrix, self.channels, self.begin, self.values)

    def transposed_product(self, matrix: Tensor) -> Tensor:
        """``rows.T @ matrix`` (inputs, width) for a matrix (rows, width)."""
        channels, order = torch.sort(self.channels, stable=True)
        row = torch.repeat_interleave(self.begin.diff(), output_size=len(channels)).to(torch.int32)
        every = torch.arange(self.inputs + 1, dtype=torch.int32, device=channels.device)
        begin = torch.searchsorted(channels, every, out_int32=True)
        return _sums(matrix, row[order], begin, self.values[order])


def _sums(matrix: Tensor, chosen: Tensor, begin: Tensor, weights: Tensor) -> Tensor:
    """By stretch of ``chosen``: the weighted sum of those rows of a matrix."""
    sums: Tensor = embedding_bag(
        chosen, matrix.contiguous(), begin, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
    return sums


Rows = Tensor | EventRows


def rows(sequence: Tensor) -> Tensor:
    """(steps, batch, width) as (steps * batch, width)."""
    return sequence.flatten(0, 1)


def received(inputs: Tensor | Events, start: int, stop: int) -> Rows:
    """Some steps of the input."""
    return EventRows.of(inputs, start, stop) if isinstance(inputs, Events) else rows(inputs[start:stop])


def weigh(below: Rows, weight: Tensor, out: Tensor) -> None:
    """Synaptic input (rows, neurons) through a weight (neurons, inputs)."""
    if isinstance(below, EventRows):
        out.copy_(below.product(weight.T))
    else:
        torch.mm(below, weight.T, out=out)


def add_gradient(total: Tensor, g_x: Tensor, below: Rows) -> None:
    """Add the gradient of a weight (neurons, inputs) from those of the synaptic input (rows, neurons)."""
    if isinstance(below, EventRows):
        total += below.transposed_product(g_x).T
    else:
        total.addmm_(g_x.T, below)
