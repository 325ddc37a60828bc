"""Distributions from which trainable parameters start."""

from dataclasses import dataclass

import torch
from torch import Tensor

from brf_deploy.errors import InvalidInput


@dataclass(frozen=True)
class Uniform:
    """Uniform between `low` and `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise InvalidInput(f"uniform [{self.low}, {self.high}]: the first bound exceeds the second; swap them")

    @property
    def extremes(self) -> tuple[float, float]:
        """The bounds."""
        return self.low, self.high

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """`count` independent values."""
        return torch.empty(count).uniform_(self.low, self.high, generator=generator)


@dataclass(frozen=True)
class Normal:
    """Normal with `mean` and standard deviation `std`."""

    mean: float
    std: float

    def __post_init__(self) -> None:
        if not self.std >= 0:
            raise InvalidInput(f"normal [{self.mean}, {self.std}]: the standard deviation is negative; give mean, std")

    @property
    def extremes(self) -> tuple[float, float]:
        """One standard deviation to either side."""
        return self.mean - self.std, self.mean + self.std

    def sample(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """`count` independent values."""
        return torch.empty(count).normal_(self.mean, self.std, generator=generator)


Distribution = Uniform | Normal


def xavier_uniform(targets: int, sources: int, generator: torch.Generator | None = None) -> Tensor:
    """A weight (targets, sources), uniform within ``+-sqrt(6 / (targets + sources))`` (Glorot and Bengio 2010)."""
    weight = torch.empty(targets, sources)
    return torch.nn.init.xavier_uniform_(weight, generator=generator)
