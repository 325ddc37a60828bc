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

    The slowest step measured (64 samples of 256 neurons in separate processes, on a busy machine) takes 0.01 s; 20 s
    without one are a hang, not a slow machine.
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
        found = {"stall": _seconds(STALL_VARIABLE), "total": _seconds(TOTAL_VARIABLE)}
        return cls(**{name: seconds for name, seconds in found.items() if seconds is not None})

    def total_for(self, steps: int, operations: int) -> float:
        """The total limit for a run of so many steps, with so many synaptic operations and neuron updates in all."""
        # A minute to start Python and Lava; then 20 times what was measured on a busy machine, 5 ms a step for
        # separate processes and 80 million operations a second. A hang is noticed long before, by the stall limit.
        return 60 + 0.1 * steps + operations / 4e6 if self.total is None else self.total


def _seconds(variable: str) -> float | None:
    text = os.environ.get(variable)
    try:
        return float(text) if text else None
    except ValueError:
        raise InvalidInput(f"environment variable {variable}: '{text}' found, a number of seconds needed") from None
