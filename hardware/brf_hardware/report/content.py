"""Everything a report shows, as data: measured and gathered once, before anything is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from brf_deploy.arrays import Bools, Ints
from brf_deploy.evaluation import Evaluation
from brf_deploy.network import IntegerNetwork
from brf_deploy.operations import Operations
from brf_deploy.quantization.loss import LayerLoss
from brf_deploy.task import Decision, Task
from brf_hardware.equivalence import Verification
from brf_hardware.report.boundary import LayerPoles
from brf_hardware.report.hardware_cost import HardwareCost
from brf_hardware.report.state_range import Ranges

if TYPE_CHECKING:  # chips need packages that a report without them does not
    from brf_hardware.report.target_cost import TargetCost


@dataclass(frozen=True)
class Provenance:
    """Where a report comes from: the day, the command line, and the versions of what computed it."""

    date: str
    command: str
    versions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class SampleRun:
    """One sample: messages (time, inputs) as the network saw them, spikes (time, neurons) of each layer, readout
    (time, outputs); labels and answers (time - skip_steps,) where every step is labelled, else (1,)."""

    index: int
    messages: Ints
    spikes: tuple[Bools, ...]
    readout: Ints
    labels: Ints
    answers: Ints

    @property
    def right(self) -> int:
        """Number of right answers."""
        return int((self.labels == self.answers).sum())


@dataclass(frozen=True, eq=False)
class ReportContent:
    """What was measured on `network` over `evaluation.samples` samples of `task`.

    ranges, operations: per layer and, last, the readout. poles: per layer. losses, and the trained poles, need the
    model the network was quantised from; they and the verification are empty without it. targets: what it costs on
    each chip that was asked for.
    """

    network: IntegerNetwork
    task: Task
    steps: int
    evaluation: Evaluation
    ranges: Ranges
    operations: tuple[Operations, ...]
    sample: SampleRun
    poles: tuple[LayerPoles, ...]
    losses: tuple[LayerLoss, ...]
    verification: Verification | None
    hardware: HardwareCost
    provenance: Provenance
    targets: "tuple[TargetCost, ...]" = ()

    @property
    def neurons(self) -> int:
        """Number of spiking neurons."""
        return sum(layer.count for layer in self.network.layers)

    @property
    def shape(self) -> str:
        """Widths from input to readout: ``4-36-6``."""
        widths = [self.network.inputs, *(layer.count for layer in self.network.layers), self.network.outputs]
        return "-".join(map(str, widths))

    @property
    def spikes_per_sample(self) -> float:
        """Mean number of hidden spikes a sample."""
        return self.evaluation.total_spikes / self.evaluation.samples

    @property
    def violations(self) -> int:
        """Neurons that break the stability certificate."""
        return sum(int(layer.certificate.violations.sum()) for layer in self.poles)

    @property
    def worst_radius(self) -> float:
        """Largest pole radius of all neurons, at rest or at the largest refractory damping."""
        return max(float(layer.certificate.radius.max(initial=0.0)) for layer in self.poles)

    @property
    def synaptic_operations(self) -> int:
        """Synaptic operations of all layers and the readout, with fan-out, over all samples."""
        return sum(part.synaptic_operations for part in self.operations)

    @property
    def every_step(self) -> bool:
        """Whether each step has a label and an answer of its own."""
        return self.task.decision is Decision.EVERY_STEP

    def spikes_of(self, index: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """Spikes of each neuron of layer `index`, over all samples."""
        total: Ints = self.evaluation.spikes[index].sum(axis=0)
        return total
