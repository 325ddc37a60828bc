"""How long the mapper takes, and how much memory, for large random networks on Loihi 2.

100,000 neurons with 500 synapses each: sources drawn from all neurons, where no order helps, and from nearby neurons of
a hidden order, which the partitioner has to find. Seconds are of one process; the machine's load is noted beside them.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from process_memory import peak_of
from scipy.sparse import csr_array

from brf_hardware.mapping import Mapping, Population, Topology, map_network
from brf_hardware.mapping.utilisation import fullness
from brf_hardware.targets import load_target
from brf_hardware.targets.target import Target

INPUTS, NEARBY, WIDTH = 100, 0.95, 1000  # channels, share of nearby sources, distance within which they lie
NEURON_BYTES = 14  # of a BRF neuron with 24-bit states and 12-bit coefficients
ROWS = 10_000  # neurons made at a time


@click.command()
@click.option("--neurons", default=100_000, show_default=True)
@click.option("--synapses", default=500, show_default=True, help="Onto each neuron.")
@click.option("--target", default="loihi2", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "results/mapping_speed.json")
def main(neurons: int, synapses: int, target: str, out: Path) -> None:
    """Map random networks of NEURONS neurons and write what it took."""
    found = list(_results(neurons, synapses, load_target(target)))
    out.write_text(json.dumps(found, indent=2) + "\n")


def _results(neurons: int, synapses: int, target: Target) -> Iterator[dict[str, Any]]:
    for kind in ("uniform", "nearby"):
        topology = random_topology(neurons, synapses, kind == "nearby")
        for allocation in ("assumed", "optimistic"):
            row = {"network": kind, **measure(topology, target, allocation)}
            click.echo(row)
            yield row


def measure(topology: Topology, target: Target, allocation: str) -> dict[str, Any]:
    """Map once and say what it took and gave."""
    mapped: list[Mapping] = []
    wall, processor = perf_counter(), process_time()
    memory = peak_of(lambda: mapped.append(map_network(topology, target, allocation)))
    wall, processor = perf_counter() - wall, process_time() - processor
    (mapping,), limits = mapped, target.limits
    return {
        "neurons": topology.neurons,
        "synapses": topology.synapses.nnz,
        "network_bytes": topology.synapses.data.nbytes + topology.synapses.indices.nbytes,
        "target": target.name,
        "allocation": allocation,
        "cores": len(mapping.cores),
        "chips": mapping.chips,
        "fullest_core": None if limits is None else round(float(fullness(mapping.load, limits).max()), 4),
        "links": mapping.links,
        "links_in_order": mapping.links_in_order,
        "method": mapping.method,
        "wall_seconds": round(wall, 1),
        "processor_seconds": round(processor, 1),
        "peak_bytes_beside_network": memory,
        "load": round(os.getloadavg()[0], 1),
        "processors": os.cpu_count(),
    }


def random_topology(neurons: int, synapses: int, nearby: bool, seed: int = 0) -> Topology:
    """`synapses` onto each neuron, drawn with repetition; made in pieces, so that memory is that of the network."""
    rng = np.random.default_rng(seed)
    hidden = rng.permutation(neurons).astype(np.int32)
    place = np.argsort(hidden).astype(np.int32)
    sources = np.empty((neurons, synapses), np.int32)
    for first in range(0, neurons, ROWS):
        rows = np.arange(first, min(first + ROWS, neurons), dtype=np.int32)
        sources[rows] = _sources(rng, rows, sources.shape, (hidden, place) if nearby else None)
    matrix = csr_array(
        (np.ones(sources.size, np.int8), sources.reshape(-1), np.arange(0, sources.size + 1, synapses, dtype=np.int32)),
        shape=(neurons, INPUTS + neurons),
    )
    matrix.sum_duplicates()
    return Topology(INPUTS, (Population("hidden", neurons, NEURON_BYTES),), matrix, np.ones(neurons))


def _sources(
    rng: np.random.Generator,
    rows: npt.NDArray[np.int32],
    shape: tuple[int, int],
    order: tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]] | None,
) -> npt.NDArray[np.int32]:
    neurons, synapses = shape
    drawn = rng.integers(0, INPUTS + neurons, (len(rows), synapses), dtype=np.int32)
    if order is not None:
        hidden, place = order
        step = rng.integers(-WIDTH, WIDTH + 1, drawn.shape, dtype=np.int32)
        near = INPUTS + hidden[(place[rows][:, np.newaxis] + step) % neurons]
        drawn = np.where(rng.random(drawn.shape) < NEARBY, near, drawn)
    return np.sort(drawn, axis=1)


if __name__ == "__main__":
    main()
