"""Measures what a report shows: one run of the reference backend over the samples, in chunks."""

import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import check_task, chunks, hidden_neurons, score
from brf_deploy.float_network import FloatLayer, FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations, add_operations, count_operations
from brf_deploy.quantization import quantization_loss
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Samples, Task, predict
from brf_deploy.trace import Record, Trace
from brf_hardware.equivalence import Verification
from brf_hardware.report.boundary import layer_poles
from brf_hardware.report.content import Provenance, ReportContent, SampleRun
from brf_hardware.report.hardware_cost import hardware_cost
from brf_hardware.report.state_range import Ranges, add_ranges, state_ranges

if TYPE_CHECKING:  # chips need packages that a report without them does not
    from brf_hardware.cost.work import Work
    from brf_hardware.report.target_cost import Placement

# Spikes and the three states of a neuron, for the size of a chunk.
WORDS_PER_NEURON = 4


def build_report(
    network: IntegerNetwork,
    task: Task,
    samples: Samples,
    provenance: Provenance,
    *,
    model: FloatNetwork | None = None,
    verification: Verification | None = None,
    shown: int = 0,
    synthesis: bool = False,
    placements: "Sequence[Placement]" = (),
    done: Callable[[int], None] = lambda _: None,
) -> ReportContent:
    """Run the network over the samples and gather a report.

    model: what the network was quantised from. verification: of both, on the same task. shown: the sample whose
    raster is drawn. synthesis: whether yosys counts cells. placements: of this network on targets, which are priced.
    done: hears how many samples each chunk finished. Raises `InvalidInput` where they do not fit.
    """
    check_task(network, task)
    sources: tuple[FloatLayer | None, ...] = (None,) * len(network.layers)
    if model is not None:
        sources = _sources(network, model)
    ranges: list[Ranges] = []
    operations: list[tuple[Operations, ...]] = []
    works: list[list[Work | None]] = []

    def runs() -> Iterator[tuple[Samples, Trace]]:
        for part in chunks(samples, WORDS_PER_NEURON * hidden_neurons(network)):
            trace = REFERENCE.run(network, part.messages, Record.STATES)
            ranges.append(state_ranges(network, trace))
            operations.append(count_operations(network, network.encoding.present(part.messages), trace))
            works.append([placement.measure(part.messages, trace) for placement in placements])
            yield part, trace
            done(part.count)

    evaluation = score(network, task, runs())
    return ReportContent(
        network=network,
        task=task,
        steps=samples.steps,
        evaluation=evaluation,
        ranges=add_ranges(ranges),
        operations=add_operations(operations),
        sample=run_sample(network, task, samples, shown),
        poles=tuple(
            layer_poles(layer, network.arithmetic, s) for layer, s in zip(network.layers, sources, strict=True)
        ),
        losses=() if model is None else quantization_loss(model, network),
        verification=verification,
        hardware=hardware_cost(network, synthesis),
        provenance=provenance,
        targets=tuple(
            placement.cost(found) for placement, found in zip(placements, zip(*works, strict=True), strict=True)
        ),
    )


def run_sample(network: IntegerNetwork, task: Task, samples: Samples, index: int) -> SampleRun:
    """Run one sample by itself and keep its spikes and readout."""
    if not 0 <= index < samples.count:
        raise InvalidInput(
            f"report: sample {index} is to be drawn, there are {samples.count}; choose 0..{samples.count - 1}"
        )
    one = samples.take(slice(index, index + 1))
    trace = REFERENCE.run(network, one.messages, Record.SPIKES)
    answers = predict(trace.readout, task.decision, network.skip_steps)
    labels: Ints = one.labels[network.skip_steps :] if answers.ndim > 1 else one.labels
    return SampleRun(
        index=index,
        messages=network.encoding.present(one.messages)[:, 0],
        spikes=tuple(layer.spikes[:, 0] for layer in trace.layers),
        readout=trace.readout[:, 0].astype(np.int64),
        labels=labels.reshape(-1),
        answers=answers.reshape(-1),
    )


def _sources(network: IntegerNetwork, model: FloatNetwork) -> tuple[FloatLayer, ...]:
    """The trained layers, which must have the shapes of the deployed ones."""
    found = [(layer.name, *layer.input_weight.shape) for layer in model.layers]
    wanted = [(layer.name, *layer.input.mantissa.shape) for layer in network.layers]
    if found != wanted:
        raise InvalidInput(
            f"model: layers {_shapes(found)} found, the network has {_shapes(wanted)}; "
            "give the model that the network was quantised from"
        )
    return model.layers


def _shapes(layers: list[tuple[str, int, int]]) -> str:
    return ", ".join(f"'{name}' {inputs} -> {neurons}" for name, neurons, inputs in layers)


def installed_versions() -> dict[str, str]:
    """Versions of this project and of what a report's numbers and figures rest on."""
    found = {"Python": platform.python_version()}
    for name in ("brf-deploy", "numpy", "matplotlib", "jinja2"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
