"""What one message of each source meets on each core: the static half of every count."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.layers import Synapses

WORD_BITS = 64  # of synaptic memory on Loihi (Davies 2018), and of the reads that Horowitz (ISSCC 2014) prices


@dataclass(frozen=True, eq=False)
class FanOut:
    """One connection, by source and core of its targets, (sources, cores).

    synapses: non-zero weights. zeros: zero weights in stored rows. words: 64-bit words of stored rows. A core stores
    the dense row of every source that has a non-zero weight on it. met (sources, bytes): a bit for each of `targets`,
    set where the weight is not zero.
    """

    synapses: Ints
    zeros: Ints
    words: Ints
    met: npt.NDArray[np.uint8]
    targets: int

    @property
    def reach(self) -> Ints:
        """Cores to which a message of each source is sent, ones and zeros."""
        return np.asarray(self.synapses > 0, np.int64)


def fan_out(weights: Synapses, weight_bits: int, members: Ints) -> FanOut:
    """The fan-out of a connection; `members` (targets, cores) are ones where a target lies on a core."""
    nonzero = weights.mantissa.T != 0
    # In floats, which the processor's matrix product takes and which are exact for counts of targets.
    synapses = (nonzero.astype(np.float64) @ members.astype(np.float64)).astype(np.int64)
    row = np.where(synapses > 0, members.sum(axis=0), 0)
    words = -(-row * weight_bits // WORD_BITS)
    return FanOut(synapses, row - synapses, words, np.packbits(nonzero, axis=1), weights.targets)
