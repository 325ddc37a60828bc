"""The network that the integer engine is measured on: published S-MNIST, quantised with defaults, at a wanted rate."""

from dataclasses import dataclass, replace
from pathlib import Path

from brf_deploy.arrays import Ints
from brf_deploy.float_network import FloatNetwork
from brf_deploy.layers import Refractory
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization import QuantizationConfig, Ranges, measure_ranges, quantize
from brf_deploy.summary import summarize
from brf_deploy.task import Samples, load_task
from brf_hardware.fast.backend import FAST
from brf_training.published import read_published

CALIBRATION_SAMPLES = 128  # as `brf-deploy quantize` takes by default


@dataclass(frozen=True, eq=False)
class Workload:
    """The S-MNIST network (1 - 256 - 10, 784 steps), float and integer, with its ranges and all test images."""

    model: FloatNetwork
    network: IntegerNetwork
    ranges: Ranges
    test: Samples


def published_smnist(data: Path) -> Workload:
    """What `import` and `quantize` make of the published checkpoint."""
    task = load_task("smnist")
    model = read_published(data / "checkpoints" / "smnist_brf.pt", "brf", task)
    ranges = measure_ranges(model, task.load("train", data).take(slice(CALIBRATION_SAMPLES)).messages)
    return Workload(model, quantize(model, QuantizationConfig(), ranges), ranges, task.load("test", data))


def spike_rate(network: IntegerNetwork, messages: Ints) -> float:
    """Spikes per neuron and step."""
    found = summarize(FAST, network, messages, load_task("smnist").decision)
    return float(found.spikes[0].sum() / (messages.shape[0] * found.spikes[0].size))


def at_rate(network: IntegerNetwork, messages: Ints, wanted: float) -> IntegerNetwork:
    """The same network with the threshold at which it fires at about the wanted rate, found by bisection.

    Its refractory state decays twice as fast, since as published it keeps the rate below 13 % at any threshold.
    """
    layer = network.layers[0]
    refractory = replace(layer.refractory, decay=layer.refractory.decay // 2)
    low, high = 1, layer.threshold * 16
    while high - low > layer.threshold // 256:
        middle = (low + high) // 2
        changed = _with_threshold(network, refractory, middle)
        low, high = (middle, high) if spike_rate(changed, messages) > wanted else (low, middle)
    return _with_threshold(network, refractory, low)


def _with_threshold(network: IntegerNetwork, refractory: Refractory, threshold: int) -> IntegerNetwork:
    return replace(network, layers=(replace(network.layers[0], refractory=refractory, threshold=threshold),))
