"""The command `brf-deploy train`."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.table import Table

from brf_deploy.data_directory import data_root
from brf_deploy.errors import BrfError, InvalidInput
from brf_deploy.options import FiniteRange, data_option
from brf_deploy.output import console
from brf_deploy.task import Task, load_task

if TYPE_CHECKING:
    from brf_training.distributed import Ranks
    from brf_training.monitor import Monitor
    from brf_training.overrides import Overrides
    from brf_training.recipe import Recipe
    from brf_training.summary import BudgetResult, Summary

EXAMPLES = """\b
Examples:
  brf-deploy train --list
  brf-deploy train digits --out run
  brf-deploy train ecg --recipe ecg-quick --data data --out run --seed 1
  brf-deploy train my.npz --epochs 20 --out mine
  brf-deploy train --resume run --data data
  brf-deploy train ecg --from ecg.safetensors --weight-bits 4 --data data --out run4
  brf-deploy train ecg --from ecg.safetensors --spike-budget 3500 --data data --out cheap
  torchrun --nproc-per-node 2 --no-python brf-deploy train smnist --data data --out run
  tensorboard --logdir run
"""


Command = TypeVar("Command", bound=Callable[..., Any])
OVERRIDES: dict[str, tuple[str, Any, str]] = {
    "--epochs": ("N", click.IntRange(1, 10**6), "Instead of the recipe's."),
    "--seed": ("N", click.IntRange(0, 2**63 - 1), "Instead of the recipe's."),
    "--learning-rate": ("X", FiniteRange(1e-9, 10), "Instead of the recipe's."),
    "--batch-size": ("N", click.IntRange(1, 10**6), "Instead of the recipe's."),
    "--patience": ("N", click.IntRange(1, 10**6), "Stop after N epochs without a better one."),
    "--weight-bits": ("N", click.INT, "Train the integer network: bits of a synapse, 2..16."),
    "--coefficient-bits": ("N", click.INT, "The same: bits of damping and rotation, 4..16."),
    "--state-bits": ("N", click.INT, "The same: bits of a state word, 12..32."),
    "--spike-budget": ("N", FiniteRange(0, min_open=True), "Hidden spikes that a sample may cost."),
    "--synop-budget": (
        "N",
        FiniteRange(0, min_open=True),
        "Synaptic operations that hidden spikes of a sample may cause, input events apart.",
    ),
    "--keep": ("SHARE", FiniteRange(0, 1, min_open=True), "Prune to this share of each source's synapses."),
}


def overrides(command: Command) -> Command:
    """Options that stand in place of a recipe's values."""
    for name, (metavar, kind, text) in reversed(OVERRIDES.items()):
        command = click.option(name, type=kind, metavar=metavar, help=text)(command)
    return command


@click.command("train", epilog=EXAMPLES)
@click.argument("task_name", metavar="TASK", required=False)
@click.option("--list", "listed", is_flag=True, help="List the shipped recipes and leave.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Folder of a new run.")
@click.option(
    "--resume",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Go on with the run in DIR where it stopped; on a CPU the result is the same to the bit.",
)
@click.option(
    "--elsewhere",
    is_flag=True,
    help="Let --resume go on where versions or kernels are others than the run's; bits then differ.",
)
@click.option(
    "--recipe", "recipe_name", metavar="FILE", help="TOML file or shipped recipe.  [default: the task's name]"
)
@click.option(
    "--from",
    "model",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="MODEL",
    help="Go on from a trained model (.safetensors), with a recipe for fine-tuning where --recipe gives none.",
)
@overrides
@click.option(
    "--time-limit",
    type=FiniteRange(0, min_open=True),
    metavar="MINUTES",
    help="Stop before an epoch that would end later; --resume goes on.",
)
@click.option(
    "--checkpoint-minutes",
    type=FiniteRange(0),
    default=5.0,
    show_default=True,
    metavar="MINUTES",
    help="Between checkpoints within an epoch; there is one after each epoch too.",
)
@click.option("--device", default="cpu", show_default=True, metavar="NAME", help="cpu or cuda.")
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="CPU threads; networks of a few hundred neurons gain little from more, and lose much on a busy machine.",
)
@data_option
@click.option("--force", is_flag=True, help="Overwrite the files of an earlier run in DIR.")
def train_command(
    task_name: str | None,
    listed: bool,
    out: Path | None,
    resume: Path | None,
    elsewhere: bool,
    recipe_name: str | None,
    model: Path | None,
    time_limit: float | None,
    checkpoint_minutes: float,
    device: str,
    threads: int,
    data: Path | None,
    force: bool,
    **changes: Any,
) -> None:
    """Train a network on TASK.

    TASK is the name of a data set, or an .npz file of your own: an array x of whole numbers (time, samples, inputs), or
    of events, and an array y of labels from 0 on; docs/own-data-and-models.md describes both.

    Writes to DIR: model.safetensors (the best epoch: the lowest validation loss among those that hold the budget and
    are pruned as asked), net.nir (with --weight-bits and its like: the integer network that was trained), metrics.jsonl
    (a line an epoch), summary.json (with the test split, which decides nothing), recipe.toml (all that was asked for),
    a checkpoint and TensorBoard events. A DIR that is not empty is refused.
    """
    if listed:
        _list_recipes()
        return
    folder = _folder(out, resume, force)
    import torch

    from brf_training.distributed import find_device, joined_ranks
    from brf_training.overrides import Overrides
    from brf_training.train import Conduct, train_network

    torch.set_num_threads(threads)
    wanted = Overrides(**changes)
    named = None if task_name is None else load_task(task_name)
    recipe = wanted.apply(_recipe(named, recipe_name, model, resume, wanted))
    task = named or load_task(recipe.task)
    limit = None if time_limit is None else 60 * time_limit
    with joined_ranks(find_device(device)) as ranks, _spoken_for(ranks, folder):
        conduct = Conduct(resume is not None, elsewhere, limit, 60 * checkpoint_minutes, ranks)
        with _progress(recipe, ranks.first) as monitors:
            summary = train_network(recipe, task, data_root(data), folder, monitors, conduct)
        if ranks.first:
            _tell(summary, folder)


def _folder(out: Path | None, resume: Path | None, force: bool) -> Path:
    """Where the run goes on, or a folder that may be written to."""
    if resume is not None:
        if out is not None and out.resolve() != resume.resolve():
            raise InvalidInput(f"--resume '{resume}' writes there again, not to '{out}'; leave --out away")
        return resume
    if out is None:
        raise click.UsageError("--out DIR says where a new run goes, --resume DIR which one goes on. Give one")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InvalidInput(
            f"'{out}' is not empty; choose another --out, go on with an earlier run with --resume, or overwrite it "
            "with --force"
        )
    return out


def _recipe(
    task: Task | None, name: str | None, model: Path | None, resume: Path | None, wanted: "Overrides"
) -> "Recipe":
    """The recipe before any override: named, for the model to go on from, the checkpoint's, or the task's."""
    from brf_training.fine_tuning import fine_tuning_recipe, going_on
    from brf_training.recipe_file import for_task, load_recipe, recipe_of_task
    from brf_training.train import recipe_of_run

    if name is None and model is None and resume is not None:
        return recipe_of_run(resume)
    if name is not None:
        recipe = load_recipe(name) if task is None else for_task(load_recipe(name), task)
        return recipe if model is None else going_on(recipe, model)
    if model is not None:
        return fine_tuning_recipe(model, task, quantized=wanted.quantized, lean=wanted.lean)
    if task is None:
        raise click.UsageError("TASK is missing; `brf-deploy train --list` shows the recipes of each")
    return recipe_of_task(task.name)


@contextmanager
def _progress(recipe: "Recipe", first: bool) -> Iterator[list["Monitor"]]:
    if not first:
        yield []
        return
    from brf_training.monitor import progress_bar

    with progress_bar(console(), f"training {recipe.task}", recipe.epochs) as bar:
        yield [bar]


@contextmanager
def _spoken_for(ranks: "Ranks", folder: Path) -> Iterator[None]:
    """Of several processes, those beside the first say who they are; an interrupted run says how to go on."""
    try:
        yield
    except BrfError as error:
        if ranks.first:
            raise
        click.echo(f"brf-deploy: process {ranks.rank}: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        if ranks.first and (folder / "checkpoint.safetensors").is_file():
            click.echo(f"brf-deploy: to go on from the last checkpoint: {_resuming(folder)}", err=True)
        raise


def _resuming(folder: Path) -> str:
    return f"brf-deploy train --resume {shlex.quote(str(folder))}"


def _tell(summary: "Summary", folder: Path) -> None:
    lines = [
        f"test accuracy {100 * summary.test_accuracy:.2f} %, {summary.test_spikes_per_sample:,.1f} spikes a sample, "
        f"best epoch {summary.best_epoch} of {summary.epochs}, {summary.seconds:.0f} s"
    ]
    if summary.test_spikes_per_sample == 0:
        lines.append("no neuron fired: train for longer (--epochs), or with a higher --learning-rate")
    if summary.integer is not None:
        found = summary.integer
        lines.append(
            f"that is the integer network with {found.weight_bits}-bit weights, run by '{found.backend}'; its float "
            f"master reaches {100 * found.master_test_accuracy:.2f} %"
        )
    if summary.budget is not None:
        lines.append(_budget(summary.budget))
    if summary.synapses_kept is not None:
        lines.append(f"synapses kept: {summary.synapses_kept:.1%}")
    if summary.stopped != "finished":
        lines.append(
            f"stopped after epoch {summary.epochs_run} of {summary.epochs}: {summary.stopped}"
            + (f"; to go on: {_resuming(folder)}" if summary.stopped == "time limit" else "")
        )
    written = ["model.safetensors"] if summary.integer is None else ["model.safetensors", "net.nir"]
    lines += [f"written: {folder / name}" for name in written]
    for line in lines:
        console().print(line, markup=False, soft_wrap=True, highlight=False)


def _budget(found: "BudgetResult") -> str:
    spent, limit = found.test_spending, found.limit
    what = f"budget of {limit:,.0f} {found.kind} a sample"
    if found.held:
        return f"{what} held: {spent:,.1f} on test samples"
    over = f"{what} NOT held: {spent:,.1f} on test samples, {spent / limit - 1:.1%} over"
    return f"{over}; train for longer (--epochs), or ask for a little less"


def _list_recipes() -> None:
    from brf_training.recipe_file import load_recipe, shipped_recipes

    table = Table("recipe", "task", "what it is", box=None, pad_edge=False)
    for name in shipped_recipes():
        recipe = load_recipe(name)
        table.add_row(name, recipe.task, recipe.description)
    console().print(table)
