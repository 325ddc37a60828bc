"""A recorded run replayed through NeuroBench 2.3.0, whose hooks count what enters every Linear module.

Input, recurrent and readout weights are modules of their own: NeuroBench calls a whole tensor graded where one value of
it is neither 0 nor 1. The neurons emit the recorded spikes, so that the very spikes of the integer run are counted.
"""

import numpy as np
import torch
from torch import nn


class ReplayedNetwork(nn.Module):
    """The connections of an integer network as Linear modules, each called once for all steps of a recorded run."""

    def __init__(self, network, trace):
        super().__init__()
        self.inputs = nn.ModuleList(_linear(layer.input) for layer in network.layers)
        self.recurrent = nn.ModuleList(
            nn.Identity() if layer.recurrent is None else _linear(layer.recurrent) for layer in network.layers
        )
        self.readout = _linear(network.readout.weight)
        self.spikes = [_samples_first(layer.spikes) for layer in trace.layers]

    def forward(self, messages):
        """Messages (batch, time, inputs); gives the sums that enter the readout."""
        below = messages
        for into, within, spikes in zip(self.inputs, self.recurrent, self.spikes, strict=True):
            into(below)
            within(torch.cat([torch.zeros_like(spikes[:, :1]), spikes[:, :-1]], dim=1))
            below = spikes
        return self.readout(below)


def synaptic_operations(network, messages, trace):
    """Accumulates and multiply-accumulates of a run (time, batch, inputs) as NeuroBench counts them."""
    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.workload import SynapticOperations
    from neurobench.models import TorchModel
    from torch.utils.data import DataLoader, TensorDataset

    batch = messages.shape[1]
    data = TensorDataset(_samples_first(messages), torch.zeros(batch))
    loader = DataLoader(data, batch_size=batch)
    model = TorchModel(ReplayedNetwork(network, trace))
    found = Benchmark(model, loader, [], [], [[], [SynapticOperations]]).run(quiet=True)["SynapticOperations"]
    # NeuroBench divides by the number of samples; counts below 2**53 come back whole.
    return round(found["Effective_ACs"] * batch), round(found["Effective_MACs"] * batch)


def _samples_first(array):
    return torch.from_numpy(array.astype(np.float64)).transpose(0, 1)


def _linear(synapses):
    linear = nn.Linear(synapses.sources, synapses.targets, bias=False, dtype=torch.float64)
    linear.weight.data = torch.from_numpy(synapses.mantissa.astype(np.float64))
    return linear
