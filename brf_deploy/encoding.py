"""How a sample becomes the integer messages that a network receives, one per input and step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Floats, Ints, check_range, frozen_ints
from brf_deploy.errors import InvalidInput, InvalidNetwork


@dataclass(frozen=True, eq=False)
class Encoding:
    """Integer messages ``0 .. maximum``; the float network sees ``message / full_scale``.

    Binary spikes are ``Encoding(1, 1)``, 8-bit pixels ``Encoding(255, 255)``. `permutation` (steps), when present,
    reorders time before the network sees it: step t receives ``messages[permutation[t]]``.
    """

    maximum: int = 1
    full_scale: int = 1
    permutation: Ints | None = None

    def __post_init__(self) -> None:
        check_range("encoding maximum", self.maximum, 1, 2**16 - 1)
        check_range("encoding full_scale", self.full_scale, 1, 2**16)
        if self.permutation is not None:
            order = frozen_ints("encoding permutation", self.permutation, 1)
            if not np.array_equal(np.sort(order), np.arange(len(order))):
                raise InvalidNetwork(
                    f"encoding permutation: {len(order)} entries that are not each of 0..{len(order) - 1} once; "
                    "use the file that was saved with the checkpoint"
                )
            object.__setattr__(self, "permutation", order)

    @property
    def graded_bits(self) -> int:
        """g: messages are integers in units of 2**-g; 0 for binary spikes, 8 for pixels."""
        return (self.full_scale - 1).bit_length()

    def present(self, messages: npt.NDArray[np.integer]) -> Ints:
        """Check messages (time, batch, inputs), put them in the order in which the network sees them."""
        if messages.ndim != 3:
            raise InvalidInput(f"input messages: shape {messages.shape}, expected (time, batch, inputs)")
        if messages.dtype.kind not in "iub":
            raise InvalidInput(f"input messages: dtype {messages.dtype}, expected integers 0..{self.maximum}")
        if messages.size and (messages.min() < 0 or messages.max() > self.maximum):
            raise InvalidInput(
                f"input messages: {messages.min()}..{messages.max()} found, the network accepts 0..{self.maximum}"
            )
        ordered = messages.astype(np.int64)
        if self.permutation is None:
            return ordered
        if len(self.permutation) != len(messages):
            raise InvalidInput(f"input messages: {len(messages)} steps, the permutation has {len(self.permutation)}")
        return ordered[self.permutation]

    def as_real(self, presented: Ints, dtype: type[np.floating]) -> Floats:
        """The float network's input: ``message / full_scale``."""
        return np.asarray(presented.astype(dtype) / dtype(self.full_scale))
