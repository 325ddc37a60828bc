"""Where a training run leaves its figures."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from brf_deploy.errors import InvalidFile

WIDE, BAR = 110, 20  # columns of a terminal that hold title and bar beside the figures, and of the bar
# Seconds between updates of the bar: it keeps the last 1,000, from which it tells the speed, and epochs may take hours.
BETWEEN = 0.5
PERIOD = 3600.0  # seconds over which the speed is averaged: several epochs, for validation comes at the end of each


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """Figures of one epoch.

    loss: training, mean over samples. spikes_per_sample: of all layers, and layer_spikes by layer, on the validation
    samples. pole_radius: the largest ``|lambda|`` of each layer; boundary_distance: 1 minus that. gradient_norm: mean
    over batches, before clipping. learning_rate: of the weights. spending: what is
    budgeted, a validation sample. budget: what its controller says. seconds: with
    validation.
    """

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    spikes_per_sample: float
    layer_spikes: Mapping[str, float]
    pole_radius: Mapping[str, float]
    boundary_distance: Mapping[str, float]
    gradient_norm: float
    largest_gradient_norm: float
    learning_rate: float
    spending: float | None
    budget: Mapping[str, float]
    seconds: float


class Monitor:
    """Anything that wants to see a run as it goes; override what you need."""

    def on_start(self, epoch: int) -> None:
        """The run begins, or goes on after so many epochs."""

    def on_batch(self, done: int, total: int) -> None:
        """So many of an epoch's batches are done."""

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """One epoch is over."""


class MetricsFile(Monitor):
    """JSON lines, an epoch each; an interrupted run keeps the lines it wrote."""

    def __init__(self, path: Path, position: int = 0) -> None:
        """position: bytes to keep of a file that is there."""
        found = path.stat().st_size if path.exists() else 0
        if found < position:
            raise InvalidFile(
                f"metrics '{path}': {found} bytes found, the checkpoint has written {position}; put back the file that "
                "the run wrote, or start the run again"
            )
        self.path = path
        with path.open("ab") as file:
            file.truncate(position)

    @property
    def position(self) -> int:
        """Bytes written."""
        return self.path.stat().st_size

    def on_epoch(self, metrics: EpochMetrics) -> None:
        """Append a line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(metrics)) + "\n")


@contextmanager
def tensorboard_events(directory: Path, epoch: int = 0) -> Iterator[Monitor]:
    """Write TensorBoard events, those of the first `epoch` epochs kept; nothing where tensorboard is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield Monitor()
        return
    if epoch == 0:
        for old in directory.glob("events.out.tfevents.*"):
            old.unlink()

    class Events(Monitor):
        def on_epoch(self, metrics: EpochMetrics) -> None:
            for name, value in flat(asdict(metrics)).items():
                if name != "epoch" and value is not None:
                    writer.add_scalar(name, value, metrics.epoch)
            writer.flush()

    # Events of the epochs after it, from before an interruption, are then hidden by TensorBoard.
    with SummaryWriter(str(directory), purge_step=epoch + 1 if epoch else None) as writer:
        yield Events()


def flat(values: Mapping[str, object]) -> dict[str, object]:
    """``{"layer_spikes": {"hidden": 3}}`` as ``{"layer_spikes/hidden": 3}``."""
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{inner}": item for inner, item in value.items()}
        else:
            found[name] = value
    return found


@contextmanager
def progress_bar(console: Console, title: str, epochs: int) -> Iterator[Monitor]:
    """A bar that moves with every batch, with epoch, loss, validation accuracy and time left."""
    figures = "epoch {task.fields[epoch]}/{task.total:.0f}  loss {task.fields[loss]}  {task.fields[accuracy]}"
    columns: list[ProgressColumn] = [
        TextColumn(figures),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    if console.width >= WIDE:
        columns = [TextColumn(title), BarColumn(BAR), *columns]
    with Progress(*columns, console=console, speed_estimate_period=PERIOD) as bar:
        task = bar.add_task(title, total=epochs, epoch=1, loss="-", accuracy="")

        class Bar(Monitor):
            epoch = 0
            shown = -inf

            def on_start(self, epoch: int) -> None:
                self.epoch = epoch
                bar.reset(task, completed=epoch, epoch=min(epoch + 1, epochs), loss="-", accuracy="")

            def on_batch(self, done: int, total: int) -> None:
                if monotonic() - self.shown > BETWEEN:
                    self.shown = monotonic()
                    bar.update(task, completed=self.epoch + done / total)

            def on_epoch(self, metrics: EpochMetrics) -> None:
                self.epoch = metrics.epoch
                bar.update(
                    task,
                    completed=metrics.epoch,
                    epoch=min(metrics.epoch + 1, epochs),
                    loss=f"{metrics.loss:.3f}",
                    accuracy=f"validation {100 * metrics.validation_accuracy:.1f} %",
                )

        yield Bar()
