"""How the integer engine's time grows with steps, neurons, samples, threads and spikes, in words of either width.

Sizes vary one at a time around S-MNIST's (1 - 256 - 10, 784 steps, 64 samples, one thread, 5 % spikes). Networks are
the published one with neurons left out or copied, on random pixels of even density, each brought to its spike rate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter, process_time
from typing import Any
from unittest.mock import patch

import numpy as np
from integer_workloads import Workload, at_rate, spike_rate
from machine_limits import limits

from brf_deploy.arrays import Ints
from brf_deploy.layers import ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization import QuantizationConfig, quantize
from brf_deploy.trace import Record
from brf_hardware.fast import plan
from brf_hardware.fast.backend import FastBackend
from brf_hardware.fast.native import engine

NARROW = QuantizationConfig(state_bits=16, coefficient_bits=8)  # all of a step then fits 32 bits
CALIBRATE = 16  # samples on which the threshold of a rate is found
PATIENCE = 0.1  # seconds a case takes in each round

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """Of a run of the engine."""

    steps: int = 784
    neurons: int = 256
    batch: int = 64
    threads: int = 1
    rate: float = 0.05

    @property
    def neuron_steps(self) -> int:
        """Updates of a neuron."""
        return self.steps * self.neurons * self.batch


BASE = Size()
VARIED: dict[str, tuple[float, ...]] = {
    "steps": (98, 196, 392, 784, 1568, 3136),
    "neurons": (16, 32, 64, 128, 256, 512, 1024),
    "batch": (1, 4, 16, 64, 256),
    "threads": (1, 2),
    "rate": (0.01, 0.02, 0.05, 0.10, 0.20),
}


@dataclass(eq=False)
class Case:
    """A run of which the seconds of every round are kept."""

    row: dict[str, Any]
    neuron_steps: int
    run: Callable[[], Any]

    def measure(self) -> tuple[float, float]:
        """Medians of wall and processor seconds, over as many runs as `PATIENCE` allows."""
        wall, cpu, started = [], [], perf_counter()
        while not wall or perf_counter() - started < PATIENCE:
            before = perf_counter(), process_time()
            self.run()
            wall.append(perf_counter() - before[0])
            cpu.append(process_time() - before[1])
        return median(wall), median(cpu)


def scaling(workload: Workload, tell: Tell, rounds: int) -> dict[str, Any]:
    """Rows of every varied size and of the words, and the shares of the machine's limits at the base size."""
    cases = [*_size_cases(workload.network, tell), *_word_cases(workload, tell)]
    seconds: list[list[tuple[float, float]]] = [[] for _ in cases]
    for count in range(rounds):
        tell(f"scaling: round {count + 1} of {rounds}")
        for case, kept in zip(cases, seconds, strict=True):
            kept.append(case.measure())
    rows = [_row(case, kept) for case, kept in zip(cases, seconds, strict=True)]
    base = next(row for row in rows if row["varied"] == "batch" and row["value"] == BASE.batch)
    return {"rows": rows, "limits": shares(base, limits(1))}


def shares(base: dict[str, Any], machine: dict[str, Any]) -> dict[str, float]:
    """What the base size takes of the machine's arithmetic and memory, each as measured by `machine_limits`.

    Arithmetic: vector operations that the algorithm needs for a neuron-step, against the fused multiply-adds of a dense
    product, which fill two of the processor's vector units. Rotation in doubles: 21 for a register of them. Synapses: 3
    for 32 targets of an event, recurrent and readout (padded to 32). Drive: 3 for a register of 32-bit words. Memory:
    a byte per neuron-step for the recorded spikes, written twice (as zeros by the system), and what a sample's step
    reads and leaves.
    """
    lanes = {2: 2, 3: 4, 4: 8}.get(int(engine().brf_cpu_level()), 2)  # doubles in a register
    events = base["rate"] * BASE.neurons  # a sample's step
    synapses = 3 * events * (BASE.neurons + 32) / (8 * min(lanes, 4))
    operations = 21 / lanes + synapses / BASE.neurons + 3 / (2 * lanes)
    peak = machine["gemm_gflops"]["1"] * 1e9 / (2 * 2 * lanes)  # registers of floats, two operations each
    traffic = 2 + (2 + 2 * 40) / BASE.neurons  # bytes: spikes, a message, ten outputs
    speed = base["neuron_steps_per_second"]
    return {
        "vector_operations_per_neuron_step": operations,
        "vector_operations_per_second": operations * speed,
        "dense_vector_operations_per_second": peak,
        "share_of_arithmetic": operations * speed / peak,
        "bytes_per_neuron_step": traffic,
        "share_of_memory_bandwidth": traffic * speed / (machine["stream_gbs"] * 1e9),
    }


def _size_cases(network: IntegerNetwork, tell: Tell) -> Iterator[Case]:
    made: dict[tuple[int, int, float], IntegerNetwork] = {}
    for name, values in VARIED.items():
        for value in values:
            size = replace(BASE, **{name: value})
            tell(f"scaling: network of {size.neurons} neurons at {size.rate:.0%}")
            key = size.steps, size.neurons, size.rate
            if key not in made:
                sample = pixels(replace(size, batch=CALIBRATE))
                made[key] = at_rate(resized(network, size.neurons), sample, size.rate)
            messages = pixels(size)
            row = {"varied": name, "value": value, "rate": spike_rate(made[key], messages)}
            yield Case(row, size.neuron_steps, _runner(FastBackend(size.threads), made[key], messages))


def _word_cases(workload: Workload, tell: Tell) -> Iterator[Case]:
    """One network of 16-bit states twice: in the words that it proves, and made to take doubles."""
    tell("scaling: network of 16-bit states")
    narrow = quantize(workload.model, NARROW, workload.ranges)
    for rate in (0.05, 0.20):
        network = at_rate(narrow, pixels(replace(BASE, batch=CALIBRATE)), rate)
        for batch in (1, BASE.batch):
            messages = pixels(replace(BASE, batch=batch))
            found = spike_rate(network, messages)
            for words in ("32-bit", "double"):
                backend = FastBackend(1)
                with patch.object(plan, "rotation_bytes", (lambda *_: 8) if words == "double" else plan.rotation_bytes):
                    backend.run(network, messages[:1], Record.SPIKES)  # the plan is kept
                row = {"varied": "words", "value": words, "batch": batch, "rate": found}
                size = replace(BASE, batch=batch)
                yield Case(row, size.neuron_steps, _runner(backend, network, messages))


def _runner(backend: FastBackend, network: IntegerNetwork, messages: Ints) -> Callable[[], Any]:
    return lambda: backend.run(network, messages, Record.SPIKES)


def _row(case: Case, seconds: list[tuple[float, float]]) -> dict[str, Any]:
    wall, cpu = ([kind[index] for kind in seconds] for index in (0, 1))
    return case.row | {
        "seconds": median(wall),
        "best_seconds": min(wall),
        "neuron_steps_per_second": case.neuron_steps / median(wall),
        "best_neuron_steps_per_second": case.neuron_steps / min(wall),
        "neuron_steps_per_cpu_second": case.neuron_steps / median(cpu),
    }


def pixels(size: Size) -> Ints:
    """Messages (steps, batch, 1) of which a fifth are not zero."""
    rng = np.random.default_rng(0)
    shape = size.steps, size.batch, 1
    return rng.integers(1, 256, shape) * (rng.random(shape) < 0.2)


def resized(network: IntegerNetwork, neurons: int) -> IntegerNetwork:
    """The network with its first neurons only, or with copies of all that have weights of zero to each other."""
    layer, readout = network.layers[0], network.readout
    if layer.recurrent is None:
        raise ValueError("a recurrent network is needed")
    copy, index = np.divmod(np.arange(neurons), layer.count)
    recurrent = np.where(copy[:, None] == copy, layer.recurrent.mantissa[np.ix_(index, index)], 0)
    smaller: ResonatorLayer = replace(
        layer,
        **{
            name: getattr(layer, name)[index]
            for name in ("damping", "damping_exponent", "rotation", "rotation_exponent", "energy_bound")
        },
        input=Synapses(layer.input.mantissa[index], layer.input.exponent[index]),
        recurrent=Synapses(recurrent, layer.recurrent.exponent[index]),
    )
    return replace(
        network,
        layers=(smaller,),
        readout=replace(readout, weight=Synapses(readout.weight.mantissa[:, index], readout.weight.exponent)),
    )
