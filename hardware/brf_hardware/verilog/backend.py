"""Two backends: the exported Verilog itself, under Verilator and under Icarus Verilog."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs, require_present
from brf_deploy.errors import BackendFailure
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import LayerTrace, Record, Trace
from brf_hardware.chunks import run_in_chunks
from brf_hardware.tools import run_tool
from brf_hardware.verilog.builds import Builds, private_folder
from brf_hardware.verilog.cycles import cycle_model
from brf_hardware.verilog.exporter import EXPORTER
from brf_hardware.verilog.recording import STATES, Recording, read_recording, stimulus, words_a_step
from brf_hardware.verilog.simulators import Icarus, Simulator, Verilator

CHUNK_BYTES = 1 << 28
NAME = "network"
START_SECONDS = 60  # for a simulation to start, on a busy machine


class VerilogBackend:
    """Exports an integer network, builds its test bench with a simulator and replays messages.

    seconds: how long a run may take; None derives it from the worst case of cycles.
    """

    slow = True

    def __init__(self, simulator: Simulator, seconds: float | None = None, builds: Builds | None = None) -> None:
        self.simulator, self.seconds = simulator, seconds
        self.name = simulator.name
        self.builds = builds or Builds()

    def availability(self) -> Availability:
        """Whether the simulator, what it needs, and jinja2 are installed."""
        exporter = EXPORTER.availability()
        return self.simulator.tools.availability() if exporter.present else exporter

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence.

        Raises `Unsupported` for what the exporter refuses, `BackendFailure` where the simulator fails or hangs.
        """
        messages = check_inputs(network, inputs)
        require_present(self)
        files = EXPORTER.render(network, NAME).files
        return run_in_chunks(
            lambda chunk: self.replay(network, files, chunk, record).trace, network, messages, record, CHUNK_BYTES
        )

    def replay(
        self,
        network: IntegerNetwork,
        files: Mapping[str, bytes],
        messages: Ints,
        record: Record = Record.STATES,
        stall: int = 0,
        abort: int = 0,
    ) -> Recording:
        """The trace and cycles of an export's files for messages in the order in which the network sees them.

        files: of an export under the name `NAME`. stall: seed of random back-pressure; 0 is none.
        abort: clock cycle in which the core is reset once, to begin again; 0 is never.
        """
        steps, batch, _ = messages.shape
        if steps * batch == 0:
            return _empty(network, steps, batch, record)
        build = self.builds.get(self.simulator, files, NAME)
        with tempfile.TemporaryDirectory(dir=private_folder()) as name:
            folder = Path(name)
            (folder / "stimulus.txt").write_text(stimulus(messages))
            arguments = {
                "stimulus": folder / "stimulus.txt",
                "trace": folder / "trace.bin",
                "steps": steps,
                "samples": batch,
                "states": int(record is Record.STATES),
                "stall": stall,
                "abort": abort,
            }
            command = [*build.command, *(f"+{key}={value}" for key, value in arguments.items())]
            output = run_tool(command, build.folder, self._seconds(network, steps * batch), f"backend '{self.name}'")
            words = np.fromfile(folder / "trace.bin", "<i4")
        expected = steps * batch * words_a_step(network, record)
        if len(words) != expected:
            raise BackendFailure(
                f"backend '{self.name}': {len(words)} words of trace found, {expected} expected; "
                f"the test bench printed:\n{output.strip()}"
            )
        return read_recording(network, words, steps, record)

    def _seconds(self, network: IntegerNetwork, steps: int) -> float:
        if self.seconds is not None:
            return self.seconds
        return START_SECONDS + steps * cycle_model(network).worst / self.simulator.cycles_a_second


def _empty(network: IntegerNetwork, steps: int, batch: int, record: Record) -> Recording:
    """Of nothing to run."""
    names = STATES if record is Record.STATES else ()
    layers = tuple(
        LayerTrace(
            np.zeros((steps, batch, layer.count), bool),
            {name: np.zeros((steps, batch, layer.count), np.int32) for name in names},
        )
        for layer in network.layers
    )
    return Recording(
        Trace(layers, np.zeros((steps, batch, network.outputs), np.int32)), np.zeros((steps, batch), np.int64)
    )


VERILATOR = VerilogBackend(Verilator())
ICARUS = VerilogBackend(Icarus())
