"""Estimates of many samples: run in chunks that fit into memory, measured on every target, added, priced."""

from collections.abc import Sequence

from brf_deploy.backend import Backend
from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import chunks, hidden_neurons
from brf_deploy.progress import sample_progress
from brf_deploy.task import Samples
from brf_deploy.trace import Record
from brf_hardware.cost.estimate import Costing, Estimate
from brf_hardware.cost.work import Work


def estimate_samples(costings: Sequence[Costing], samples: Samples, backend: Backend) -> tuple[Estimate, ...]:
    """Run the samples once on a backend and price them for each of `costings`, all of the same network.

    Raises `InvalidInput` where there is no sample.
    """
    network = costings[0].network
    if not samples.steps or not samples.count:
        raise InvalidInput("samples: none found to estimate from; choose a split that has some")
    works: list[list[Work]] = []
    with sample_progress(backend.name, samples.count) as done:
        for part in chunks(samples, hidden_neurons(network)):
            trace = backend.run(network, part.messages, Record.SPIKES)
            works.append([costing.measure(part.messages, trace) for costing in costings])
            done(part.count)
    return tuple(
        costing.estimate(sum(found[1:], start=found[0]))
        for costing, found in zip(costings, zip(*works, strict=True), strict=True)
    )
