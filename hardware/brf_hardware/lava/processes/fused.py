# mypy: allow-subclassing-any
"""A whole integer network in one Lava process, for speed: no channel between its layers."""

from typing import Any

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.network import IntegerNetwork
from brf_hardware.lava.dynamics import FixedIntegrator, FixedResonator, FixedSynapses
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
    """Runs `messages` (time, batch, inputs) through `network`, one network step a Lava time step, without delays.

    What `recording` has room for is kept in it.
    """

    def __init__(
        self,
        *,
        network: IntegerNetwork,
        messages: Ints,
        recording: Recording,
        name: str | None = None,
        log_config: Any = None,
    ) -> None:
        super().__init__(network=network, messages=messages, recording=recording, name=name, log_config=log_config)


class FusedLayer:
    """Synapses, neurons and state of one layer over a batch."""

    def __init__(self, network: IntegerNetwork, index: int, batch: int) -> None:
        layer, fraction = network.layers[index], network.input_fraction(index)
        self.index = index
        self.resonator = FixedResonator(layer, network.arithmetic)
        self.into = FixedSynapses(layer.input.mantissa, layer.input.shift(fraction))
        self.recurrent: FixedSynapses | None = None
        if layer.recurrent is not None:
            self.recurrent = FixedSynapses(layer.recurrent.mantissa, layer.recurrent.shift(layer.state_fraction))
        shape = (batch, layer.count)
        self.u, self.v, self.q = (np.zeros(shape, np.int64) for _ in range(3))
        self.spikes = np.zeros(shape, bool)

    def step(self, below: npt.NDArray[Any]) -> None:
        """Advance by one step of messages or spikes from below."""
        x = self.into.sum(below)
        if self.recurrent is not None:
            x += self.recurrent.sum(self.spikes)
        (self.u, self.v, self.q), self.spikes = self.resonator.step(self.u, self.v, self.q, x)

    def keep(self, t: int, recording: Recording) -> None:
        """Write spikes and, where there is room for them, states of step t."""
        recording.spikes[self.index][t] = self.spikes
        if recording.states:
            u, v, q = recording.states[self.index]
            u[t], v[t], q[t] = self.u, self.v, self.q


@implements(proc=FusedNetwork, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyFusedNetworkModelFixed(PyLoihiProcessModel):
    """All layers and the readout, in order."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        network: IntegerNetwork = proc_params["network"]
        batch, weight = proc_params["messages"].shape[1], network.readout.weight
        self.layers = [FusedLayer(network, index, batch) for index in range(len(network.layers))]
        self.synapses = FixedSynapses(weight.mantissa, weight.shift(network.readout.fraction))
        self.integrator = FixedIntegrator(network.readout, network.arithmetic)
        self.y = np.zeros((batch, network.outputs), np.int64)

    def run_spk(self) -> None:
        """One step of the network; Lava counts steps from 1."""
        recording: Recording = self.proc_params["recording"]
        t = self.time_step - 1
        below = self.proc_params["messages"][t]
        for layer in self.layers:
            layer.step(below)
            layer.keep(t, recording)
            below = layer.spikes
        self.y = self.integrator.step(self.y, self.synapses.sum(below))
        recording.readout[t] = self.y
