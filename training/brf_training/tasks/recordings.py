"""Recordings in a packed archive, read in place and encoded as spikes."""

import gzip
import io
import tarfile
import wave
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from brf_deploy.errors import InvalidFile
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Samples
from brf_training.tasks.encoder import AudioEncoder

TOGETHER = 256  # recordings encoded at once; 16 kHz audio of a second each is 33 MB then


@dataclass(frozen=True, eq=False)
class Recording:
    """16-bit audio with its name, class and whether it is to be validated on."""

    name: str
    audio: npt.NDArray[np.int16]
    label: int
    validation: bool = False


def archive_files(path: Path, suffix: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files of a `.tar.gz` that end in `suffix`; raises `InvalidFile` where it is broken."""
    try:
        with gzip.open(path, "rb") as unpacked, tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.name.endswith(suffix) else None
                if content is not None:
                    yield member.name.removeprefix("./"), content.read()
            while unpacked.read(1 << 20):  # to its end, where the checksum is
                pass
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InvalidFile(f"'{path}': not a whole .tar.gz archive ({error}); {advice(path)}") from error


def read_wav(path: Path, name: str, content: bytes, rate: int) -> npt.NDArray[np.int16]:
    """Audio of a `.wav` file within the archive `path`; refuses all but 16-bit mono at `rate` Hz."""
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = (file.getnchannels(), 8 * file.getsampwidth(), file.getframerate())
            count, frames = file.getnframes(), file.readframes(file.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk longer than the file
        raise InvalidFile(f"'{path}': '{name}' is not a whole .wav file ({error}); {advice(path)}") from error
    if form != (1, 16, rate):
        channels, bits, found = form
        raise InvalidFile(
            f"'{path}': '{name}' has {channels} channel(s) of {bits} bits at {found} Hz, needed 1 of 16 bits at {rate} "
            f"Hz, for which the encoder is made; resample it, or {advice(path)}"
        )
    if len(frames) != 2 * count:
        raise InvalidFile(f"'{path}': '{name}' ends after {len(frames) // 2} of {count} audio samples; {advice(path)}")
    return np.frombuffer(frames, "<i2")


def encode_recordings(path: Path, recordings: Iterable[Recording], encoder: AudioEncoder) -> Samples:
    """The recordings as samples, in the order of their names; raises `InvalidFile` where there is none."""
    names, labels, validation, bits = [], [], [], []
    stream = iter(recordings)
    while together := list(islice(stream, TOGETHER)):
        names += [one.name for one in together]
        labels += [one.label for one in together]
        validation += [one.validation for one in together]
        bits.append(PackedBits.of(encoder.encode([one.audio for one in together])).bits)
    if not names:
        raise InvalidFile(f"'{path}': it holds no recording of this split; {advice(path)}")
    order = np.argsort(names)
    packed = PackedBits(np.concatenate(bits)[order], encoder.channels)
    held = np.array(validation)[order] if any(validation) else None
    return Samples(packed, np.array(labels, np.int64)[order], held)


def advice(path: Path) -> str:
    """How to get the archive anew."""
    return f"fetch it again with: brf-deploy data fetch {path.parent.name}"
