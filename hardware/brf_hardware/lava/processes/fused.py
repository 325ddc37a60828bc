# mypy: allow-subclassing-any
"""A whole network in one Lava process, for speed: no channel between its layers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_hardware.lava.dynamics import FixedSynapses
from brf_hardware.lava.parts import LayerParts, NetworkParts, Weights
from brf_hardware.lava.recording import Recording
from brf_hardware.lava.vendor import (
    CPU,
    AbstractProcess,
    LoihiProtocol,
    PyLoihiProcessModel,
    implements,
    requires,
    tag,
)


class FusedNetwork(AbstractProcess):
    """Runs the messages of `parts` through its network, one network step a Lava time step, without delays.

    What `recording` has room for is kept in it.
    """

    def __init__(
        self, *, parts: NetworkParts, recording: Recording, name: str | None = None, log_config: Any = None
    ) -> None:
        super().__init__(parts=parts, recording=recording, name=name, log_config=log_config)


class FusedLayer:
    """Synapses, neurons and state of one layer over a batch."""

    def __init__(self, parts: LayerParts, batch: int) -> None:
        self.resonator = parts.resonator
        self.into = _synapses(parts.into)
        self.recurrent = None if parts.recurrent is None else _synapses(parts.recurrent)
        shape = (batch, parts.resonator.count)
        self.u, self.v, self.q = (np.zeros(shape, np.int64) for _ in range(3))
        self.spikes = np.zeros(shape, bool)

    def step(self, below: npt.NDArray[Any]) -> None:
        """Advance by one step of messages or spikes from below."""
        x = self.into.sum(below)
        if self.recurrent is not None:
            x += self.recurrent.sum(self.spikes)
        (self.u, self.v, self.q), self.spikes = self.resonator.step(self.u, self.v, self.q, x)


def _synapses(weights: Weights) -> FixedSynapses:
    return FixedSynapses(weights.weights, np.asarray(weights.shift))


@implements(proc=FusedNetwork, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyFusedNetworkModelFixed(PyLoihiProcessModel):
    """All layers and the readout, in order."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        parts: NetworkParts = proc_params["parts"]
        batch = parts.messages.shape[1]
        self.layers = [FusedLayer(layer, batch) for layer in parts.layers]
        self.readout = _synapses(parts.readout)
        self.y = np.zeros((batch, parts.integrator.count), np.int64)

    def run_spk(self) -> None:
        """One step of the network; Lava counts steps from 1."""
        parts: NetworkParts = self.proc_params["parts"]
        t = self.time_step - 1
        below = parts.messages[t]
        for layer in self.layers:
            layer.step(below)
            below = layer.spikes
        self.y = parts.integrator.step(self.y, self.readout.sum(below))
        self._keep(t)

    def _keep(self, t: int) -> None:
        recording: Recording = self.proc_params["recording"]
        for index, layer in enumerate(self.layers):
            recording.spikes[index][t] = layer.spikes
            if recording.states:
                u, v, q = recording.states[index]
                u[t], v[t], q[t] = layer.u, layer.v, layer.q
        recording.readout[t] = self.y
