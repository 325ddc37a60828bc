"""Training: a recipe and a task become a float network on disk, and its integer form where that was trained."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.float_file import save_float_network
from brf_deploy.network_file import save_network
from brf_deploy.output import write_json
from brf_deploy.task import Samples, Task
from brf_deploy.whole_file import write_whole
from brf_training.checkpoint import load_checkpoint, save_checkpoint
from brf_training.distributed import Ranks
from brf_training.extract import to_float_network
from brf_training.identity import check_identity, run_identity
from brf_training.kernels.native import one_torch_thread
from brf_training.monitor import EpochMetrics, MetricsFile, Monitor, tensorboard_events
from brf_training.quantized import QuantizedNetwork
from brf_training.recipe import Recipe
from brf_training.recipe_file import parse_recipe, recipe_text
from brf_training.selection import standing
from brf_training.summary import Summary, summarize_run
from brf_training.trainer import Trainer

MODEL, NETWORK = "model.safetensors", "net.nir"
CHECKPOINT, RECIPE, METRICS, SUMMARY, EVENTS = (
    "checkpoint.safetensors", "recipe.toml", "metrics.jsonl", "summary.json", "tensorboard",
)  # fmt: skip


@dataclass(frozen=True)
class Conduct:
    """How a run is conducted, without a say in what it computes.

    resume: go on from the folder's checkpoint. time_limit: seconds within which to stop, after at least one epoch, or
    None. checkpoint_every: seconds between checkpoints within an epoch. ranks: this process among those of torchrun.
    """

    resume: bool = False
    time_limit: float | None = None
    checkpoint_every: float = 300.0
    ranks: Ranks = field(default_factory=Ranks)


def train_network(
    recipe: Recipe,
    task: Task,
    data: Path | None,
    out: Path,
    watch: Sequence[Monitor] = (),
    conduct: Conduct | None = None,
) -> Summary:
    """Train, and keep in `out` the best model by validation loss, the metrics, the summary and what it takes to resume.

    Raises `MissingData` or `InvalidFile` for the task's data or a damaged checkpoint, `InvalidInput` where the
    checkpoint is of another run, `InvalidNetwork` where training diverges.
    """
    if recipe.task != task.name:
        raise InvalidInput(
            f"recipe: written for task '{recipe.task}', not for '{task.name}'; name another with --recipe"
        )
    conduct = conduct or Conduct()
    samples, test = task.load("train", data), task.load("test", data)
    with one_torch_thread():
        run = Run(Trainer(recipe, task, samples, conduct.ranks), out, conduct, run_identity(recipe, samples))
        stopped = run.go_on(watch)
        return run.finish(stopped, test)


def recipe_of_run(folder: Path) -> Recipe:
    """The recipe of the checkpoint in a folder; raises `InvalidFile` where there is none."""
    path = folder / CHECKPOINT
    return parse_recipe(load_checkpoint(path)["identity"]["recipe"], str(path))


class Run:
    """A trainer and the folder that it writes to; processes other than the first only read it."""

    def __init__(self, trainer: Trainer, folder: Path, conduct: Conduct, identity: dict[str, str]) -> None:
        self.trainer, self.folder, self.conduct, self.identity = trainer, folder, conduct, identity
        self.best: EpochMetrics | None = None
        self.started = self.saved = monotonic()
        self.seconds_before = 0.0  # of the run, before it was interrupted
        self.last_epoch: float | None = None  # seconds
        position = self._restore() if conduct.resume else 0
        if conduct.ranks.first:
            self._prepare(position)

    def go_on(self, watch: Sequence[Monitor]) -> str:
        """Run epochs until there is a reason to stop; that reason."""
        with ExitStack() as stack:
            monitors = [*watch]
            if self.conduct.ranks.first:
                monitors.append(stack.enter_context(tensorboard_events(self.folder / EVENTS, self.trainer.epoch)))
            while (reason := self._reason_to_stop()) is None:
                self._run_epoch(monitors)
        return reason

    def finish(self, stopped: str, test: Samples) -> Summary:
        """Measure the best epoch on the test samples; the summary, written down."""
        assert self.best is not None
        self.conduct.ranks.meet()  # the first process has written the model
        summary = summarize_run(
            self.trainer, self.best, test, self.folder / MODEL, self.folder / NETWORK,
            stopped=stopped, seconds=self.seconds,
        )  # fmt: skip
        if self.conduct.ranks.first:
            write_json(self.folder / SUMMARY, asdict(summary))
        return summary

    @property
    def seconds(self) -> float:
        """That the run has taken, without what lies between interruption and resumption."""
        return self.seconds_before + monotonic() - self.started

    def _run_epoch(self, monitors: Sequence[Monitor]) -> None:
        start = monotonic()

        def after_batch(done: int, total: int) -> None:
            for monitor in monitors:
                monitor.on_batch(done, total)
            if done < total and monotonic() - self.saved > self.conduct.checkpoint_every:
                self._save_checkpoint()

        metrics = self.trainer.run_epoch(after_batch)
        if self.best is None or self._standing(metrics) < self._standing(self.best):
            self.best = metrics
            self._save_network()
        if self.conduct.ranks.first:
            self.metrics.on_epoch(metrics)
        self._save_checkpoint()
        for monitor in monitors:
            monitor.on_epoch(metrics)
        self.last_epoch = monotonic() - start

    def _reason_to_stop(self) -> str | None:
        recipe, epoch = self.trainer.recipe, self.trainer.epoch
        if epoch >= recipe.epochs:
            return "finished"
        if recipe.patience is not None and self.best is not None and epoch - self.best.epoch >= recipe.patience:
            return "early stop"
        limit, another = self.conduct.time_limit, self.last_epoch
        late = limit is not None and another is not None and monotonic() - self.started + another > limit
        return "time limit" if self.conduct.ranks.of_first(late) else None

    def _standing(self, metrics: EpochMetrics) -> tuple[float, float]:
        return standing(metrics, self.trainer.recipe)

    def _restore(self) -> int:
        """Put back the checkpoint's state; how many bytes of metrics belong to it."""
        path = self.folder / CHECKPOINT
        state = load_checkpoint(path)
        check_identity(state["identity"], self.identity, path)
        self.trainer.restore(state["trainer"])
        self.best = None if state["best"] is None else EpochMetrics(**state["best"])
        self.seconds_before = state["seconds"]
        if self.best is not None and not (self.folder / MODEL).is_file():
            raise InvalidFile(
                f"model '{self.folder / MODEL}': no such file, and the checkpoint does not hold the best epoch; put it "
                "back, or start the run again"
            )
        position: int = state["metrics"]
        return position

    def _prepare(self, position: int) -> None:
        """Make the folder ready: what an earlier run left goes, and the first checkpoint is there from the start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in self.folder.glob("*.part"):  # of files that a killed process was writing
            part.unlink()
        if not self.conduct.resume:
            for name in (CHECKPOINT, MODEL, NETWORK, SUMMARY):
                (self.folder / name).unlink(missing_ok=True)
        self.metrics = MetricsFile(self.folder / METRICS, position)
        write_whole(self.folder / RECIPE, recipe_text(self.trainer.recipe).encode())
        if not self.conduct.resume:
            if self.trainer.recipe.quantization is not None:
                self._save_network()  # where the format is not installed this fails now, not after an epoch
            self._save_checkpoint()

    def _save_checkpoint(self) -> None:
        if not self.conduct.ranks.first:
            return
        state = {
            "identity": self.identity,
            "trainer": self.trainer.state(),
            "best": None if self.best is None else asdict(self.best),
            "metrics": self.metrics.position,
            "seconds": self.seconds,
        }
        save_checkpoint(state, self.folder / CHECKPOINT)
        self.saved = monotonic()

    def _save_network(self) -> None:
        """Write the model as it is now, and its integer network where that is what is trained."""
        if not self.conduct.ranks.first:
            return
        trainer, recipe = self.trainer, self.trainer.recipe
        notes = {"seed": str(recipe.seed), "epoch": f"{trainer.epoch} of {recipe.epochs}"}
        model, task, skip_steps = trainer.model, trainer.task, recipe.objective.skip_steps
        save_float_network(
            to_float_network(model.network, task.name, task.encoding, skip_steps, notes), self.folder / MODEL
        )
        if isinstance(model, QuantizedNetwork):
            save_network(model.integer_network(), self.folder / NETWORK)
