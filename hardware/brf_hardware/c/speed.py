"""How fast the exported code is: time on this machine, instructions on the Cortex-M4."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import check_inputs
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Record
from brf_hardware.c.backend import C_QEMU, C, CBackend, sources
from brf_hardware.c.plan import plan_network
from brf_hardware.c.recording import messages_file
from brf_hardware.c.targets import CortexM4


def nanoseconds(network: IntegerNetwork, sample: Ints, passes: int, backend: CBackend = C) -> Ints:
    """Time (passes,) of the whole of one sample (time, inputs), inside the program, on one thread, nothing recorded.

    A pass may take up to 4.2 s, where the clock of 32 bits begins again.
    """
    messages = check_inputs(network, sample[:, np.newaxis])
    data = messages_file(messages, (len(messages), passes), backend.target.order)
    plan = plan_network(network)
    written = backend.execute("speed", sources(plan), data, plan, len(messages) * passes)
    return np.frombuffer(written, f"{backend.target.order}u4").astype(np.int64)


def instructions(network: IntegerNetwork, inputs: Ints) -> Ints:
    """Instructions (time, batch) that a Cortex-M4 executes in each step for messages (time, batch, inputs)."""
    messages, plan = check_inputs(network, inputs), plan_network(network)
    C_QEMU.target.check(plan)
    ticks = C_QEMU.replay(plan, sources(plan), messages, Record.SPIKES).ticks
    return np.rint(ticks / CortexM4.TICKS_AN_INSTRUCTION).astype(np.int64)
