"""The command line frame: listing, laziness, and errors that leave as messages."""

import errno
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points, version
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from brf_deploy import cli
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.options import data_option, json_option, samples_option, task_option
from brf_deploy.output import console, plain, write_json
from brf_deploy.registry import names

HEAVY = ("torch", "nir", "h5py", "lava", "matplotlib", "sklearn", "scipy", "onnx")


def run(*arguments):
    return CliRunner().invoke(cli.main, list(arguments), prog_name="brf-deploy")


@pytest.fixture
def probe(monkeypatch):
    """Declare one command, `probe`, that does what the test gives; its entry point can also fail to load."""

    def declare(action=lambda: None, load=None):
        command = click.Command("probe", callback=action)
        monkeypatch.setattr(cli, "names", lambda group: ["probe"])
        monkeypatch.setattr(cli, "load_entry", load or (lambda group, name, noun: command))

    return declare


def raising(error):
    def action(*_):
        raise error

    return action


def test_commands_are_listed_in_the_order_of_work():
    listed = cli.main.list_commands(click.Context(cli.main))
    assert listed[: len(cli.ORDER)] == list(cli.ORDER)
    assert sorted(listed) == names(cli.GROUP)


def test_command_of_another_package_comes_last(monkeypatch):
    monkeypatch.setattr(cli, "names", lambda group: ["augment", "demo", "import"])
    assert cli.main.list_commands(click.Context(cli.main)) == ["import", "demo", "augment"]


def test_every_declared_command_loads_and_explains_itself():
    for entry in entry_points(group=cli.GROUP):
        command = entry.load()
        assert isinstance(command, click.Command), entry.name
        assert command.get_short_help_str(), entry.name
        result = run(entry.name, "--help")
        assert result.exit_code == 0, (entry.name, result.output)
        assert result.stdout.startswith(f"Usage: brf-deploy {entry.name}")


def test_help_shows_examples_line_by_line():
    result = run("--help")
    assert result.exit_code == 0
    assert "brf-deploy data fetch ecg --data data" in [line.strip() for line in result.stdout.splitlines()]


def test_version():
    assert run("--version").stdout == f"brf-deploy, version {version('brf-deploy')}\n"


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from brf_deploy.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_error_of_the_project_is_a_message_and_status_2(probe):
    probe(raising(InvalidInput("weight_bits: 99 is outside 2..16")))
    result = run("probe")
    assert result.exit_code == 2
    assert result.stderr == "brf-deploy: error: weight_bits: 99 is outside 2..16\n"
    assert result.stdout == ""


def test_an_error_inside_a_nested_group_is_a_message_too():
    result = run("data", "fetch", "nothing", "--data", "x")
    assert result.exit_code == 2
    assert result.stderr.startswith("brf-deploy: error: dataset 'nothing' is unknown; there are: ecg, ")


def test_missing_optional_package_names_the_extra(probe):
    probe(raising(ModuleNotFoundError("No module named 'torch.nn'", name="torch.nn")))
    result = run("probe")
    assert result.exit_code == 2
    assert result.stderr == (
        "brf-deploy: error: 'brf-deploy probe' needs the package 'torch', which is not installed: "
        "pip install 'brf-deploy[train]'\n"
    )


@pytest.mark.parametrize(
    "bug", [ZeroDivisionError("a bug"), ModuleNotFoundError("gone", name="brf_deploy.gone"), OSError("no errno")]
)
def test_a_bug_is_not_dressed_up(probe, bug):
    probe(raising(bug))
    assert run("probe").exception is bug


def test_interrupt_is_one_line_and_status_130(probe):
    probe(raising(KeyboardInterrupt()))
    result = run("probe")
    assert (result.exit_code, result.stderr) == (130, "brf-deploy: interrupted\n")


@pytest.mark.parametrize(
    ("number", "filename", "message"),
    [
        (errno.EACCES, "/root/run", "'/root/run': Permission denied"),
        (errno.ENOSPC, None, "No space left on device"),
        (errno.EISDIR, "out", "'out': Is a directory"),
    ],
)
def test_what_the_system_refuses_is_a_message(probe, number, filename, message):
    probe(raising(OSError(number, os.strerror(number), filename)))
    result = run("probe")
    assert result.exit_code == 2
    assert result.stderr == f"brf-deploy: error: {message}\n"


def test_closed_pipe_ends_quietly(probe):
    probe(raising(BrokenPipeError(errno.EPIPE, "Broken pipe")))
    result = run("probe")
    assert (result.exit_code, result.stderr) == (1, "")


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("command 'probe' needs the package 'nir', which is not installed: pip install 'brf-deploy[nir]'"),
        ImportError("cannot import name 'probe_command'"),
        AttributeError("module has no attribute 'probe_command'"),
    ],
)
def test_a_command_that_does_not_import_is_listed_with_the_reason(probe, error):
    probe(load=raising(error))
    listing = run("--help")
    assert listing.exit_code == 0
    assert f"probe  (not available) {str(error)[:20]}" in listing.stdout
    result = run("probe", "MODEL", "--task", "ecg")
    assert result.exit_code == 2
    assert result.stderr == f"brf-deploy: error: {error}\n"


def test_unknown_command_is_a_usage_error():
    result = run("quantise")
    assert result.exit_code == 2
    assert "No such command 'quantise'" in result.stderr


def test_long_messages_fold_at_spaces_only(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    path = "/a/very/long/path/that-must-not-break/however/narrow.nir"
    assert cli.fold(f"error: cannot read {path}\nsecond line") == f"error: cannot read\n  {path}\nsecond line"


def options_of(*arguments):
    seen = {}

    @click.command()
    @data_option
    @task_option
    @samples_option
    @json_option
    def command(**values):
        seen.update(values)

    return CliRunner().invoke(command, list(arguments)), seen


def test_shared_options(monkeypatch):
    monkeypatch.setenv("BRF_DATA", "elsewhere")
    _, seen = options_of("--task", "ecg", "--samples", "3", "--json", "-")
    assert seen == {"data": Path("elsewhere"), "task": "ecg", "samples": 3, "json_file": Path("-")}
    _, seen = options_of("--task", "ecg", "--data", "here")
    assert seen == {"data": Path("here"), "task": "ecg", "samples": None, "json_file": None}


def test_shared_options_refuse_nonsense():
    assert "Missing option '--task'" in options_of()[0].stderr
    assert "0 is not in the range x>=1" in options_of("--task", "ecg", "--samples", "0")[0].stderr


def test_json_has_plain_types_and_no_nan():
    value = {1: np.float32(0.5), "a": [np.arange(2), float("nan"), Path("x")], "b": (True, None, np.bool_(False))}
    assert plain(value) == {"1": 0.5, "a": [[0, 1], None, "x"], "b": [True, None, False]}


def test_json_file_appears_whole(tmp_path):
    path = tmp_path / "result.json"
    write_json(path, {"passed": True})
    assert json.loads(path.read_text()) == {"passed": True}
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_json_on_standard_output_moves_tables_to_standard_error(capsys):
    write_json(Path("-"), {"passed": False})
    console(Path("-")).print("table")
    console(None).print("other")
    captured = capsys.readouterr()
    assert captured.out == '{\n  "passed": false\n}\nother\n'
    assert captured.err == "table\n"
