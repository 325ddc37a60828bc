"""The fast backend: whole samples from silence, over all cores."""

import os
from weakref import WeakKeyDictionary

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs
from brf_deploy.errors import InvalidInput
from brf_deploy.native_library import native_detail
from brf_deploy.network import IntegerNetwork
from brf_deploy.summary import Summary
from brf_deploy.task import Decision
from brf_deploy.trace import Record, Trace
from brf_hardware.fast.native import STEM, VERSION
from brf_hardware.fast.plan import Plan, make_plan
from brf_hardware.fast.running import run_summary, run_trace


class FastBackend:
    """Runs integer networks in native code; `threads` None takes every core that this process may use."""

    name = "fast"
    slow = False

    def __init__(self, threads: int | None = None) -> None:
        if threads is not None and threads < 1:
            raise InvalidInput(f"backend 'fast': {threads} threads found, at least 1 needed")
        self.threads = threads or _cores()
        self._plans: WeakKeyDictionary[IntegerNetwork, Plan] = WeakKeyDictionary()

    def availability(self) -> Availability:
        """Whether the library was built when this project was installed."""
        return Availability(*native_detail(STEM, VERSION))

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence."""
        return run_trace(self._plan(network), network, check_inputs(network, inputs), record, self.threads)

    def summarize(self, network: IntegerNetwork, inputs: Ints, decision: Decision) -> Summary:
        """Run messages (time, batch, inputs) from silence and count on the way, without keeping a trace."""
        return run_summary(self._plan(network), network, check_inputs(network, inputs), decision, self.threads)

    def _plan(self, network: IntegerNetwork) -> Plan:
        if network not in self._plans:
            self._plans[network] = make_plan(network)
        return self._plans[network]


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


FAST = FastBackend()
