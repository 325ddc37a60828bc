"""Handwritten digits that come with scikit-learn: real data without a download."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brf_deploy.encoding import Encoding
from brf_deploy.task import Decision, Samples, Split

TEST_FRACTION = 0.2
SPLIT_SEED = 0


@dataclass(frozen=True, eq=False)
class DigitsTask:
    """1,797 images of 8 x 8 pixels, row by row as 64 steps of one graded input 0..16; the last readout decides.

    A fixed stratified split keeps 20 % for testing. Source: Alpaydin and Kaynak 1998 (UCI), by scikit-learn.
    """

    name: str = "digits"
    description: str = "handwritten digits bundled with scikit-learn, 64 steps of one pixel 0..16"
    encoding: Encoding = field(default_factory=lambda: Encoding(maximum=16, full_scale=16))
    inputs: int = 1
    classes: int = 10
    decision: Decision = Decision.LAST_STEP

    def load(self, split: Split, data: Path | None = None) -> Samples:
        """The split's images; the data directory is not needed."""
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        pixels, labels = load_digits(return_X_y=True)
        train, test = train_test_split(
            np.arange(len(labels)), test_size=TEST_FRACTION, random_state=SPLIT_SEED, stratify=labels
        )
        chosen = train if split == "train" else test
        messages = np.ascontiguousarray(pixels[chosen].astype(np.uint8).T)[:, :, None]
        return Samples(messages, labels[chosen].astype(np.int64))


DIGITS = DigitsTask()
