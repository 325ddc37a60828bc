"""Google Speech Commands: 35 words by thousands of speakers, encoded as spikes."""

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

ENCODER = AudioEncoder(rate=16000, step=80, steps=200, low=120, high=7200)
NOISE = "_background_noise_"
LISTS = ("validation_list.txt", "testing_list.txt")
WORDS = (
    "backward", "bed", "bird", "cat", "dog", "down", "eight", "five", "follow", "forward", "four", "go", "happy",
    "house", "learn", "left", "marvin", "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop",
    "three", "tree", "two", "up", "visual", "wow", "yes", "zero",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class GSCTask:
    """105,829 recordings of a second at 16 kHz, 200 steps of 5 ms, 40 channels; the mean readout decides.

    File ``gsc/speech_commands_v0.02.tar.gz``, read in place. Its own lists say which 11,005 recordings are for testing
    and which 9,981 of the training split to validate on. A shorter recording is padded with silence.
    Source: Warden 2018, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", version 0.02.
    """

    name: str = "gsc"
    description: str = "35 spoken words, 200 steps of 40 resonators' spike trains"
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = ENCODER.channels
    classes: int = len(WORDS)
    decision: Decision = Decision.MEAN

    def load(self, split: Split, data: Path | None) -> Samples:
        """A split, in the order of the files' names; raises `MissingData`, or `InvalidFile` naming the recording."""
        path = require_file(data, "gsc/speech_commands_v0.02.tar.gz", self.name)
        return cached(
            path.parents[1], f"{self.name}-{split}", [path], ENCODER.version,
            lambda: encode_recordings(path, _recordings(path, split), ENCODER),
        )  # fmt: skip


def _recordings(path: Path, split: Split) -> Iterator[Recording]:
    validation, testing = _lists(path)
    for name, content in archive_files(path, ".wav"):
        word = PurePosixPath(name).parent.name
        if word == NOISE or (name in testing) != (split == "test"):
            continue
        if word not in WORDS:
            raise InvalidFile(f"'{path}': '{name}' lies in a folder that is none of the 35 words; {advice(path)}")
        audio = read_wav(path, name, content, ENCODER.rate)
        yield Recording(name, audio, WORDS.index(word), name in validation)


def _lists(path: Path) -> tuple[set[str], set[str]]:
    """Names of the recordings to validate and to test on."""
    found = {name: set(content.decode(errors="replace").split()) for name, content in archive_files(path, "_list.txt")}
    absent = [name for name in LISTS if name not in found]
    if absent:
        raise InvalidFile(f"'{path}': no {' and no '.join(absent)} in it; {advice(path)}")
    return found[LISTS[0]], found[LISTS[1]]


GSC = GSCTask()
