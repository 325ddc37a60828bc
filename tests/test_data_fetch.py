"""`brf-deploy data`: listing and fetching, with a server on loopback in place of the official sources."""

import json
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from file_server import CONTENT, OTHER, digest, serving

from brf_deploy import data_commands, data_sources
from brf_deploy.cli import main
from brf_deploy.data_sources import DataFile, Dataset


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as found:
        yield found


@pytest.fixture
def two_sets(monkeypatch):
    """The table of sources, replaced by two small sets."""
    sums = (digest(CONTENT),)
    files = (DataFile("a/one.bin", (), sums, len(CONTENT)), DataFile("a/two.bin", (), sums, len(CONTENT)))
    table = (
        Dataset("a", "two files", "MIT", "here", files),
        Dataset("b", "one file", "MIT", "here", (DataFile("b/three.bin", (), sums, len(CONTENT)),)),
    )
    monkeypatch.setattr(data_sources, "DATASETS", table)
    monkeypatch.setattr(data_commands, "DATASETS", table)
    monkeypatch.delenv("BRF_DATA", raising=False)


def run(*arguments):
    return CliRunner().invoke(main, ["data", *map(str, arguments)], prog_name="brf-deploy")


def states(*arguments):
    result = run("list", *arguments, "--json", "-")
    return result.exit_code, {name: entry["state"] for name, entry in json.loads(result.stdout)["datasets"].items()}


@pytest.mark.usefixtures("two_sets")
def test_fetch_fills_a_directory_and_list_shows_it(server, tmp_path):
    server.files = {"/base/a/one.bin": CONTENT, "/base/a/two.bin": CONTENT}
    assert states("--data", tmp_path / "data") == (0, {"a": "absent", "b": "absent"})
    result = run("fetch", "a", "--data", tmp_path / "data", "--mirror", f"{server.url}/base/")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        f"{tmp_path / 'data' / name}: fetched, checksum verified" for name in ("a/one.bin", "a/two.bin")
    ]
    assert (tmp_path / "data" / "a" / "two.bin").read_bytes() == CONTENT
    assert states("--data", tmp_path / "data", "--check") == (0, {"a": "present", "b": "absent"})


@pytest.mark.usefixtures("two_sets")
def test_what_is_there_is_not_fetched_again_and_what_is_corrupt_is(server, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.bin").write_bytes(CONTENT)
    (tmp_path / "a" / "two.bin").write_bytes(OTHER)
    server.files = {"/a/one.bin": CONTENT, "/a/two.bin": CONTENT}
    assert states("--data", tmp_path) == (0, {"a": "present", "b": "absent"})
    assert states("--data", tmp_path, "--check") == (1, {"a": "corrupt", "b": "absent"})
    listing = run("list", "--data", tmp_path, "--check")
    assert "a/two.bin: corrupt; get it with: brf-deploy data fetch a\n" in listing.stdout
    result = run("fetch", "a", "--data", tmp_path, "--mirror", server.url)
    assert result.stdout.splitlines()[0] == f"{tmp_path / 'a/one.bin'}: already there, checksum verified"
    assert len(server.requests) == 1
    assert (tmp_path / "a" / "two.bin").read_bytes() == CONTENT


@pytest.mark.usefixtures("two_sets")
def test_list_for_people(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.bin").write_bytes(CONTENT)
    lines = run("list", "--data", tmp_path).stdout.splitlines()
    row = next(line for line in lines if line.startswith("│ a"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["a", "incomplete", "1/2", "0.6", "MIT", "two files"]
    assert any("one file" in line for line in lines)
    assert lines[-1] == "a/two.bin: absent; get it with: brf-deploy data fetch a"


@pytest.mark.usefixtures("two_sets")
def test_list_without_a_directory():
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout.startswith("no data directory set (--data DIR or BRF_DATA)")


@pytest.mark.usefixtures("two_sets")
def test_fetch_refuses_bad_requests(server, tmp_path):
    assert "Missing argument 'NAME...'" in run("fetch").stderr
    assert run("fetch", "a").stderr == (
        "brf-deploy: error: no data directory is set; name one with --data DIR or the environment variable BRF_DATA\n"
    )
    assert run("fetch", "a", "c", "--data", tmp_path).stderr == (
        "brf-deploy: error: dataset 'c' is unknown; there are: a, b\n"
    )
    assert run("fetch", "a", "--data", tmp_path, "--mirror", "file:///etc").stderr == (
        "brf-deploy: error: --mirror 'file:///etc': not a URL that begins with http:// or https://\n"
    )
    assert server.requests == []


@pytest.mark.usefixtures("two_sets")
def test_a_failed_fetch_is_a_message(server, tmp_path):
    result = run("fetch", "b", "--data", tmp_path, "--mirror", server.url)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"brf-deploy: error: {server.url}/b/three.bin: HTTP 404 Not Found; ")


def test_ctrl_c_is_one_line(server, tmp_path):
    server.faults = ["hang"]
    program = "from brf_deploy.cli import main; main(prog_name='brf-deploy')"
    arguments = ["data", "fetch", "ecg", "--data", str(tmp_path), "--mirror", server.url]
    child = subprocess.Popen([sys.executable, "-c", program, *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=60)[1] == "brf-deploy: interrupted\n"
    assert child.returncode == 130
