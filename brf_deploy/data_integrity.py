"""Whether the files of a data directory are there and are what they should be."""

import hashlib
import tarfile
import zlib
from enum import Enum
from pathlib import Path, PurePosixPath

from brf_deploy.data_sources import DataFile, Digest
from brf_deploy.errors import InvalidFile


class State(Enum):
    """What is known of a file or dataset; ``PRESENT`` says nothing of its content unless that was checked."""

    PRESENT = "present"
    ABSENT = "absent"
    INCOMPLETE = "incomplete"
    CORRUPT = "corrupt"


def file_state(file: DataFile, data: Path | None, check: bool) -> State:
    """The state of one file; its content is read only to `check` the checksum."""
    if data is None or not (data / file.path).is_file():
        return State.ABSENT
    if check and damage(data / file.path, file) is not None:
        return State.CORRUPT
    return State.PRESENT


def dataset_state(states: list[State]) -> State:
    """The state of a dataset from those of its files."""
    if State.CORRUPT in states:
        return State.CORRUPT
    return states[0] if len(set(states)) == 1 else State.INCOMPLETE


def damage(path: Path, file: DataFile) -> str | None:
    """None where the content of `path` is that of `file`, else what differs."""
    try:
        found = checksum(path, file.digest)
    except InvalidFile as error:
        return str(error)
    if found in file.sums:
        return None
    return f"{file.digest.value} is {found}, expected {' or '.join(file.sums)}"


def checksum(path: Path, digest: Digest = Digest.SHA256) -> str:
    """Hexadecimal checksum of a file, or of the recordings in an archive; raises `InvalidFile` for a broken archive."""
    if digest is Digest.RECORDINGS:
        return _recordings_sha256(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(digest.value, usedforsecurity=False)).hexdigest()


def _recordings_sha256(path: Path) -> str:
    sums: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                content = archive.extractfile(member)
                if name.suffix == ".wav" and content is not None:
                    sums[name.name] = hashlib.sha256(content.read()).hexdigest()
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise InvalidFile(f"'{path}' is not a complete .tar.gz archive ({error})") from error
    listing = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(listing.encode()).hexdigest()
