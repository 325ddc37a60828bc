"""Neurons, one file each; a new one is a line in `NEURONS`."""

from brf_training.neurons.alif import ALIF
from brf_training.neurons.bhrf import BHRF
from brf_training.neurons.brf import BRF
from brf_training.neurons.lif import LIF
from brf_training.neurons.neuron import AnyNeuron
from brf_training.neurons.rf import RF

NEURONS: dict[str, type[AnyNeuron]] = {neuron.kind: neuron for neuron in (BRF, RF, BHRF, LIF, ALIF)}
