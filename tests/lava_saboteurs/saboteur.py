"""A Lava process that goes wrong in the middle of a sound network.

Alone in its directory, because Lava executes every file beside a process that it compiles.
"""

import os
import signal
import sys
import threading
import time

import numpy as np

from brf_hardware.lava.network import build_processes
from brf_hardware.lava.processes.sink import Sink
from brf_hardware.lava.recording import shared_array
from brf_hardware.lava.vendor import (
    CPU,
    AbstractProcess,
    InPort,
    LavaPyType,
    LoihiProtocol,
    OutPort,
    PyInPort,
    PyLoihiProcessModel,
    PyOutPort,
    implements,
    requires,
)

STEP = 5


class CannotBePickled(Exception):
    def __init__(self):
        super().__init__("it holds a lock")
        self.lock = threading.Lock()


def crash():
    raise ValueError("sabotage")


def crash_unpicklably():
    raise CannotBePickled


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def spin():
    while True:
        pass


SABOTAGE = {
    "crash": crash,
    "unpicklable": crash_unpicklably,
    "exit": sys.exit,
    "vanish": lambda: os._exit(3),
    "die": die,
    "spin": spin,
    "sleep": lambda: time.sleep(3600),
    "swallow": lambda: None,
}


class Saboteur(AbstractProcess):
    """Hands spikes on, until it is told to do something else: `sabotage` is ``when:what``, when is build or step."""

    def __init__(self, *, shape, sabotage):
        super().__init__(sabotage=sabotage, name="saboteur")
        self.s_in = InPort(shape=shape)
        self.s_out = OutPort(shape=shape)


@implements(proc=Saboteur, protocol=LoihiProtocol)
@requires(CPU)
class PySaboteurModel(PyLoihiProcessModel):
    s_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)

    def __init__(self, proc_params):
        super().__init__(proc_params)
        self.when, what = proc_params["sabotage"].split(":")
        self.sabotage = SABOTAGE[what]
        if self.when == "build":
            self.sabotage()

    def run_spk(self):
        z = self.s_in.recv()
        if self.when == "step" and self.time_step == STEP:
            self.sabotage()
            return
        self.s_out.send(z)


def run(request):
    """A job: the network of separate processes with a saboteur behind its first layer, and a sink behind that."""
    network = build_processes(request.network, request.inputs, request.record)
    neurons = network.layers[0].neurons
    shape = neurons.s_out.shape
    saboteur = Saboteur(shape=shape, sabotage=os.environ["SABOTAGE"])
    neurons.s_out.connect(saboteur.s_in)
    saboteur.s_out.connect(Sink(buffer=shared_array((1, *shape), np.int64), name="victim").a_in)
    network.run(request.limits)
    return network.trace()


def exit_at_once(request):
    """A job that ends without a word of explanation but what it prints."""
    print("there is nothing to run")
    sys.exit(7)


def fail_at_once(request):
    """A job with an error that nobody foresaw."""
    raise KeyError("nobody foresaw this")


def sleep(request):
    """A job that never comes to Lava at all."""
    time.sleep(3600)
