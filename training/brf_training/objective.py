"""What training minimises, and what counts as a right answer."""

from dataclasses import dataclass
from enum import Enum

from torch import Tensor

from brf_deploy.errors import InvalidInput
from brf_training.kernels.cross_entropy import cross_entropy


class Loss(Enum):
    """Which steps of the readout the loss looks at."""

    LAST_STEP = "last_step"
    EVERY_STEP_SUM = "every_step_sum"


@dataclass(frozen=True)
class Objective:
    """Negative log likelihood of ``softmax(readout)``; the first `skip_steps` steps are not looked at.

    LAST_STEP: of the last step, mean over samples. EVERY_STEP_SUM: summed over steps, mean over samples, as in the
    published training; a label for a whole sample holds at each of its steps.
    """

    loss: Loss
    skip_steps: int = 0

    def __call__(self, readout: Tensor, labels: Tensor) -> Tensor:
        """The scalar loss of a readout (time, batch, outputs) for labels (time, batch) or (batch,)."""
        if len(readout) <= self.skip_steps:
            raise InvalidInput(f"readout: {len(readout)} steps, of which {self.skip_steps} are skipped; none is left")
        first = self.skip_steps
        if self.loss is Loss.LAST_STEP:
            first, labels = len(readout) - 1, labels[-1] if labels.ndim == 2 else labels
        return cross_entropy(readout, labels, first)

    def steps(self, total: int) -> int:
        """How many of `total` steps it looks at."""
        return 1 if self.loss is Loss.LAST_STEP else total - self.skip_steps

    def within(self, first: int, steps: int, total: int) -> "Objective | None":
        """The part of it that `steps` from `first` of `total` bear; None where it looks at none of them."""
        if self.loss is Loss.LAST_STEP:
            return Objective(self.loss) if first + steps == total else None
        skipped = max(0, self.skip_steps - first)
        return Objective(self.loss, skipped) if skipped < steps else None
