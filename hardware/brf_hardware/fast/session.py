"""A network that runs on as its input comes: one step, or a stretch of steps, from where the last one ended."""

from dataclasses import replace

import numpy as np

from brf_deploy.arrays import Bools, Ints
from brf_deploy.backend import check_inputs
from brf_deploy.errors import InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Record, Trace
from brf_hardware.fast.plan import make_plan
from brf_hardware.fast.running import STATES, State, run_trace


class FastSession:
    """Runs an integer network on a stream of messages, for `samples` independent streams side by side.

    Messages come in the order in which the network sees them: the time permutation of an encoding, which would need
    the end of a sample at its beginning, is not applied.
    """

    def __init__(self, network: IntegerNetwork, samples: int = 1, threads: int = 1) -> None:
        if samples < 0 or threads < 1:
            raise InvalidInput(f"session: {samples} samples on {threads} threads; at least 0 and 1 are needed")
        self.network = replace(network, encoding=replace(network.encoding, permutation=None))
        self.samples, self.threads = samples, threads
        self._plan = make_plan(self.network)
        self.reset()

    def reset(self) -> None:
        """Back to silence."""
        self._state = State.silent(self.network, self.samples)

    def step(self, messages: Ints) -> Ints:
        """One step of messages (samples, inputs); returns the readout (samples, outputs)."""
        return np.asarray(self.run(np.asarray(messages)[None]).readout[0], np.int64)

    def run(self, messages: Ints, record: Record = Record.SPIKES) -> Trace:
        """A stretch of messages (time, samples, inputs)."""
        presented = check_inputs(self.network, np.asarray(messages))
        if presented.shape[1] != self.samples:
            raise InvalidInput(f"session: messages for {presented.shape[1]} samples found, it runs {self.samples}")
        return run_trace(self._plan, self.network, presented, record, self.threads, self._state)

    @property
    def spikes(self) -> tuple[Bools, ...]:
        """Of the last step, per layer (samples, neurons)."""
        return tuple(spikes.copy() for spikes in self._state.spikes)

    @property
    def states(self) -> tuple[dict[str, Ints], ...]:
        """u, v and q after the last step, per layer (samples, neurons)."""
        return tuple(
            {name: layer[:, index].astype(np.int64) for index, name in enumerate(STATES)}
            for layer in self._state.layers
        )
