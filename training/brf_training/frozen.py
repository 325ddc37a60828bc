"""A network for inference alone."""

import torch
from torch import Tensor

from brf_training.cell_loop import Carry, SequenceRun, run_chain
from brf_training.kernels.events import Events
from brf_training.kernels.problem import Chain


class FrozenNetwork:
    """A copy of a network as it was, its effective parameters worked out once: for samples that come one by one.

    Its outputs are those of the network, bit for bit, without a graph for gradients. Later changes of the network do
    not reach it. Make one with `RecurrentNetwork.freeze`; several threads may call it at a time.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain.frozen()

    @torch.no_grad()
    def __call__(
        self, inputs: Tensor | Events, keep_spikes: bool = False, *, carry: Carry | None = None
    ) -> SequenceRun:
        """Run real inputs (time, batch, inputs) from silence, or go on from the `carry` of the stretch before."""
        return run_chain(self.chain, inputs, keep_spikes, carry=carry)
