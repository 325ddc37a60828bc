"""Published BRF networks, quantised, and recorded runs of them on real data."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_deploy.task import load_task
from brf_deploy.trace import Record, Trace
from brf_training.published import read_published

CALIBRATION_SAMPLES = 4


@dataclass(frozen=True, eq=False)
class Run:
    """A network, messages (time, batch, inputs) in the order of the data set, and the trace they left."""

    network: IntegerNetwork
    messages: np.ndarray
    trace: Trace

    @property
    def presented(self):
        return self.network.encoding.present(self.messages)


@cache
def published_run(task_name, data_dir, samples):
    """The first test samples through the published network of a task; skips where its checkpoint is absent."""
    checkpoint = data_dir / "checkpoints" / f"{task_name}_brf.pt"
    if not checkpoint.is_file():
        pytest.skip(f"no checkpoint at {checkpoint}: fetch it with `brf-deploy data fetch checkpoints {task_name}`")
    task = load_task(task_name)
    model = read_published(checkpoint, "brf", task)
    ranges = measure_ranges(model, task.load("train", data_dir).messages[:, :CALIBRATION_SAMPLES])
    network = quantize(model, QuantizationConfig(), ranges)
    messages = task.load("test", data_dir).messages[:, :samples]
    return Run(network, messages, REFERENCE.run(network, messages, Record.SPIKES))
