"""Spiking Heidelberg Digits and Spiking Speech Commands: words as spikes of a model of the inner ear.

Source: Cramer et al. 2022, "The Heidelberg Spiking Data Sets for the Systematic Evaluation of Spiking Neural
Networks", zenkelab.org/datasets. Binning: Yin et al. 2021, as Higuchi et al. 2024 have it.
"""

import gzip
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints
from brf_deploy.data_directory import require_file
from brf_deploy.encoding import Encoding
from brf_deploy.errors import BackendFailure, InvalidFile, InvalidInput, Unavailable
from brf_deploy.fresh_interpreter import run_module
from brf_deploy.packed_bits import PackedBits
from brf_deploy.registry import how_to_install
from brf_deploy.task import Decision, Samples, Split
from brf_training.tasks.cache import cached

PROGRAM, BITS, LABELS = "brf_training.tasks.event_file", "bits.npy", "labels.npy"
UNITS = 700
PREPARATION = "1"  # counts changes of what `event_file` makes
FORMS = (".h5", ".h5.gz", ".h5.zip")  # the last is what is fetched
# A program that takes longer hangs in a damaged file: a second for each 0.5 MB, where 10 MB are usual.
SECONDS, SECONDS_PER_BYTE = 60, 2e-6


@dataclass(frozen=True, eq=False)
class HeidelbergTask:
    """Spoken words, 250 steps of 4 ms, 700 binary inputs; the mean readout decides.

    Files ``NAME/NAME_train.h5`` and so on, unpacked or as `.h5.gz` or `.h5.zip`; `parts` names those of each split. The
    samples of a part ``valid`` are the ones to validate on.
    """

    name: str
    description: str
    classes: int
    parts: Mapping[Split, tuple[str, ...]]
    encoding: Encoding = field(default_factory=Encoding)
    inputs: int = UNITS
    decision: Decision = Decision.MEAN

    def load(self, split: Split, data: Path | None) -> Samples:
        """A split; raises `MissingData`, or `InvalidFile` naming file and record."""
        files = {part: self._find(part, data) for part in self.parts[split]}
        paths = list(files.values())
        return cached(paths[0].parents[1], f"{self.name}-{split}", paths, PREPARATION, lambda: self._read(files))

    def _find(self, part: str, data: Path | None) -> Path:
        """The file of a part in the first form that is there."""
        stem = f"{self.name}/{self.name}_{part}"
        present = [form for form in FORMS if data is not None and (data / f"{stem}{form}").is_file()]
        return require_file(data, f"{stem}{[*present, FORMS[-1]][0]}", self.name)

    def _read(self, files: Mapping[str, Path]) -> Samples:
        parts = [read_event_file(path, self.classes) for path in files.values()]
        bits, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        validation = np.repeat([part == "valid" for part in files], [len(labels) for _, labels in parts])
        return Samples(PackedBits(bits, UNITS), labels, validation if validation.any() else None)


def read_event_file(path: Path, classes: int) -> tuple[npt.NDArray[np.uint8], Ints]:
    """Binned spikes, packed, and labels, as `event_file.read_events` gives them in an interpreter of its own.

    Raises `InvalidFile` naming file and record, `InvalidInput` where there is no room to unpack it, `Unavailable`
    without h5py.
    """
    if find_spec("h5py") is None:
        raise Unavailable(f"'{path}': it takes the package 'h5py', which is not installed: {how_to_install('h5py')}")
    with TemporaryDirectory(prefix="brf-deploy-") as folder:
        try:
            plain = _unpacked(path.absolute(), Path(folder))
            seconds = SECONDS + SECONDS_PER_BYTE * plain.stat().st_size
            run_module(PROGRAM, [str(plain), str(classes)], Path(folder), seconds, "the file is damaged")
        except (InvalidFile, BackendFailure, OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
            reason = str(error) if isinstance(error, InvalidFile) else f"not a whole HDF5 file of events ({error})"
            advice = f"fetch it again with: brf-deploy data fetch {path.parent.name}"
            raise InvalidFile(f"'{path}': {reason}; {advice}") from error
        return np.load(Path(folder) / BITS), np.load(Path(folder) / LABELS)


def _unpacked(path: Path, folder: Path) -> Path:
    if path.suffix not in (".gz", ".zip"):
        return path
    target = folder / path.stem
    try:
        with _packed_content(path) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
    except OSError as error:
        if error.errno is None:  # of gzip, about the content
            raise
        raise InvalidInput(
            f"'{path}': cannot be unpacked into '{folder}' ({error.strerror}); unpack it beside itself, or set the "
            "environment variable TMPDIR to a folder with room for it"
        ) from error
    return target


@contextmanager
def _packed_content(path: Path) -> Iterator[gzip.GzipFile | IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path, "rb") as content:
            yield content
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if names != [path.stem]:
            raise ValueError(f"the archive holds {', '.join(names) or 'nothing'}, not {path.stem}")
        with archive.open(path.stem) as member:
            yield member


SHD = HeidelbergTask(
    name="shd",
    description="Spiking Heidelberg Digits, 250 steps of 700 spike trains, 20 spoken digits",
    classes=20,
    parts={"train": ("train",), "test": ("test",)},
)
SSC = HeidelbergTask(
    name="ssc",
    description="Spiking Speech Commands, 250 steps of 700 spike trains, 35 spoken words",
    classes=35,
    parts={"train": ("train", "valid"), "test": ("test",)},
)
