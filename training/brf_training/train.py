"""Training: a recipe and a task become a float network on disk, and its integer form where that was trained."""

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import monotonic

from torch import nn

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.float_file import save_float_network
from brf_deploy.network_file import save_network
from brf_deploy.output import write_json
from brf_deploy.sample_check import check_samples
from brf_deploy.task import Samples, Task
from brf_deploy.whole_file import write_whole
from brf_training.checkpoint import load_checkpoint, save_checkpoint
from brf_training.distributed import Ranks
from brf_training.extract import to_float_network
from brf_training.identity import check_identity, run_identity
from brf_training.kernels.native import one_torch_thread
from brf_training.monitor import EpochMetrics, MetricsFile, Monitor, tensorboard_events
from brf_training.quantized import QuantizedNetwork
from brf_training.recipe import Recipe, TrainedNetwork
from brf_training.recipe_file import parse_recipe, recipe_text
from brf_training.run_folder import RunFolder
from brf_training.selection import standing
from brf_training.summary import Summary, summarize_run
from brf_training.trainer import Trainer


@dataclass(frozen=True)
class Conduct:
    """How a run is conducted, without a say in what it computes.

    resume: go on from the folder's checkpoint. elsewhere: even where that was written by another version or kernel,
    with which the same bits do not come out. time_limit: seconds within which to stop, after at least one epoch, or
    None. checkpoint_every: seconds between checkpoints within an epoch. ranks: this process among those of torchrun.
    """

    resume: bool = False
    elsewhere: bool = False
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
    model: nn.Module | None = None,
) -> Summary:
    """Train, and keep in `out` the best model by validation loss, the metrics, the summary and what it takes to resume.

    model: what to train instead of what the recipe describes, a `RecurrentNetwork` or anything that `network_of` takes
    for one. It is read, not changed: its values as they are now go into ``start.safetensors``, and the run is that of a
    recipe which goes on from there; a run that is resumed takes them from that file. Raises `MissingData`,
    `InvalidFile` or `InvalidInput` for the task's data or a damaged checkpoint, `InvalidInput` where the checkpoint is
    of another run or another process trains in `out`, `InvalidNetwork` where training diverges.
    """
    if recipe.task != task.name:
        raise InvalidInput(
            f"recipe: written for task '{recipe.task}', not for '{task.name}'; name another with --recipe"
        )
    folder, conduct = RunFolder(out), conduct or Conduct()
    ranks = conduct.ranks
    with one_torch_thread(), folder.held() if ranks.first else nullcontext():
        if model is not None:
            if not conduct.resume:
                _write_start(model, recipe, task, folder, ranks)
            recipe = replace(recipe, network=TrainedNetwork.at(folder.start))
        samples = check_samples(task, "train", task.load("train", data))
        test = check_samples(task, "test", task.load("test", data))
        identity = run_identity(recipe, samples, ranks.device)
        run = Run(Trainer(recipe, task, samples, ranks), folder, conduct, identity)
        stopped = run.go_on(watch)
        return run.finish(stopped, test)


def recipe_of_run(folder: Path) -> Recipe:
    """The recipe of the checkpoint in a folder; raises `InvalidFile` where there is none."""
    run = RunFolder(folder)
    recipe = parse_recipe(load_checkpoint(run.checkpoint)["identity"]["recipe"], str(run.checkpoint))
    start = recipe.network
    if isinstance(start, TrainedNetwork) and start.path.name == run.start.name and run.start.is_file():
        return replace(recipe, network=replace(start, path=run.start.resolve()))  # the folder may have been moved
    return recipe


def _write_start(model: nn.Module, recipe: Recipe, task: Task, folder: RunFolder, ranks: Ranks) -> None:
    """Put the model on disk, for every process to go on from."""
    start = to_float_network(model, task.name, task.encoding, recipe.objective.skip_steps)
    if ranks.first:
        save_float_network(start, folder.start)
    ranks.meet()


class Run:
    """A trainer and the folder that it writes to; processes other than the first only read it."""

    def __init__(self, trainer: Trainer, folder: RunFolder, conduct: Conduct, identity: dict[str, str]) -> None:
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
                monitors.append(stack.enter_context(tensorboard_events(self.folder.events, self.trainer.epoch)))
            for monitor in monitors:
                monitor.on_start(self.trainer.epoch)
            while (reason := self._reason_to_stop()) is None:
                self._run_epoch(monitors)
        return reason

    def finish(self, stopped: str, test: Samples) -> Summary:
        """Measure the best epoch on the test samples; the summary, written down."""
        assert self.best is not None
        self.conduct.ranks.meet()  # the first process has written the model
        summary = summarize_run(self.trainer, self.best, test, self.folder, stopped=stopped, seconds=self.seconds)
        if self.conduct.ranks.first:
            write_json(self.folder.summary, asdict(summary))
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
        path = self.folder.checkpoint
        state = load_checkpoint(path)
        check_identity(state["identity"], self.identity, path, elsewhere=self.conduct.elsewhere)
        self.trainer.restore(state["trainer"])
        self.best = None if state["best"] is None else EpochMetrics(**state["best"])
        self.seconds_before = state["seconds"]
        if self.best is not None and not self.folder.model.is_file():
            raise InvalidFile(
                f"model '{self.folder.model}': no such file, and the checkpoint does not hold the best epoch; put it "
                "back, or start the run again"
            )
        position: int = state["metrics"]
        return position

    def _prepare(self, position: int) -> None:
        """Make the folder ready: what an earlier run left goes, and the first checkpoint is there from the start."""
        if not self.conduct.resume:
            self.folder.forget()
        self.metrics = MetricsFile(self.folder.metrics, position)
        write_whole(self.folder.recipe, recipe_text(self.trainer.recipe).encode())
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
        save_checkpoint(state, self.folder.checkpoint)
        self.saved = monotonic()

    def _save_network(self) -> None:
        """Write the model as it is now, and its integer network where that is what is trained."""
        if not self.conduct.ranks.first:
            return
        trainer, recipe = self.trainer, self.trainer.recipe
        notes = {"seed": str(recipe.seed), "epoch": f"{trainer.epoch} of {recipe.epochs}"}
        model, skip_steps = trainer.model, recipe.objective.skip_steps
        network = to_float_network(model.network, trainer.task.name, trainer.encoding, skip_steps, notes)
        save_float_network(network, self.folder.model)
        if isinstance(model, QuantizedNetwork):
            save_network(model.integer_network(), self.folder.network)
