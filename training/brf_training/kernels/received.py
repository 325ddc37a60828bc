"""What a layer receives in a chunk of a sequence, row by row, (steps * batch, inputs), and the products with it."""

from typing import NamedTuple, Self

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from brf_training.kernels.events import Events
from brf_training.kernels.processor import GRAIN

SPARSE = 0.15  # share of spikes up to which adding rows is surely faster than a dense product on a processor


class EventRows(NamedTuple):
    """Rows of events: row r holds ``begin[r] .. begin[r + 1]``. begin (rows + 1), channels: int32. values: None for 1.

    Channels without events take no part in products, unless a NaN or an infinity there makes the dense product NaN.
    """

    begin: Tensor
    channels: Tensor
    values: Tensor | None
    inputs: int

    @classmethod
    def of(cls, events: Events, start: int, stop: int) -> Self:
        """Those of some steps."""
        begin = events.begin[start * events.batch : stop * events.batch + 1]
        first, last = int(begin[0]), int(begin[-1])
        local = (begin - first).to(torch.int32)
        return cls(local, events.channels[first:last], events.values[first:last], events.inputs)

    @classmethod
    def of_spikes(cls, spikes: Tensor) -> Self:
        """Those of rows of 0 and 1."""
        row, channel = spikes.nonzero().T.to(torch.int32).contiguous()
        return cls(_begins(row, len(spikes)), channel, None, spikes.shape[1])

    def product(self, matrix: Tensor) -> Tensor:
        """``rows @ matrix`` (rows, width) for a matrix (inputs, width)."""
        return _sums(matrix, self.channels, self.begin, self.values)

    def transposed_product(self, matrix: Tensor) -> Tensor:
        """``rows.T @ matrix`` (inputs, width) for a matrix (rows, width)."""
        channels, order = torch.sort(self.channels, stable=True)
        row = torch.repeat_interleave(self.begin.diff(), output_size=len(channels)).to(torch.int32)
        values = None if self.values is None else self.values[order]
        return _sums(matrix, row[order], _begins(channels, self.inputs), values)


def _begins(rising: Tensor, count: int) -> Tensor:
    """Where each of the numbers 0 .. count - 1 begins in a rising sequence of them, and where the last ends."""
    every = torch.arange(count + 1, dtype=rising.dtype, device=rising.device)
    return torch.searchsorted(rising, every, out_int32=True)


def _sums(matrix: Tensor, chosen: Tensor, begin: Tensor, weights: Tensor | None) -> Tensor:
    """By stretch of ``chosen``: the weighted sum of those rows of a matrix."""
    sums: Tensor = embedding_bag(
        chosen, matrix.contiguous(), begin, mode="sum", per_sample_weights=weights, include_last_offset=True
    )
    return sums.add_(matrix.sum(0).mul_(0))  # NaN where there is a NaN or an infinity


Rows = Tensor | EventRows


def rows(sequence: Tensor) -> Tensor:
    """(steps, batch, width) as (steps * batch, width)."""
    return sequence.flatten(0, 1)


def received(inputs: Tensor | Events, start: int, stop: int) -> Rows:
    """Some steps of the input."""
    return EventRows.of(inputs, start, stop) if isinstance(inputs, Events) else rows(inputs[start:stop])


def spike_rows(spikes: Tensor, in_bytes: Tensor) -> Rows:
    """Spikes (steps, batch, neurons), given also as bytes, as rows in the form that products are faster with."""
    if spikes.device.type != "cpu" or spikes.numel() < GRAIN or float(spikes.sum()) > SPARSE * spikes.numel():
        return rows(spikes)
    return EventRows.of_spikes(rows(in_bytes))


def weigh(below: Rows, weight: Tensor, out: Tensor, onto: bool = False) -> None:
    """Synaptic input (rows, neurons) through a weight (neurons, inputs); onto: add to what is there."""
    if not isinstance(below, EventRows):
        torch.addmm(out, below, weight.T, beta=int(onto), out=out)
    elif onto:
        out += below.product(weight.T)
    else:
        out.copy_(below.product(weight.T))


def add_gradient(total: Tensor, g_x: Tensor, below: Rows) -> None:
    """Add the gradient of a weight (neurons, inputs) from those of the synaptic input (rows, neurons)."""
    if isinstance(below, EventRows):
        total += below.transposed_product(g_x).T
    else:
        total.addmm_(g_x.T, below)
