"""The plain torch loop to measure against: BRF dynamics and losses as the published training computes them.

Written so that TorchScript compiles it. One Linear on ``cat(x_t, z_{t-1})``, the surrogate as ``h - h.detach() +
step``, a Python list of outputs, and the loss step by step, as in the reference implementation (Higuchi et al. 2024).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, log_softmax, nll_loss

from brf_training import RecurrentNetwork


def gaussian(x: Tensor, std: float) -> Tensor:
    return (1 / (std * math.sqrt(2 * math.pi))) * torch.exp(-torch.square(x) / (2 * std**2))


def spike(x: Tensor) -> Tensor:
    slope = 0.5 * (1.15 * gaussian(x, 0.5) - 0.30 * gaussian(x, 3.0))
    h = x * slope.detach()
    return h - h.detach() + torch.gt(x, 0.0).to(x.dtype).detach()


class ReferenceLoop(nn.Module):
    """One BRF layer and a leaky readout; returns the outputs, step by step, and the number of spikes."""

    def __init__(self, network: RecurrentNetwork) -> None:
        super().__init__()
        (layer,) = network.layers
        weight = torch.cat([layer.input_weight, layer.recurrent_weight], 1)
        self.omega, self.b_offset = (nn.Parameter(layer.raw[name].detach().clone()) for name in ("omega", "b_offset"))
        self.weight = nn.Parameter(weight.detach().clone())
        self.tau = nn.Parameter(network.readout.tau.detach().clone())
        self.readout_weight = nn.Parameter(network.readout.weight.detach().clone())

    def forward(self, inputs: Tensor) -> tuple[list[Tensor], Tensor]:
        omega, b_offset = torch.abs(self.omega), torch.abs(self.b_offset)
        p_omega = (-1 + torch.sqrt(1 - torch.square(0.01 * omega))) / 0.01
        z = torch.zeros(inputs.shape[1], omega.shape[0], dtype=inputs.dtype)
        u, v, q = torch.zeros_like(z), torch.zeros_like(z), torch.zeros_like(z)
        y = torch.zeros(inputs.shape[1], self.tau.shape[0], dtype=inputs.dtype)
        alpha = torch.exp(-1 / torch.abs(self.tau))
        outputs: list[Tensor] = []
        count = torch.zeros(1, dtype=inputs.dtype)
        for x in inputs:
            current = linear(torch.cat((x, z), dim=1), self.weight)
            b = p_omega - b_offset - q
            u_new = u + b * u * 0.01 - omega * v * 0.01 + current * 0.01
            v = v + omega * u * 0.01 + b * v * 0.01
            u = u_new
            z = spike(u - 1.0 - q)
            q = q.mul(0.9) + z
            y = alpha * y + (1 - alpha) * linear(z, self.readout_weight)
            outputs.append(y)
            count = count + z.detach().sum()
        return outputs, count


def stepwise_loss(outputs: list[Tensor], labels: Tensor, last_step: bool) -> Tensor:
    """Negative log likelihood of the last step, or summed step by step; mean over samples."""
    if last_step:
        return nll_loss(log_softmax(outputs[-1], dim=1), labels)
    loss = torch.zeros(())
    for t, output in enumerate(outputs):
        loss = loss + nll_loss(log_softmax(output, dim=1), labels[t] if labels.ndim == 2 else labels)
    return loss
