"""The page as plain data: what a section shows stands under the section's anchor."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from brf_hardware.footprint import footprint
from brf_hardware.report.boundary import LayerPoles
from brf_hardware.report.content import ReportContent, SampleRun
from brf_hardware.report.state_range import StateRange
from brf_hardware.report.summary import summarise

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)


def as_dict(content: ReportContent) -> dict[str, Any]:
    """Numbers and names of everything on the page, for `write_json`; an absent model or verification is None."""
    evaluation, summary = content.evaluation, summarise(content)
    return {
        "task": content.task.name,
        "verdict": {"text": summary.verdict.text, "reason": summary.reason},
        "samples": evaluation.samples,
        "steps_per_sample": content.steps,
        "accuracy": evaluation.accuracy,
        "network": {
            "shape": content.shape,
            "arithmetic": vars(content.network.arithmetic),
            "bits": _by_population(content, [vars(part) for part in footprint(content.network)]),
        },
        "spikes": {
            "per_sample": content.spikes_per_sample,
            "of_neurons": {layer.name: content.spikes_of(index) for index, layer in enumerate(content.network.layers)},
        },
        "sample": _sample(content.sample),
        "states": _by_population(content, [{s.name: _state(s) for s in states} for states in content.ranges]),
        "poles": {layer.name: _poles(layer) for layer in content.poles},
        "loss": [vars(part) for part in content.losses] or None,
        "equivalence": None if content.verification is None else content.verification.as_dict(),
        "operations": _by_population(
            content,
            [vars(part) | {"synaptic_operations": part.synaptic_operations} for part in content.operations],
        ),
        "targets": _targets(content),
        "hardware": _hardware(content),
        "origin": vars(content.provenance),
    }


def _by_population(content: ReportContent, parts: list[Any]) -> dict[str, Any]:
    names = [*(layer.name for layer in content.network.layers), "readout"]
    return dict(zip(names, parts, strict=True))


def _sample(run: SampleRun) -> Mapping[str, Any]:
    """Spikes as the steps at which each neuron fired."""
    return {
        "index": run.index,
        "labels": run.labels,
        "answers": run.answers,
        "messages": run.messages,
        "spikes": [[np.flatnonzero(neuron) for neuron in spikes.T] for spikes in run.spikes],
        "readout": run.readout,
    }


def _state(state: StateRange) -> Mapping[str, Any]:
    """Integers, and `unit` that stands for 1 in the figures."""
    names = ("unit", "limit", "proven", "lowest", "highest", "zeros", "saturated", "total", "headroom")
    return {name: getattr(state, name) for name in names} | {
        "quantiles": {f"{share:g}": state.quantile(share) for share in QUANTILES},
        "largest_neuron": int(state.peaks.argmax()),
    }


def _poles(layer: LayerPoles) -> Mapping[str, Any]:
    kinds = {"deployed": layer.integer, "trained": layer.trained, "naive": layer.naive}
    return {
        "radius": layer.certificate.radius,
        "violations": layer.certificate.violations,
        "largest_reset": layer.largest_reset,
        "naive_outside": layer.naive_outside,
        **{
            name: None if found is None else {"real": found.value.real, "imaginary": found.value.imag}
            for name, found in kinds.items()
        },
    }


def _hardware(content: ReportContent) -> Mapping[str, Any]:
    cost = content.hardware
    synthesis = cost.synthesis if cost.synthesis is None or isinstance(cost.synthesis, str) else asdict(cost.synthesis)
    return {"c": cost.c, "verilog": cost.verilog, "synthesis": synthesis}


def _targets(content: ReportContent) -> list[dict[str, Any]]:
    if not content.targets:
        return []
    from brf_hardware.report.target_data import target_data  # needs packages that a report without chips does not

    return [target_data(cost) for cost in content.targets]
