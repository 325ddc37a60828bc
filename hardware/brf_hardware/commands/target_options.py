"""Options of every command that speaks about a chip."""

import click

from brf_hardware.targets.load import target_names
from brf_hardware.targets.terms import ALLOCATIONS

target_option = click.option(
    "--target",
    "targets",
    required=True,
    metavar="A,B",
    help=f"Targets: {', '.join(target_names())}, or TOML files of your own.",
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
