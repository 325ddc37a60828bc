"""Input as events: a sparse sequence, without the zeros."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from brf_deploy.errors import InvalidInput
from brf_deploy.packed_bits import PackedBits


@dataclass(frozen=True, eq=False)
class Events:
    """A sequence (time, batch, inputs) of which only the numbers that are not 0 are kept, row by row.

    begin: int64 (time * batch + 1); row ``t * batch + b`` holds the events ``begin[row] .. begin[row + 1]``.
    channels: int32 (events), below `inputs`, rising within a row. values: real (events).
    All are made contiguous.
    """

    begin: Tensor
    channels: Tensor
    values: Tensor
    steps: int
    batch: int
    inputs: int

    def __post_init__(self) -> None:
        rows, count = self.steps * self.batch, len(self.values)
        if self.begin.dtype != torch.int64 or self.channels.dtype != torch.int32:
            raise InvalidInput(
                f"events: begin {self.begin.dtype} and channels {self.channels.dtype} found, int64 and int32 needed"
            )
        if self.begin.shape != (rows + 1,) or self.channels.shape != (count,) or self.values.ndim != 1:
            raise InvalidInput(
                f"events: begin {tuple(self.begin.shape)}, channels {tuple(self.channels.shape)}, values "
                f"{tuple(self.values.shape)} found, ({rows + 1},) and two of equal length needed"
            )
        if self.begin[0] != 0 or self.begin[-1] != count or bool((self.begin.diff() < 0).any()):
            raise InvalidInput(f"events: begin does not rise from 0 to the number of events, {count}")
        if count and not 0 <= int(self.channels.min()) <= int(self.channels.max()) < self.inputs:
            raise InvalidInput(
                f"events: channels {int(self.channels.min())}..{int(self.channels.max())} found, the sequence has "
                f"{self.inputs}"
            )
        for name in ("begin", "channels", "values"):
            object.__setattr__(self, name, getattr(self, name).contiguous())

    @classmethod
    def of(cls, dense: Tensor) -> Self:
        """The events of a dense sequence (time, batch, inputs)."""
        if dense.ndim != 3:
            raise InvalidInput(f"input sequence: shape {tuple(dense.shape)} found, expected (time, batch, inputs)")
        rows = dense.detach().flatten(0, 1)
        places = rows.nonzero()
        begin = torch.zeros(len(rows) + 1, dtype=torch.int64, device=dense.device)
        torch.cumsum((rows != 0).sum(1), 0, out=begin[1:])
        values = rows[places[:, 0], places[:, 1]]
        return cls(begin, places[:, 1].to(torch.int32), values, *dense.shape)

    @classmethod
    def of_bits(cls, packed: PackedBits, value: float, dtype: torch.dtype) -> Self:
        """The events of packed messages; each of them is `value`."""
        places = np.flatnonzero(packed.unpack().view(np.bool_))
        starts = np.arange(packed.shape[0] * packed.shape[1] + 1) * packed.inputs  # of rows, within the flat sequence
        begin = np.searchsorted(places, starts)
        channels = (places - np.repeat(starts[:-1], np.diff(begin))).astype(np.int32)
        values = torch.full((len(places),), value, dtype=dtype)
        return cls(torch.from_numpy(begin), torch.from_numpy(channels), values, *packed.shape)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, window: slice) -> "Events":
        """A stretch of steps."""
        first, stop, _ = window.indices(self.steps)
        steps = max(0, stop - first)
        begin = self.begin[first * self.batch : (first + steps) * self.batch + 1]
        kept = slice(int(begin[0]), int(begin[-1]))
        return Events(begin - begin[0], self.channels[kept], self.values[kept], steps, self.batch, self.inputs)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the dense sequence."""
        return self.steps, self.batch, self.inputs

    def dense(self) -> Tensor:
        """The sequence with its zeros."""
        rows = torch.repeat_interleave(self.begin.diff())
        sequence = self.values.new_zeros(self.steps * self.batch, self.inputs)
        sequence.index_put_((rows, self.channels.long()), self.values, accumulate=True)
        return sequence.view(self.shape)
