"""The command line `brf-deploy`: commands come from entry points, and errors leave as messages.

A command is one line in the entry-point group `brf_deploy.commands`. One that cannot be imported stays listed, with
the reason. Exit status: 0 done, 1 a check that did not hold, 2 bad input or an absent package, 130 interrupted.
"""

import errno
import shutil
import sys
import textwrap
from typing import Any, NoReturn

import click

from brf_deploy.errors import BrfError, InvalidInput, Unavailable
from brf_deploy.registry import EXTRA_OF_MODULE, load_entry, missing_module, names

GROUP = "brf_deploy.commands"
# The order of work; commands that other packages add follow in alphabetical order.
ORDER = (
    "import",
    "train",
    "quantize",
    "evaluate",
    "simulate",
    "verify",
    "check",
    "map",
    "estimate",
    "export",
    "report",
    "data",
    "doctor",
    "demo",
)

EXAMPLES = """\b
Examples:
  brf-deploy demo
  brf-deploy train digits --out run
  brf-deploy data fetch ecg --data data
  brf-deploy import data/checkpoints/ecg_brf.pt --neuron brf --task ecg --out ecg.safetensors
  brf-deploy quantize ecg.safetensors --calibrate ecg --data data --out ecg.nir
  brf-deploy verify ecg.safetensors ecg.nir --task ecg --data data
"""


class CommandFailure(click.ClickException):
    """An error of the project, shown as ``brf-deploy: error: ...`` on stderr."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """Print the message; folded to the terminal's width, one line each where stderr is not a terminal."""
        text = f"brf-deploy: error: {self.message}"
        click.echo(fold(text) if sys.stderr.isatty() else text, file=file, err=True)


class Interrupted(click.ClickException):
    """The user pressed Ctrl-C; 130 is what a shell reports for SIGINT."""

    exit_code = 130

    def show(self, file: Any = None) -> None:
        """Print one line."""
        click.echo("brf-deploy: interrupted", file=file, err=True)


def fold(text: str) -> str:
    """Fold long lines at spaces, with a hanging indent; paths and commands are never broken inside a word."""
    width = min(shutil.get_terminal_size().columns, 100)
    wrapper = textwrap.TextWrapper(width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapper.fill(line) for line in text.splitlines())


class CommandGroup(click.Group):
    """Finds commands by entry point, imports one when it is needed, and turns errors into messages."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every declared command, importable or not."""
        declared = names(GROUP)
        return [name for name in ORDER if name in declared] + [name for name in declared if name not in ORDER]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, a stand-in that gives the reason where it cannot be imported, or None."""
        try:
            command: click.Command = load_entry(GROUP, cmd_name, "command")
        except InvalidInput:
            return None
        except (Unavailable, ImportError, AttributeError) as error:
            return absent_command(cmd_name, str(error))
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; every foreseen failure becomes a message, anything else is a bug and shows itself."""
        try:
            return super().invoke(ctx)
        except BrfError as error:
            raise CommandFailure(str(error)) from error
        except ModuleNotFoundError as error:
            _explain_missing_module(f"'{ctx.info_name} {ctx.invoked_subcommand}'", error)
        except KeyboardInterrupt as error:
            raise Interrupted("") from error
        except OSError as error:
            _explain_os_error(error)


def absent_command(name: str, reason: str) -> click.Command:
    """A command that is listed with the reason it cannot run, and fails with it."""

    def fail() -> NoReturn:
        raise Unavailable(reason)

    accept_anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(name, accept_anything, callback=fail, help=reason, short_help=f"(not available) {reason}")


def _explain_missing_module(what: str, error: ModuleNotFoundError) -> NoReturn:
    if (error.name or "").split(".")[0] not in EXTRA_OF_MODULE:
        raise error
    raise CommandFailure(missing_module(what, error)) from error


def _explain_os_error(error: OSError) -> NoReturn:
    # A closed pipe (`brf-deploy ... | head`) is click's to end quietly; without an errno it is no system error.
    if error.errno is None or error.errno == errno.EPIPE:
        raise error
    where = f"'{error.filename}': " if error.filename else ""
    raise CommandFailure(f"{where}{error.strerror}") from error


@click.group(cls=CommandGroup, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="brf-deploy", prog_name="brf-deploy")
def main() -> None:
    """Take spiking networks of Balanced Resonate-and-Fire (BRF) neurons from PyTorch to neuromorphic hardware.

    A trained network is quantised inside the divergence boundary, written to NIR, run by several backends, and proved
    equal spike for spike. `brf-deploy COMMAND --help` explains one command.
    """
