"""Progress bars on standard error, so that standard output stays clean."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def sample_progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar over samples; the yielded function takes how many more are done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with _progress(*columns) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda count: progress.advance(bar, count)


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """A spinner that says what is being done; the yielded function changes the words."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with _progress(*columns) as progress:
        line = progress.add_task("starting", total=None)
        yield lambda text: progress.update(line, description=text)


def _progress(*columns: ProgressColumn) -> Progress:
    """Shown on a terminal only, and gone when done."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
