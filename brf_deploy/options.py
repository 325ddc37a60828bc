"""Options that several commands share, spelled and explained once."""

from math import isfinite
from pathlib import Path
from typing import Any

import click

from brf_deploy.task import task_names


class FiniteRange(click.FloatRange):
    """A `click.FloatRange` that refuses NaN, which passes every comparison with a bound, and infinities."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, within the range."""
        number = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


data_option = click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="BRF_DATA",
    show_envvar=True,
    metavar="DIR",
    help="Data directory; `brf-deploy data list` shows what is in it.",
)

task_option = click.option("--task", required=True, metavar="NAME", help=f"Task: {', '.join(task_names())}.")

backend_option = click.option(
    "--backend",
    metavar="NAME",
    help="Runs an integer network; `brf-deploy doctor` lists them.  [default: fast where it is built, else reference]",
)

either_backend_option = click.option(
    "--backend",
    metavar="NAME",
    help="Runs the network; `brf-deploy doctor` lists them.  [default: of an integer network fast where it is built, "
    "else reference; of a float network torch where its native library is built, else numpy]",
)

samples_option = click.option(
    "--samples", type=click.IntRange(min=1), metavar="N", help="Only the first N samples of the split.  [default: all]"
)

json_option = click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Also write the result as JSON; '-' is standard output, and the table then goes to standard error.",
)
