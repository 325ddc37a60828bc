# mypy: allow-subclassing-any
"""The processes of the operating system that Lava's models run in, made so that they cannot fail unnoticed.

Stock Lava sends exceptions to the parent as pickled objects, so one that cannot be pickled is lost; `sys.exit` and
signals are not noticed at all. Its channels are named shared memory, which stays behind when the processes are
killed. Here a failure travels as the text of its traceback, every process publishes how many time steps it has
finished, and channels have no name: however a run ends, there is nothing to clean up.
"""

import faulthandler
import mmap
import os
import signal
import tempfile
import time
import traceback
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Any

from brf_hardware.lava.recording import shared_array
from brf_hardware.lava.vendor import MultiProcessing, PyLoihiProcessModel

NOT_BUILT = -1
DUMP_SECONDS = 0.2  # for a stalled process to write its stack, done in a signal handler written in C


class Actor(ForkProcess):
    """One model, or Lava's runtime service, in a process of its own."""

    def __init__(self, builder: Any) -> None:
        super().__init__(name=_name(builder))
        self.is_model = hasattr(builder, "proc_model")
        self._builder = builder
        self._steps = shared_array((1,), "int64")
        self._steps[0] = NOT_BUILT
        self._stack = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the actor
        ends: tuple[Connection, Connection] = Pipe(duplex=False)
        self._reader, self._writer = ends

    def run(self) -> None:
        """In the child: build the model, then serve Lava's commands until killed."""
        try:
            faulthandler.register(signal.SIGUSR1, self._stack, all_threads=False)
            actor = self._builder.build()
            self._count_steps(actor)
            self._steps[0] = 0
            actor.start()
        except BaseException:
            self._writer.send(traceback.format_exc())
            raise

    def _count_steps(self, actor: Any) -> None:
        """Count a step when the model has done all of it.

        Nothing else moves the count, neither a busy processor nor a live thread, and Lava's barrier lets no model run
        ahead, so a network whose counts stand still is stuck.
        """
        if isinstance(actor, PyLoihiProcessModel):
            handlers, spike_phase = actor._cmd_handlers, PyLoihiProcessModel.Phase.SPK[0]
            spike = handlers[spike_phase]

            def spike_and_count() -> None:
                spike()
                self._steps[0] += 1

            handlers[spike_phase] = spike_and_count

    @property
    def steps(self) -> int:
        """Time steps finished; NOT_BUILT until the model exists."""
        return int(self._steps[0])

    @property
    def signs_of_failure(self) -> list[Any]:
        """What `multiprocessing.connection.wait` can wait on."""
        return [self._reader, self.sentinel]

    def failure(self) -> str | None:
        """Why this process is no longer of use, with its traceback; None while it works."""
        exit_code = self.exitcode  # looked at before the pipe: a report is sent before the exit
        if self._reader.poll():
            return f"process '{self.name}' failed {self._when}:\n{self._reader.recv()}"
        if exit_code is None:
            return None
        if exit_code >= 0:
            return f"process '{self.name}' ended {self._when} with exit status {exit_code}"
        name = signal.Signals(-exit_code).name
        advice = "; if memory ran out, run fewer samples" if name == "SIGKILL" else ""
        return f"process '{self.name}' was killed by {name} {self._when}{advice}"

    @property
    def _when(self) -> str:
        return "while it was built" if self.steps == NOT_BUILT else f"in time step {self.steps + 1}"

    def stack(self) -> str:
        """Where the child is now, the innermost call first; empty if it does not answer."""
        if self.pid is not None and self.is_alive():
            os.kill(self.pid, signal.SIGUSR1)
            time.sleep(DUMP_SECONDS)
        self._stack.seek(0)
        return self._stack.read().decode(errors="replace")

    def end(self) -> None:
        """Kill the child and wait for it."""
        self.kill()
        self.join()
        self._reader.close()
        self._writer.close()
        self._stack.close()


def _name(builder: Any) -> str:
    if not hasattr(builder, "proc_model"):
        return "runtime service"
    return builder.proc_params.get("name") or str(builder.proc_model.implements_process.__name__)


@dataclass(frozen=True)
class Segment:
    """Memory of one channel, as Lava's ports use it."""

    buf: memoryview


class AnonymousMemory:
    """In place of Lava's manager of named shared memory."""

    def create_shared_memory(self, size: int) -> Segment:
        """Memory that children made by fork share."""
        return Segment(memoryview(mmap.mmap(-1, max(size, 1))))


class Infrastructure(MultiProcessing):
    """Lava's multiprocessing infrastructure with these processes and channels."""

    actors: list[Actor]
    smm: AnonymousMemory

    def start(self) -> None:
        """Ready to make channels and processes."""
        self._smm = AnonymousMemory()

    def build_actor(self, target_fn: Any, builder: Any, exception_q: Any = None) -> Actor:
        """Start a process; `target_fn` and `exception_q`, Lava's own ways to report a failure, stay unused."""
        actor = Actor(builder)
        self._actors.append(actor)
        actor.start()
        return actor

    def stop(self) -> None:
        """Kill every process."""
        while self._actors:
            self._actors.pop().end()
