"""Free Spoken Digit Dataset: ten digits by six speakers, encoded as spikes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from brf_deploy.data_directory import require_file
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidFile
from brf_deploy.task import Decision, Samples, Split
from brf_training.tasks.cache import cached
from brf_training.tasks.encoder import AudioEncoder
from brf_training.tasks.recordings import Recording, advice, archive_files, encode_recordings, read_wav

ENCODER = AudioEncoder(rate=8000, step=40, steps=200, low=120, high=3600)
TEST_TAKES = 5  # takes 0..4 of each speaker and digit are the test split, as the data set's authors have it
NAME = re.compile(r"(?P<digit>[0-9])_(?P<speaker>[a-z]+)_(?P<take>[0-9]+)\.wav")


@dataclass(frozen=True, eq=False)
class FSDDTask:
    """2,700 training and 300 test recordings at 8 kHz, 200 steps of 5 ms, 40 channels; the mean readout decides.

    File ``fsdd/free-spoken-digit-dataset.tar.gz``, read in place. One recording in two hundred is longer than the
    second that is kept. Source: Jakobovski et al., github.com/Jakobovski/free-spoken-digit-dataset v1.0.10.
    """

    name: str = "fsdd"
    description: str = "spoken digits, 200 steps of 40 resonators' spike trains"
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = ENCODER.channels
    classes: int = 10
    decision: Decision = Decision.MEAN

    def load(self, split: Split, data: Path | None) -> Samples:
        """A split, in the order of the files' names; raises `MissingData`, or `InvalidFile` naming the recording."""
        path = require_file(data, "fsdd/free-spoken-digit-dataset.tar.gz", self.name)
        return cached(
            path.parents[1], f"{self.name}-{split}", [path], ENCODER.version,
            lambda: encode_recordings(path, _recordings(path, split), ENCODER),
        )  # fmt: skip


def _recordings(path: Path, split: Split) -> Iterator[Recording]:
    for member, content in archive_files(path, ".wav"):
        name = PurePosixPath(member).name
        found = NAME.fullmatch(name)
        if found is None:
            raise InvalidFile(f"'{path}': '{member}' is not named DIGIT_SPEAKER_TAKE.wav; {advice(path)}")
        if (int(found["take"]) < TEST_TAKES) == (split == "test"):
            yield Recording(name, read_wav(path, member, content, ENCODER.rate), int(found["digit"]))


FSDD = FSDDTask()
