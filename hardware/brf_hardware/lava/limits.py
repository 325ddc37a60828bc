"""How long a Lava run may take before it counts as hung."""

import os
from dataclasses import dataclass
from math import isfinite

from brf_deploy.errors import InvalidInput

STALL_VARIABLE = "BRF_LAVA_STALL_LIMIT"
TOTAL_VARIABLE = "BRF_LAVA_TIME_LIMIT"


@dataclass(frozen=True)
class Limits:
    """stall: seconds in which at least one process must finish a time step. total: seconds for a run, start included.

    The slowest step measured takes 0.02 s; 20 s without one are a hang, not a slow machine.
    """

    stall: float = 20.0
    total: float | None = None

    def __post_init__(self) -> None:
        for name, seconds in (("stall", self.stall), ("total", self.total)):
            if seconds is not None and not (isfinite(seconds) and seconds > 0):
                raise InvalidInput(f"Lava {name} limit: {seconds} found, a positive number of seconds needed")

    @classmethod
    def from_environment(cls) -> "Limits":
        """The defaults, or what BRF_LAVA_STALL_LIMIT and BRF_LAVA_TIME_LIMIT say, in seconds."""
        return cls(_seconds(STALL_VARIABLE) or cls.stall, _seconds(TOTAL_VARIABLE))

    def total_for(self, operations: int) -> float:
        """The total limit for a run of that many synaptic operations and neuron updates."""
        # A minute to start Python and Lava on a busy machine; then 20 times the slowest rate measured, 50 M/s.
        return 60 + operations / 2.5e6 if self.total is None else self.total


def _seconds(variable: str) -> float | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"environment variable {variable}: '{text}' found, a number of seconds needed") from None
