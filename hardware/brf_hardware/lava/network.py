"""From a network to connected Lava processes, as a user of Lava would connect them.

    lava_network = build_processes(network, messages)
    lava_network.run()
    trace = lava_network.trace()

`run` is guarded. Lava's own way works as well, on any of the processes:

    lava_network.readout.run(RunSteps(lava_network.steps), Loihi2SimCfg(select_tag="fixed_pt"))
    trace = lava_network.trace()
    lava_network.readout.stop()

The delays of Lava's connections are left out of the trace (`wiring`), so it has the steps of the reference.
"""

from dataclasses import dataclass

from brf_deploy.arrays import Ints
from brf_deploy.backend import check_inputs
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Record, Trace
from brf_hardware.lava import guard
from brf_hardware.lava.limits import Limits
from brf_hardware.lava.lowering import float_parts, integer_parts
from brf_hardware.lava.parts import FIXED
from brf_hardware.lava.processes.fused import FusedNetwork
from brf_hardware.lava.recording import Recording
from brf_hardware.lava.vendor import Loihi2SimCfg
from brf_hardware.lava.wiring import NetworkProcesses, connect


@dataclass(frozen=True, eq=False)
class LavaNetwork(NetworkProcesses):
    """Connected processes with a guarded run."""

    def run(self, limits: Limits | None = None) -> None:
        """Run all steps under the guard; see `guard.run`."""
        guard.run(self.readout, self.steps, Loihi2SimCfg(select_tag=self.tag), limits)

    def trace(self) -> Trace:
        """What the sinks recorded, at the steps of the reference."""
        return Trace.from_fields(self.recording.fields())


def build_processes(
    network: IntegerNetwork | FloatNetwork, inputs: Ints, record: Record = Record.STATES
) -> LavaNetwork:
    """Processes for messages (time, batch, inputs) in the order of the data set, connected and not yet running.

    An `IntegerNetwork` gets models of tag fixed_pt, equal to the reference on every bit; a `FloatNetwork` of BRF layers
    gets floating_pt, equal to ``run_float(..., np.float64)``. Raises `Unsupported` for other neurons.
    """
    if isinstance(network, IntegerNetwork):
        parts = integer_parts(network, check_inputs(network, inputs))
    else:
        parts = float_parts(network, inputs)
    recording = Recording.empty(parts, states=record is Record.STATES)
    return LavaNetwork(**vars(connect(parts, recording)))


def run_fused(
    network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES, limits: Limits | None = None
) -> Trace:
    """Run messages (time, batch, inputs) through the network as one Lava process, under the guard."""
    parts = integer_parts(network, check_inputs(network, inputs))
    recording = Recording.empty(parts, states=record is Record.STATES)
    process = FusedNetwork(parts=parts, recording=recording, name="network")
    guard.run(process, len(parts.messages), Loihi2SimCfg(select_tag=FIXED), limits)
    return Trace.from_fields(recording.fields())
