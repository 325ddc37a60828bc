"""The command `brf-deploy import`."""

from pathlib import Path

import click

from brf_deploy.errors import InvalidInput
from brf_deploy.output import console
from brf_deploy.task import load_task

IMPORT_EXAMPLES = """\b
Examples:
  brf-deploy import data/checkpoints/ecg_brf.pt --neuron brf --task ecg --out ecg.safetensors
  brf-deploy import smnist.pt --neuron rf --task smnist --out smnist.safetensors
  brf-deploy import psmnist.pt --neuron brf --task psmnist --permutation permuted_idx.pt --out psmnist.safetensors
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
