"""The README is true: its Python runs, its commands and files exist."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from brf_deploy.backend import backend_names
from brf_deploy.cli import main

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.xdist_group("lava")
def test_python_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102
    assert "spikes a sample" in capsys.readouterr().out
    assert (tmp_path / "run" / "digits.nir").is_file()


def commands():
    lines = [line for block in blocks("console") for line in block.splitlines()]
    inline = re.findall(r"`(brf-deploy [^`]+)`", TEXT)
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ brf-deploy")] + inline


@pytest.mark.parametrize("line", commands())
def test_commands_and_their_options_exist(line):
    _, name, *arguments = shlex.split(line.split("#")[0])
    if name == "COMMAND":
        return
    shown = CliRunner().invoke(main, [name, "--help"])
    assert shown.exit_code == 0
    options = [argument for argument in arguments if argument.startswith("--")]
    text = shown.output
    if name == "data":
        text += CliRunner().invoke(main, [name, arguments[0], "--help"]).output
    assert all(option in text for option in options), (options, text)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"\$ make (\w+)", TEXT):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_links_lead_somewhere():
    for link in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert link.startswith("http") or (ROOT / link).exists(), link


def test_backend_table_is_complete():
    assert set(re.findall(r"^\| `([\w-]+)` \|", TEXT, flags=re.MULTILINE)) >= set(backend_names())
