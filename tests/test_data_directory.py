"""Where data lies, what state it is in, and the messages when it is not there."""

import gzip
import io
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from brf_deploy.data_directory import data_root, require_file
from brf_deploy.data_integrity import State, checksum, damage, dataset_state, file_state
from brf_deploy.data_sources import DATASETS, DataFile, Digest, dataset
from brf_deploy.errors import InvalidFile, InvalidInput, MissingData

HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # printf hello | sha256sum
FILES = [file for entry in DATASETS for file in entry.files]


def test_option_comes_before_environment(monkeypatch):
    monkeypatch.setenv("BRF_DATA", "/environment")
    assert data_root(Path("/option")) == Path("/option")
    assert data_root(None) == Path("/environment")


@pytest.mark.parametrize("value", [None, ""])
def test_no_data_directory(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("BRF_DATA", raising=False)
    else:
        monkeypatch.setenv("BRF_DATA", value)
    assert data_root(None) is None


def test_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("BRF_DATA", "~/data")
    assert data_root(None) == Path("/home/someone/data")


def test_present_file_is_found(tmp_path):
    (tmp_path / "ecg").mkdir()
    (tmp_path / "ecg" / "QTDB_test.mat").touch()
    assert require_file(tmp_path, "ecg/QTDB_test.mat", "ecg") == tmp_path / "ecg" / "QTDB_test.mat"


def test_absent_file_says_how_to_get_it(tmp_path):
    with pytest.raises(MissingData) as caught:
        require_file(tmp_path, "ecg/QTDB_test.mat", "ecg")
    assert str(caught.value) == (
        f"dataset 'ecg': no file ecg/QTDB_test.mat in the data directory '{tmp_path}'; get it with: brf-deploy data "
        f"fetch ecg --data '{tmp_path}', or name another directory with --data DIR or the environment variable BRF_DATA"
    )


def test_no_directory_says_how_to_name_one():
    with pytest.raises(MissingData) as caught:
        require_file(None, "mnist/train-images-idx3-ubyte.gz", "mnist")
    assert str(caught.value) == (
        "dataset 'mnist': mnist/train-images-idx3-ubyte.gz is needed and no data directory is set; name one with "
        "--data DIR or the environment variable BRF_DATA, and fill it with: brf-deploy data fetch mnist --data DIR"
    )


def test_unknown_dataset():
    with pytest.raises(
        InvalidInput, match=r"dataset 'cifar' is unknown; there are: ecg, checkpoints, mnist, fsdd, shd, ssc, gsc"
    ):
        dataset("cifar")
    assert dataset("ecg").name == "ecg"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.path)
def test_table_of_sources_is_well_formed(file):
    assert not Path(file.path).is_absolute()
    assert ".." not in Path(file.path).parts
    assert all(len(bytes.fromhex(found)) == (16 if file.digest is Digest.MD5 else 32) for found in file.sums)
    for url in file.urls:
        parts = urlsplit(url)
        assert parts.scheme in ("http", "https")
        assert (parts.query, parts.fragment) == ("", "")
        assert url.isascii()
        assert " " not in url


def test_every_path_is_declared_once_and_lies_in_its_folder():
    assert len({file.path for file in FILES}) == len(FILES)
    assert all(file.path.startswith(f"{entry.name}/") for entry in DATASETS for file in entry.files)


def test_published_sums_are_the_ones_in_the_table(data_dir):
    listing = data_dir / "SHA256SUMS"
    if not listing.is_file():
        pytest.skip(f"no {listing}")
    published = dict(reversed(line.split()) for line in listing.read_text().splitlines())
    for file in FILES:
        if file.digest is Digest.SHA256 and file.path in published:
            assert published[file.path] in file.sums, file.path


def test_real_files_are_what_the_table_says(data_dir):
    states = {file.path: file_state(file, data_dir, check=True) for file in FILES}
    assert set(states.values()) <= {State.PRESENT, State.ABSENT}, states


def hello(path="hello.txt"):
    return DataFile(path, (), (HELLO,), 5)


def test_states_of_a_file(tmp_path):
    file = hello()
    assert file_state(file, None, check=True) is State.ABSENT
    assert file_state(file, tmp_path, check=True) is State.ABSENT
    (tmp_path / "hello.txt").write_text("hello")
    assert file_state(file, tmp_path, check=True) is State.PRESENT
    (tmp_path / "hello.txt").write_text("hellO")
    assert file_state(file, tmp_path, check=False) is State.PRESENT
    assert file_state(file, tmp_path, check=True) is State.CORRUPT


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ([State.PRESENT, State.PRESENT], State.PRESENT),
        ([State.ABSENT, State.ABSENT], State.ABSENT),
        ([State.PRESENT, State.ABSENT], State.INCOMPLETE),
        ([State.ABSENT, State.CORRUPT], State.CORRUPT),
    ],
)
def test_state_of_a_dataset(states, whole):
    assert dataset_state(states) is whole


def test_damage_names_both_sums(tmp_path):
    path = tmp_path / "hello.txt"
    path.write_text("")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert damage(path, hello()) == f"sha256 is {empty}, expected {HELLO}"
    assert damage(path, DataFile("hello.txt", (), (HELLO, empty), 0)) is None


def test_md5_where_only_that_is_published(tmp_path):
    path = tmp_path / "hello.txt"
    path.write_text("hello")
    file = DataFile("hello.txt", (), ("5d41402abc4b2a76b9719d911017c592",), None, Digest.MD5)  # printf hello | md5sum
    assert damage(path, file) is None
    path.write_text("hellO")
    assert str(damage(path, file)).startswith("md5 is ")


def archive(names, prefix, **settings):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", **settings) as tar:
        for name in names:
            content = f"sound of {name}".encode()
            member = tarfile.TarInfo(f"{prefix}{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def test_recordings_digest_is_of_the_content_not_of_the_packing(tmp_path):
    one, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    one.write_bytes(archive(["b.wav", "a.wav", "README.md"], "recordings/"))
    other.write_bytes(archive(["a.wav", "b.wav"], "fsdd-1.0.10/recordings/", compresslevel=1))
    # cd recordings && LC_ALL=C sha256sum *.wav | sha256sum
    expected = "880c30b2d4690c71aaf715dc14ad98e2e823bd0122ad08acef94d6b3d0b9bce3"
    assert checksum(one, Digest.RECORDINGS) == checksum(other, Digest.RECORDINGS) == expected
    other.write_bytes(archive(["a.wav", "c.wav"], "recordings/"))
    assert checksum(other, Digest.RECORDINGS) != expected
    file = DataFile("other.tar.gz", (), (expected,), 0, Digest.RECORDINGS)
    assert str(damage(other, file)).startswith("sha256 of the recordings is ")


BROKEN = {"empty": b"", "not gzip": b"text", "not tar": gzip.compress(b"text" * 200, mtime=0), "truncated": None}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_archive_is_damage_not_a_crash(tmp_path, kind):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(archive(["a.wav"] * 50, "")[:-40] if BROKEN[kind] is None else BROKEN[kind])
    with pytest.raises(InvalidFile, match=r"is not a complete \.tar\.gz archive"):
        checksum(path, Digest.RECORDINGS)
    assert "is not a complete .tar.gz archive" in str(
        damage(path, DataFile("x.tar.gz", (), (HELLO,), 0, Digest.RECORDINGS))
    )
