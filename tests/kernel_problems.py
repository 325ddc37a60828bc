"""Random networks and inputs for tests of the training kernels, and gradients of everything a run gives."""

import torch

from brf_training.cell_loop import Cell, Integrators, run_sequence
from brf_training.neurons import NEURONS

# Weight scale at which a neuron fires at some tens of percent.
GAIN = {"brf": 150.0, "rf": 150.0, "bhrf": 250.0, "lif": 20.0, "alif": 2.0}


class Network:
    """Cells and readout of random tensors, all of them leaves that want gradients."""

    def __init__(
        self, kind="brf", inputs=3, neurons=(9,), outputs=4, recurrent=True, dtype=torch.float64, seed=0, gain=1.0
    ):
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype, self.inputs = dtype, inputs
        neuron, width, self.cells, self.leaves = NEURONS[kind](), inputs, [], []
        for count in neurons:
            raw = {name: self.leaf(start.sample(count, self.generator)) for name, start in neuron.initial.items()}
            scale = gain * GAIN[kind]
            into = self.leaf(self.normal(count, width) * scale / width**0.5)
            loop = self.leaf(self.normal(count, count) * scale / count**0.5) if recurrent else None
            self.cells.append(Cell(neuron, raw, into, loop))
            width = count
        self.integrators = Integrators(self.leaf(20 + 5 * self.normal(outputs)), self.leaf(self.normal(outputs, width)))

    def normal(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def leaf(self, values):
        signs = torch.randint(0, 2, values.shape, generator=self.generator) * 2 - 1
        leaf = (values * signs).to(self.dtype).requires_grad_()
        self.leaves.append(leaf)
        return leaf

    def sequence(self, steps=40, batch=5, density=0.5):
        mask = torch.rand(steps, batch, self.inputs, generator=self.generator) < density
        return (self.normal(steps, batch, self.inputs) * mask).to(self.dtype)

    def run(self, inputs, engine, **options):
        return run_sequence(self.cells, self.integrators, inputs, engine=engine, **options)


def outcomes(run):
    """Every tensor of a run."""
    return [run.readout, *run.spike_counts, *run.spikes, *run.carry.states, *run.carry.spikes]


def gradients(run, leaves, seed=0):
    """Of a random combination of everything the run gives."""
    generator = torch.Generator().manual_seed(seed)
    loss = sum((t * torch.randn(t.shape, generator=generator).to(t.dtype)).sum() for t in outcomes(run))
    return torch.autograd.grad(loss, leaves)


def relative(found, expected):
    """Largest difference of two lists of tensors, each relative to its norm."""
    pairs = [(a.detach(), b.detach()) for a, b in zip(found, expected, strict=True)]
    return max(float((a - b).norm() / b.norm().clamp(min=1e-30)) if b.numel() else 0.0 for a, b in pairs)
