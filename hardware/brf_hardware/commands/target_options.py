"""Options of every command that speaks about a chip."""

from typing import TYPE_CHECKING

import click

from brf_deploy.options import FiniteRange
from brf_hardware.targets.load import target_names
from brf_hardware.targets.terms import ALLOCATIONS

if TYPE_CHECKING:
    from brf_deploy.task import Samples, Task

TARGETS = f"Targets: {', '.join(target_names())}, or TOML files of your own."

target_option = click.option("--target", "targets", required=True, metavar="A,B", help=TARGETS)

optional_target_option = click.option("--target", "targets", metavar="A,B", help=f"{TARGETS}  [default: none]")

rate_option = click.option(
    "--rate",
    type=FiniteRange(min=0, min_open=True),
    metavar="HZ",
    help="Answers a second in real time: steps where the task answers at each, else samples.  [default: the network's]",
)

set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Another figure or limit, such as limits.axons_in_per_core=2048 or energy.barriers=0:200:2000; repeatable.",
)

allocation_option = click.option(
    "--allocation",
    type=click.Choice(ALLOCATIONS),
    default="assumed",
    show_default=True,
    help="Bytes that things take in a core: bare words, or with the overhead that others assume.",
)


def step_period(rate: float | None, task: "Task", samples: "Samples") -> float | None:
    """Seconds of a step at `rate` answers a second; None where the network's own step is wanted."""
    from brf_deploy.task import Decision

    if rate is None:
        return None
    return 1 / rate if task.decision is Decision.EVERY_STEP else 1 / (rate * samples.steps)
