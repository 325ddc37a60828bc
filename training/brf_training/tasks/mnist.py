"""Sequential MNIST: 28 x 28 pixels as 784 steps, in natural or permuted order."""

import gzip
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brf_deploy.data_directory import require_file
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidFile
from brf_deploy.task import Decision, Samples, Split

STEPS = 28 * 28
PERMUTATION_SEED = 0
PREFIX = {"train": "train", "test": "t10k"}
UNSIGNED_BYTES = 8  # type code of the IDX format; the byte after it is the number of axes
ADVICE = "fetch it again with: brf-deploy data fetch mnist"


@dataclass(frozen=True, eq=False)
class MNISTTask:
    """60,000 training and 10,000 test images, row by row as 784 steps of one graded input 0..255.

    Files ``mnist/*.gz`` in IDX format (LeCun et al. 1998). In natural order the last readout decides (S-MNIST); in
    the order of the encoding's permutation the mean readout does (PS-MNIST), both as in Higuchi et al. 2024.
    """

    name: str
    description: str
    encoding: Encoding
    decision: Decision
    inputs: int = 1
    classes: int = 10

    def load(self, split: Split, data: Path | None) -> Samples:
        """All images of a split, in natural order. Raises `MissingData`, or `InvalidFile` naming the file."""
        images = read_idx(require_file(data, f"mnist/{PREFIX[split]}-images-idx3-ubyte.gz", "mnist"), (28, 28))
        path = require_file(data, f"mnist/{PREFIX[split]}-labels-idx1-ubyte.gz", "mnist")
        labels = read_idx(path, ())
        if len(images) != len(labels):
            raise InvalidFile(f"'{path}': {len(labels)} labels for {len(images)} images; {ADVICE}")
        wrong = np.flatnonzero(labels >= self.classes)
        if len(wrong):
            raise InvalidFile(f"'{path}': label {labels[wrong[0]]} of image {wrong[0]} is outside 0..9; {ADVICE}")
        return Samples(images.reshape(-1, STEPS).T[:, :, None], labels.astype(np.int64))


def read_idx(path: Path, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Unsigned bytes (items, *shape) of a gzipped IDX file; raises `InvalidFile` for anything else."""
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidFile(f"'{path}': not a whole gzip file ({error}); {ADVICE}") from error
    axes = 1 + len(shape)
    header = 4 + 4 * axes
    if content[:4] != bytes([0, 0, UNSIGNED_BYTES, axes]) or len(content) < header:
        raise InvalidFile(f"'{path}': starts with {content[:4].hex()}, not an IDX file of {axes} axes; {ADVICE}")
    sizes = tuple(np.frombuffer(content, ">u4", axes, offset=4).tolist())
    if sizes[1:] != shape or len(content) - header != prod(sizes):
        raise InvalidFile(
            f"'{path}': {len(content) - header} bytes of data with sizes {sizes}, expected {prod(sizes)} bytes in "
            f"items of shape {shape}; {ADVICE}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)


SMNIST = MNISTTask(
    name="smnist",
    description="MNIST, 784 steps of one pixel 0..255 in natural order, the last step decides",
    encoding=Encoding(maximum=255, full_scale=255),
    decision=Decision.LAST_STEP,
)
PSMNIST = MNISTTask(
    name="psmnist",
    description="MNIST, 784 steps of one pixel 0..255 in a fixed random order, the mean over steps decides",
    encoding=Encoding(255, 255, np.random.default_rng(PERMUTATION_SEED).permutation(STEPS)),
    decision=Decision.MEAN,
)
