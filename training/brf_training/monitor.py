"""Where a training run leaves its figures."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from brf_deploy.errors import InvalidFile


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
def progress_bar(console: Console, title: str, epochs: int, done: int = 0) -> Iterator[Monitor]:
    """A bar with epoch, batch, loss, validation accuracy and time left."""
    figures = TextColumn("{task.fields[batch]}loss {task.fields[loss]}  validation {task.fields[accuracy]}")
    times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(elapsed_when_finished=False))
    with Progress(TextColumn(title), BarColumn(), MofNCompleteColumn(), figures, *times, console=console) as bar:
        task = bar.add_task(title, total=epochs, completed=done, loss="-", accuracy="-", batch="")

        class Bar(Monitor):
            def on_batch(self, done: int, total: int) -> None:
                bar.update(task, batch=f"batch {done}/{total}  ")

            def on_epoch(self, metrics: EpochMetrics) -> None:
                accuracy = f"{100 * metrics.validation_accuracy:.1f} %"
                bar.update(task, completed=metrics.epoch, loss=f"{metrics.loss:.3f}", accuracy=accuracy, batch="")

        yield Bar()
