"""Where a training run leaves its figures, epoch by epoch."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@dataclass(frozen=True)
class EpochMetrics:
    """Figures of one epoch: training loss, validation loss and accuracy, spikes a validation sample."""

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    spikes_per_sample: float
    learning_rate: float
    seconds: float


class Monitor(Protocol):
    """Anything that wants to see each epoch."""

    def __call__(self, metrics: EpochMetrics) -> None:
        """One epoch is over."""
        ...


@contextmanager
def metrics_file(path: Path) -> Iterator[Monitor]:
    """Write one JSON object a line; an interrupted run keeps the lines it wrote."""
    with path.open("w", encoding="utf-8") as file:

        def write(metrics: EpochMetrics) -> None:
            file.write(json.dumps(asdict(metrics)) + "\n")
            file.flush()

        yield write


@contextmanager
def tensorboard_events(directory: Path) -> Iterator[Monitor]:
    """Write TensorBoard events in place of those of an earlier run; does nothing where tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda metrics: None
        return
    for old in directory.glob("events.out.tfevents.*"):
        old.unlink()
    with SummaryWriter(str(directory)) as writer:

        def write(metrics: EpochMetrics) -> None:
            for name, value in asdict(metrics).items():
                if name != "epoch":
                    writer.add_scalar(name, value, metrics.epoch)

        yield write


@contextmanager
def progress_bar(console: Console, title: str, epochs: int) -> Iterator[Monitor]:
    """A bar with epoch, loss, validation accuracy and time left."""
    figures = TextColumn("loss {task.fields[loss]}  validation {task.fields[accuracy]}")
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(TextColumn(title), BarColumn(), MofNCompleteColumn(), figures, *times, console=console) as bar:
        task = bar.add_task(title, total=epochs, loss="-", accuracy="-")

        def show(metrics: EpochMetrics) -> None:
            bar.update(
                task, advance=1, loss=f"{metrics.loss:.3f}", accuracy=f"{100 * metrics.validation_accuracy:.1f} %"
            )

        yield show
