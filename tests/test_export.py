"""`export` from the command line and in Python: what is written, what is refused, nothing left by halves."""

import json
import os

import pytest
from click.testing import CliRunner
from networks import random_network

import brf_deploy.exporter as exporter_module
from brf_deploy.backend import Availability
from brf_deploy.cli import main
from brf_deploy.errors import CertificateViolation, InvalidInput, Unavailable, Unsupported
from brf_deploy.exporter import Export, export_network, exporter_names, identifier, load_exporter
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.network_file import save_network
from brf_deploy.whole_file import write_whole, write_whole_folder


class Folder:
    """An exporter of two files."""

    name, description, suffix = "folder", "two files", None

    def availability(self):
        return Availability(True, "1")

    def render(self, network, name):
        files = {"a.txt": name.encode(), "sub/b.txt": b"bb"}
        return Export(files, {"size, bytes": 1234}, ("read a.txt",))


class File(Folder):
    """An exporter of one file, for networks without a readout of three."""

    name, suffix = "file", ".bin"

    def render(self, network, name):
        if network.outputs == 3:
            raise Unsupported("file: three outputs; two work")
        return Export({"x": b"data"})


class Absent(Folder):
    """An exporter whose package is missing."""

    name = "absent"

    def availability(self):
        return Availability(False, "pip install absent")


@pytest.fixture(autouse=True)
def exporters(monkeypatch):
    """Only the exporters of this module."""
    made = {made.name: made for made in (Folder(), File(), Absent())}
    monkeypatch.setattr(exporter_module, "load_entry", lambda group, name, noun: made[name])


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture
def net(tmp_path):
    save_network(random_network(), tmp_path / "net.nir")
    return tmp_path / "net.nir"


def test_a_folder(net, tmp_path):
    out = tmp_path / "My Net"
    shown = run("export", net, "--to", "folder", "--out", out, "--json", tmp_path / "facts.json")
    assert (out / "a.txt").read_text() == "my_net"
    assert (out / "sub" / "b.txt").read_text() == "bb"
    assert "1,234" in shown
    assert "read a.txt" in shown
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["files"] == {"a.txt": 6, "sub/b.txt": 2}
    assert facts["facts"] == {"size, bytes": 1234}


def test_a_folder_that_is_there_is_replaced_only_on_request(net, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    run("export", net, "--to", "folder", "--out", out)  # an empty one is as good as none
    (out / "mine.txt").write_text("mine")
    assert "something is there already" in run("export", net, "--to", "folder", "--out", out, status=2)
    assert (out / "mine.txt").exists()
    run("export", net, "--to", "folder", "--out", out, "--force")
    assert sorted(path.name for path in out.iterdir()) == ["a.txt", "sub"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.nir", "out"]


def test_a_file_needs_its_suffix(net, tmp_path):
    assert "ends in '.bin'" in run("export", net, "--to", "file", "--out", tmp_path / "net.txt", status=2)
    run("export", net, "--to", "file", "--out", tmp_path / "net.bin")
    assert (tmp_path / "net.bin").read_bytes() == b"data"


def test_what_a_format_cannot_carry_leaves_nothing(tmp_path):
    with pytest.raises(Unsupported, match="three outputs; two work"):
        export_network(random_network(outputs=3), "file", tmp_path / "net.bin")
    assert not list(tmp_path.iterdir())


def test_an_uncertified_network_is_refused(tmp_path):
    certified = random_network()
    parts = (certified.task, certified.encoding, certified.arithmetic, certified.layers, certified.readout)
    with pytest.raises(CertificateViolation, match="export refused"):
        export_network(UncertifiedNetwork(*parts), "folder", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_absent_package_is_named(tmp_path):
    with pytest.raises(Unavailable, match="format 'absent' is not available: pip install absent"):
        export_network(random_network(), "absent", tmp_path / "out")


@pytest.mark.skipif(os.name == "nt", reason="a colon is no path there")
def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_whole_folder(tmp_path / "out", {"a": b"1", "a/b": b"2"})  # a is a file and a folder
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "name"), [("ecg", "ecg"), ("My-Net 2", "my_net_2"), ("8bit", "net_8bit"), ("", "net_"), ("é", "net__")]
)
def test_identifiers(text, name):
    assert identifier(text) == name
    assert name.isidentifier()


def test_unknown_formats(net, tmp_path, monkeypatch):
    monkeypatch.undo()
    assert "export format 'xyz' is unknown; there are: c, " in run(
        "export", net, "--to", "xyz", "--out", tmp_path / "x", status=2
    )


def test_every_declared_format_loads(monkeypatch):
    monkeypatch.undo()
    for name in exporter_names():
        found = load_exporter(name)
        assert found.name == name
        assert found.suffix is None or found.suffix.startswith(".")
        assert found.description


def test_a_pipe_or_device_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert not pipe.is_file()
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_whole(tmp_path / "link", b"there")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"there"
