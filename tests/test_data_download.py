"""Downloads that are interrupted, refused or wrong, against a real server on loopback."""

import resource
import socket
from contextlib import contextmanager

import pytest
from file_server import CONTENT, OTHER, digest, serving

from brf_deploy.data_integrity import damage
from brf_deploy.data_sources import DataFile
from brf_deploy.download import DownloadFailure, Patience, download
from brf_deploy.errors import InvalidInput

QUICK = Patience(attempts=3, pause=0.01, timeout=5)
ONCE = Patience(attempts=1, timeout=5)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as found:
        yield found


@pytest.fixture
def target(tmp_path):
    return tmp_path / "new" / "data.bin"


def get(server, target, *, content=CONTENT, patience=QUICK, urls=None, **options):
    file = DataFile("data.bin", (), (digest(content),), len(content))
    download(urls or [f"{server.url}/data.bin"], target, lambda path: damage(path, file), patience=patience, **options)


def leftovers(target):
    return sorted(entry.name for entry in target.parent.iterdir() if entry != target)


def test_a_file_arrives_whole(server, target):
    seen = []
    get(server, target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert leftovers(target) == []
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert server.requests[0]["Accept-Encoding"] == "identity"
    assert "Range" not in server.requests[0]


@pytest.mark.parametrize("fault", ["drop", "reset"])
@pytest.mark.parametrize("validators", [{"ETag": '"one"'}, {"Last-Modified": "Thu, 02 May 2024 20:55:00 GMT"}])
def test_a_broken_connection_is_resumed(server, target, fault, validators):
    server.validators = validators
    server.faults = [fault, fault]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert [("Range" in request) for request in server.requests] == [False, True, True]
    assert server.requests[1]["If-Range"] == next(iter(validators.values()))
    if fault == "drop":
        assert [request.get("Range") for request in server.requests] == [None, "bytes=150000-", "bytes=225000-"]


def test_a_later_run_goes_on_where_the_first_stopped(server, target):
    server.faults = ["drop"]
    with pytest.raises(DownloadFailure, match=r"closed after 150,000 of 300,000 bytes \(attempt 1 of 1\)"):
        get(server, target, patience=ONCE)
    assert leftovers(target) == ["data.bin.part", "data.bin.part.validator"]
    get(server, target, patience=ONCE)
    assert target.read_bytes() == CONTENT
    assert server.requests[1]["Range"] == "bytes=150000-"
    assert leftovers(target) == []


def test_a_file_that_changed_meanwhile_starts_anew(server, target):
    server.faults = ["drop"]
    with pytest.raises(DownloadFailure):
        get(server, target, patience=ONCE)
    server.files, server.validators = {"/data.bin": OTHER}, {"ETag": '"two"'}
    get(server, target, content=OTHER, patience=ONCE)
    assert target.read_bytes() == OTHER
    assert server.requests[1]["If-Range"] == '"one"'


def test_a_server_without_ranges_starts_anew(server, target):
    server.ranges, server.faults = False, ["drop"]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert "Range" in server.requests[1]


@pytest.mark.parametrize("validators", [{}, {"ETag": 'W/"weak"'}])
def test_nothing_to_tell_versions_apart_means_no_resume(server, target, validators):
    server.validators, server.faults = validators, ["drop"]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert "Range" not in server.requests[1]


def test_a_part_longer_than_the_file_starts_anew(server, target):
    target.parent.mkdir()
    target.with_name("data.bin.part").write_bytes(CONTENT + b"more")
    target.with_name("data.bin.part.validator").write_text('"one"')
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert ["Range" in request for request in server.requests] == [True, False]


def test_a_length_that_is_not_given_is_no_error(server, target):
    server.faults = ["no length"]
    seen = []
    get(server, target, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), None)


def test_wrong_bytes_are_removed_and_both_sums_named(server, target):
    server.files = {"/data.bin": OTHER}
    with pytest.raises(DownloadFailure) as caught:
        get(server, target)
    assert str(caught.value) == (
        f"{server.url}/data.bin: sha256 is {digest(OTHER)}, expected {digest(CONTENT)}; the file was removed. "
        "Run the command again; if it fails the same way, the source has changed"
    )
    assert list(target.parent.iterdir()) == []
    assert len(server.requests) == 1


def test_a_file_already_there_survives_a_bad_download(server, target):
    target.parent.mkdir()
    target.write_bytes(b"old")
    server.files = {"/data.bin": OTHER}
    with pytest.raises(DownloadFailure):
        get(server, target)
    assert target.read_bytes() == b"old"


def test_404_is_final_and_says_so(server, target):
    server.files = {}
    with pytest.raises(DownloadFailure) as caught:
        get(server, target)
    assert str(caught.value) == (
        f"{server.url}/data.bin: HTTP 404 Not Found; the source does not offer this file any more: fetch it by hand "
        "or from a mirror (--mirror URL)"
    )
    assert len(server.requests) == 1


def test_a_busy_server_is_asked_again(server, target):
    server.faults = [503, 429]
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_given_up(server, target):
    server.faults = [503, 503, 503]
    with pytest.raises(
        DownloadFailure, match=r"HTTP 503 Service Unavailable \(attempt 3 of 3\); check the network connection"
    ):
        get(server, target)


def test_a_server_that_hangs_is_given_up(server, target):
    server.faults = ["hang"]
    with pytest.raises(DownloadFailure, match=r"no connection: timed out \(attempt 1 of 1\)"):
        get(server, target, patience=Patience(attempts=1, timeout=0.2))


def test_no_network(server, target):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/data.bin"
        with pytest.raises(DownloadFailure, match=r"no connection: .*refused \(attempt 3 of 3\); check the network"):
            get(server, target, urls=[url])


def test_pauses_double(server, target, monkeypatch):
    pauses = []
    monkeypatch.setattr("time.sleep", pauses.append)
    server.faults = [500, 500, 500]
    get(server, target, patience=Patience(attempts=4, pause=0.5))
    assert pauses == [0.5, 1.0, 2.0]


def test_the_next_source_is_tried(server, target):
    server.files = {"/second.bin": CONTENT}
    get(server, target, urls=[f"{server.url}/data.bin", f"{server.url}/second.bin"])
    assert target.read_bytes() == CONTENT


def test_every_source_that_failed_is_named(server, target):
    server.files = {"/second.bin": OTHER}
    with pytest.raises(DownloadFailure, match=r"(?s)/data\.bin: HTTP 404.*\n.*/second\.bin: sha256 is"):
        get(server, target, urls=[f"{server.url}/data.bin", f"{server.url}/second.bin"])


@contextmanager
def file_size_limit(size):
    """The kernel refuses to let any file grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_keeps_what_there_is(server, target):
    with (
        file_size_limit(100_000),
        pytest.raises(InvalidInput, match=r"cannot write '.*data\.bin\.part': File too large; make room or name"),
    ):
        get(server, target)
    assert 0 < target.with_name("data.bin.part").stat().st_size <= 100_000
    get(server, target)
    assert target.read_bytes() == CONTENT
    assert "Range" in server.requests[-1]


def test_a_directory_that_cannot_be_made(server, tmp_path):
    (tmp_path / "new").write_text("a file")
    with pytest.raises(InvalidInput, match=r"cannot write '.*': (File exists|Not a directory)"):
        get(server, tmp_path / "new" / "data.bin")
