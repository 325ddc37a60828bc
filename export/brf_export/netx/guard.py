# mypy: allow-subclassing-any
"""Runs Lava processes so that the failure of a child is an error and not a hang; imported only in the worker.

Lava waits for its children one after the other and without a limit. Here every wait looks at all of them. Its channels
get memory without a name, so that there is nothing to clean up when the children are killed.
"""

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from lava.magma.core.process.message_interface_enum import ActorType
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.magma.runtime.message_infrastructure.multiprocessing import MultiProcessing
from lava.magma.runtime.runtime import Runtime

from brf_deploy.errors import BackendFailure

POLL_SECONDS = 0.002
CHANNEL_SLOTS = 8


def shared_array(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Zeros in memory without a name that children made by fork write for their parent to read."""
    size = prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(mmap.mmap(-1, max(size, 1)), dtype, prod(shape)).reshape(shape)


@contextmanager
def running(process: Any) -> Iterator["GuardedRuntime"]:
    """A runtime for everything connected to `process`, in fixed-point models; all children are killed at the end."""
    executable = process.compile(Loihi2SimCfg(select_tag="fixed_pt"), {"pypy_channel_size": CHANNEL_SLOTS})
    runtime = GuardedRuntime(executable, ActorType.MultiProcessing)
    executable.assign_runtime_to_all_processes(runtime)
    try:
        runtime.initialize()
        yield runtime
    finally:
        runtime.end()


class GuardedRuntime(Runtime):
    """Lava's runtime with a guarded `advance`."""

    def _build_message_infrastructure(self) -> None:
        self._messaging_infrastructure = _Infrastructure()
        self._messaging_infrastructure.start()

    def advance(self, steps: int) -> None:
        """Run that many time steps; raises `BackendFailure` with a child's traceback."""
        self.start(RunSteps(steps, blocking=False))
        while not all(port.probe() for port in self.service_to_runtime):
            for child in self._messaging_infrastructure.actors:
                if child.exception or child.exitcode is not None:
                    raise BackendFailure(_describe(child))
            time.sleep(POLL_SECONDS)
        self.wait()

    def end(self) -> None:
        """Kill all children; a runtime that counts as stopped waits for nothing."""
        self._is_started = self._is_running = False
        self._messaging_infrastructure.stop()
        self.join()


def _describe(child: Any) -> str:
    if child.exception:
        error, traceback = child.exception
        return f"a Lava process failed: {error}\n{traceback}"
    return f"a Lava process ended with exit status {child.exitcode}; a negative one is a signal"


@dataclass(frozen=True)
class _Segment:
    buf: memoryview


class _Memory:
    def create_shared_memory(self, size: int) -> _Segment:
        return _Segment(memoryview(mmap.mmap(-1, max(size, 1))))


class _Infrastructure(MultiProcessing):
    def start(self) -> None:
        self._smm = _Memory()

    def stop(self) -> None:
        for child in self._actors:
            child.kill()
            child.join()
