"""The commands `brf-deploy import` and `brf-deploy train`; torch is imported only when one of them runs."""

from dataclasses import replace
from pathlib import Path

import click

from brf_deploy.data_directory import data_root
from brf_deploy.errors import InvalidInput
from brf_deploy.options import data_option
from brf_deploy.output import console
from brf_deploy.task import load_task

IMPORT_EXAMPLES = """\b
Examples:
  brf-deploy import data/checkpoints/ecg_brf.pt --neuron brf --task ecg --out ecg.safetensors
  brf-deploy import smnist.pt --neuron rf --task smnist --out smnist.safetensors
  brf-deploy import psmnist.pt --neuron brf --task psmnist --permutation permuted_idx.pt --out psmnist.safetensors
"""

TRAIN_EXAMPLES = """\b
Examples:
  brf-deploy train digits --out run
  brf-deploy train digits --out run --epochs 5 --seed 1 --force
  brf-deploy train ecg --recipe ecg-quick --data data --out run
  brf-deploy train ecg --recipe my_recipe.toml --data data --out run
  tensorboard --logdir run
"""


@click.command(epilog=IMPORT_EXAMPLES)
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option(
    "--neuron",
    required=True,
    metavar="brf|rf|alif",
    help="The neuron it was trained with; BRF and RF files look the same, so the file cannot tell.",
)
@click.option("--task", "task_name", required=True, metavar="NAME", help="Task: ecg, smnist, psmnist.")
@click.option(
    "--permutation",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Order of the steps of a permuted task: the .pt file published beside the checkpoint.",
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="MODEL", help="Model to write."
)
@click.option("--force", is_flag=True, help="Overwrite MODEL where it exists.")
def import_command(
    checkpoint: Path, neuron: str, task_name: str, permutation: Path | None, out: Path, force: bool
) -> None:
    """Read a checkpoint published with the BRF paper (.pt) and write it as a model (.safetensors).

    No code in the checkpoint is run. A mask in it is multiplied into the weights.
    """
    if out.exists() and not force:
        raise InvalidInput(f"'{out}' exists; choose another --out, or overwrite it with --force")
    from brf_deploy.float_file import save_float_network
    from brf_training.published import read_published

    network = read_published(checkpoint, neuron, load_task(task_name), permutation)
    save_float_network(network, out)
    screen = console()
    screen.print(repr(network), markup=False, soft_wrap=True)
    screen.print(f"written to {out}", markup=False, soft_wrap=True)


@click.command(epilog=TRAIN_EXAMPLES)
@click.argument("task_name", metavar="TASK")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Folder of the run."
)
@click.option(
    "--recipe",
    "recipe_name",
    metavar="FILE",
    help="A TOML file, or a shipped recipe: digits, ecg, ecg-quick.  [default: the task's name]",
)
@click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="N", help="Instead of the recipe's.")
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
    task_name: str,
    out: Path,
    recipe_name: str | None,
    epochs: int | None,
    seed: int | None,
    threads: int,
    data: Path | None,
    force: bool,
) -> None:
    """Train a network on TASK.

    Writes to DIR: model.safetensors (the epoch with the lowest validation loss), metrics.jsonl (a line an epoch),
    summary.json (test accuracy and spikes per sample) and TensorBoard events. A DIR that is not empty is refused.
    """
    if out.is_dir() and any(out.iterdir()) and not force:
        raise InvalidInput(f"'{out}' is not empty; choose another --out, or overwrite an earlier run with --force")
    import torch

    from brf_training.monitor import progress_bar
    from brf_training.recipe import load_recipe
    from brf_training.train import MODEL, train_network

    torch.set_num_threads(threads)
    task = load_task(task_name)
    recipe = load_recipe(recipe_name or task.name)
    recipe = replace(
        recipe,
        epochs=recipe.epochs if epochs is None else epochs,
        seed=recipe.seed if seed is None else seed,
    )
    screen = console()
    with progress_bar(screen, f"training {task.name}", recipe.epochs) as bar:
        summary = train_network(recipe, task, data_root(data), out, [bar])
    screen.print(
        f"test accuracy {100 * summary.test_accuracy:.2f} %, {summary.test_spikes_per_sample:.1f} spikes a sample, "
        f"best epoch {summary.best_epoch} of {summary.epochs}, {summary.seconds:.0f} s"
    )
    screen.print(f"model written to {out / MODEL}", markup=False, soft_wrap=True)
