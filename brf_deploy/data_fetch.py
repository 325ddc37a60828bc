"""Fill a data directory: every file of a data set that is absent or corrupt, with a progress bar."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich import progress
from rich.console import Console

from brf_deploy.data_integrity import State, damage, file_state
from brf_deploy.data_sources import DataFile, Dataset
from brf_deploy.download import Progress, download
from brf_deploy.output import console


def fetch(entry: Dataset, root: Path, mirror: str | None = None) -> None:
    """Fetch what `root` lacks of a data set, from its sources or from a `mirror` laid out like a data directory.

    Raises `DownloadFailure` where no source serves a file, `InvalidInput` where `root` cannot be written.
    """
    for file in entry.files:
        path = root / file.path
        present = file_state(file, root, check=True) is State.PRESENT
        if not present:
            with byte_progress(path.name, file.size) as advance:
                download(_sources(file, mirror), path, partial(damage, file=file), advance)
        done = "already there" if present else "fetched"
        console().print(f"{path}: {done}, checksum verified", soft_wrap=True, markup=False)


@contextmanager
def byte_progress(what: str, size: int | None) -> Iterator[Progress]:
    """A bar over bytes on standard error; the yielded function takes how many there are, and of how many if known."""
    columns = (progress.BarColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn())
    screen = Console(stderr=True)
    with progress.Progress(
        progress.TextColumn("{task.description}"),
        *columns,
        progress.TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    ) as bars:
        bar = bars.add_task(what, total=size)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


def _sources(file: DataFile, mirror: str | None) -> tuple[str, ...]:
    return file.urls if mirror is None else (f"{mirror.rstrip('/')}/{file.path}",)
