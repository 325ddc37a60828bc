"""Binary messages, eight to a byte."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class PackedBits:
    """Binary messages (time, samples, inputs) in an eighth of a byte each; what belongs to a sample lies together.

    bits: uint8 (samples, time, ceil(inputs / 8)), the first input in the highest bit as in `numpy.packbits`; may be a
    memory map. Raises `InvalidInput` for another form.
    """

    bits: npt.NDArray[np.uint8]
    inputs: int

    def __post_init__(self) -> None:
        if self.bits.dtype != np.uint8 or self.bits.ndim != 3 or self.bits.shape[2] != -(-self.inputs // 8):
            raise InvalidInput(
                f"packed messages: {self.bits.dtype} of shape {self.bits.shape} found for {self.inputs} inputs, needed "
                f"uint8 (samples, time, {-(-self.inputs // 8)})"
            )

    @classmethod
    def of(cls, messages: npt.NDArray[Any]) -> Self:
        """Pack messages (time, samples, inputs); what is not 0 counts as 1."""
        return cls(np.packbits(messages.transpose(1, 0, 2) != 0, axis=2), messages.shape[2])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the messages: (time, samples, inputs)."""
        samples, steps, _ = self.bits.shape
        return steps, samples, self.inputs

    def take(self, which: slice | npt.NDArray[np.int64]) -> "PackedBits":
        """Some of the samples, in the given order."""
        return PackedBits(self.bits[which], self.inputs)

    def unpack(self) -> npt.NDArray[np.uint8]:
        """The messages (time, samples, inputs)."""
        in_time = np.ascontiguousarray(self.bits.transpose(1, 0, 2))
        return np.unpackbits(in_time, axis=2, count=self.inputs)
