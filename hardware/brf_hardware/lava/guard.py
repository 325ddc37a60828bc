# mypy: allow-subclassing-any
"""Run a Lava network so that a child's error is a Python exception with the child's traceback, never a hang.

Lava 0.10 waits for its processes one after the other and without a limit: when one raises, dies or loops, the program
waits for ever. Here every wait looks at all processes, and there is one way to end a run, good or bad: kill them all
(what they computed is in shared memory by then).
"""

import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

from brf_deploy.errors import BackendFailure
from brf_hardware.lava.actors import NOT_BUILT, Actor, Infrastructure
from brf_hardware.lava.limits import STALL_VARIABLE, Limits
from brf_hardware.lava.vendor import MGMT_RESPONSE, ActorType, RunSteps, Runtime, enum_equal

POLL_SECONDS = 0.005
CHANNEL_SLOTS = 8  # a step leaves no message behind, so this is ample; Lava's 64 only take more memory
CHANNEL_CODE = "pypychannel.py"  # the file of Lava that a process which waits for another is in


def run(process: Any, steps: int, run_config: Any, limits: Limits | None = None) -> None:
    """Compile and run everything connected to `process` for `steps` time steps, then end it.

    `run_config`: what `process.run` takes, for example ``Loihi2SimCfg(select_tag="fixed_pt")``. The models must follow
    the Loihi protocol. Raises `BackendFailure` naming the process that failed, died or stands still, with its stack.
    """
    executable = process.compile(run_config, {"pypy_channel_size": CHANNEL_SLOTS})
    runtime = GuardedRuntime(executable, limits or Limits.from_environment())
    executable.assign_runtime_to_all_processes(runtime)
    try:
        runtime.initialize()
        runtime.run_steps(steps)
    finally:
        runtime.stop()


class GuardedRuntime(Runtime):
    """Lava's runtime, with its endless waits replaced by `_watch`."""

    def __init__(self, executable: Any, limits: Limits) -> None:
        super().__init__(executable, ActorType.MultiProcessing)
        self._limits = limits
        self._messaging_infrastructure = Infrastructure()

    def _build_message_infrastructure(self) -> None:
        self._messaging_infrastructure.start()

    def _start_ports(self) -> None:
        """Lava's last act before it waits for every process to be built."""
        super()._start_ports()
        self._watch(lambda: all(actor.steps > NOT_BUILT for actor in self._actors))
        self.exception_q: list[Any] = []  # nothing left to wait for

    def run_steps(self, steps: int) -> None:
        """Run that many time steps."""
        self.start(RunSteps(steps, blocking=False))
        self._watch(lambda: all(port.probe() for port in self.service_to_runtime))
        if not all(enum_equal(port.recv(), MGMT_RESPONSE.DONE) for port in self.service_to_runtime):
            self._watch(lambda: False)  # Lava hears of an error before its traceback is here

    def stop(self) -> None:
        """End all processes, whatever they are doing; harmless when repeated."""
        self._is_started = self._is_running = False
        self._messaging_infrastructure.stop()
        self.join()

    @property
    def _actors(self) -> list[Actor]:
        actors: list[Actor] = self._messaging_infrastructure.actors
        return actors

    def _watch(self, finished: Callable[[], bool]) -> None:
        """Wait until `finished`; raise as soon as a process fails, or once none has made a step for too long."""
        signs = [sign for actor in self._actors for sign in actor.signs_of_failure]
        steps, since = self._steps(), time.monotonic()
        while not finished():
            if wait(signs, POLL_SECONDS):
                self._raise_failure()
            if self._steps() != steps:
                steps, since = self._steps(), time.monotonic()
            elif time.monotonic() - since > self._limits.stall:
                raise BackendFailure(self._describe_stall())

    def _steps(self) -> list[int]:
        return [actor.steps for actor in self._actors]

    def _raise_failure(self) -> None:
        failures = [failure for actor in self._actors if (failure := actor.failure())]
        if failures:
            raise BackendFailure("\n".join(failures))

    def _describe_stall(self) -> str:
        """Name the processes that are behind, and show where those are that do not merely wait for another."""
        models = [actor for actor in self._actors if actor.is_model]
        behind = [actor for actor in models if actor.steps == min(model.steps for model in models)]
        stacks = {actor.name: actor.stack() for actor in behind}
        busy = {name: stack for name, stack in stacks.items() if CHANNEL_CODE not in stack}
        where = "while the network was built" if behind[0].steps == NOT_BUILT else f"in time step {behind[0].steps + 1}"
        text = [f"no time step finished for {self._limits.stall:g} s {where}"]
        text += [f"process '{name}' does not come back:\n{stack}" for name, stack in busy.items()]
        waiting = ", ".join(f"'{name}'" for name in stacks if name not in busy)
        text += [f"waiting for another process: {waiting}"] if waiting else []
        text += [f"if the network is that slow, raise the limit: {STALL_VARIABLE}=SECONDS"]
        return "\n".join(text)
