"""Two backends: the exported C itself, compiled for this machine, and for a Cortex-M4 that QEMU simulates."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs, require_present
from brf_deploy.errors import BackendFailure
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Record, Trace
from brf_hardware.c.builds import Builds, private_folder
from brf_hardware.c.exporter import EXPORTER, product, render_template, template_content
from brf_hardware.c.facts import operations
from brf_hardware.c.plan import NetworkPlan, plan_network
from brf_hardware.c.recording import Recording, messages_file, read_recording, record_type
from brf_hardware.c.targets import CortexM4, Host, Program, Target
from brf_hardware.chunks import run_in_chunks
from brf_hardware.tools import run_tool

CHUNK_BYTES = 1 << 28
NAME = "network"
START_SECONDS = 60  # for a program to start, on a busy machine


class CBackend:
    """Exports an integer network, compiles it together with a harness, and replays messages one sample after another.

    seconds: how long a run may take; None derives it from the worst case of operations.
    """

    def __init__(self, target: Target, seconds: float | None = None, builds: Builds | None = None) -> None:
        self.target, self.seconds = target, seconds
        self.name, self.slow = target.name, target.slow
        self.builds = builds or Builds()

    def availability(self) -> Availability:
        """Whether the compiler, what runs its programs, and jinja2 are installed."""
        exporter = EXPORTER.availability()
        return self.target.availability() if exporter.present else exporter

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence.

        Raises `Unsupported` for what the exporter refuses and for a network too large for the target,
        `BackendFailure` where the program crashes or hangs.
        """
        messages = check_inputs(network, inputs)
        require_present(self)
        plan = plan_network(network)
        self.target.check(plan)
        files = sources(plan)
        return run_in_chunks(
            lambda chunk: self.replay(plan, files, chunk, record).trace, network, messages, record, CHUNK_BYTES
        )

    def replay(
        self, plan: NetworkPlan, files: Mapping[str, bytes], messages: Ints, record: Record = Record.STATES
    ) -> Recording:
        """The trace and clock of `sources` for messages in the order in which the network sees them."""
        steps, batch, _ = messages.shape
        form = record_type(plan, record, self.target.order)
        if steps * batch == 0:
            return read_recording(plan, np.zeros((steps, batch), form), record)
        options = steps, int(record is Record.STATES)
        data = self.execute("trace", files, messages_file(messages, options, self.target.order), plan, steps * batch)
        if len(data) != steps * batch * form.itemsize:
            raise BackendFailure(
                f"backend '{self.name}': {len(data)} bytes of trace found, {steps * batch * form.itemsize} expected"
            )
        return read_recording(plan, np.frombuffer(data, form).reshape(batch, steps).T, record)

    def execute(
        self, program: Program, files: Mapping[str, bytes], messages: bytes, plan: NetworkPlan, steps: int
    ) -> bytes:
        """What a program of the harness writes for a file of messages; it may take as long as `steps` need."""
        command = self.builds.command(self.target, files, NAME, program)
        with tempfile.TemporaryDirectory(dir=private_folder()) as name:
            folder = Path(name)
            (folder / "messages.bin").write_bytes(messages)
            run_tool(command, folder, self._seconds(plan, steps), f"backend '{self.name}'")
            return (folder / "trace.bin").read_bytes()

    def _seconds(self, plan: NetworkPlan, steps: int) -> float:
        if self.seconds is not None:
            return self.seconds
        return START_SECONDS + steps * sum(operations(plan, 1.0)) / self.target.operations_a_second


def sources(plan: NetworkPlan) -> dict[str, bytes]:
    """The product of the exporter under the name `NAME`, and the programs of the harness for it."""
    content = template_content(plan, NAME)
    programs = {
        f"{program}.c": render_template(f"harness/{program}.c.jinja", content) for program in ("trace", "speed")
    }
    return product(plan, NAME) | {path: text.encode() for path, text in programs.items()}


C = CBackend(Host())
C_QEMU = CBackend(CortexM4())
