"""The cache of prepared samples: used once it is there, never when it is stale or damaged."""

import os

import numpy as np
import pytest

from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Samples
from brf_training.tasks.cache import cached


class Preparation:
    """Makes samples and counts how often."""

    def __init__(self, validation=False):
        self.calls, self.validation = 0, validation

    def __call__(self):
        self.calls += 1
        messages = np.random.default_rng(0).integers(0, 2, (5, 4, 11)).astype(np.uint8)
        held = np.array([True, False, False, True]) if self.validation else None
        return Samples(PackedBits.of(messages), np.arange(4), held)


@pytest.fixture(autouse=True)
def user_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    return tmp_path / "user" / "brf-deploy"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "data" / "set" / "file"
    path.parent.mkdir(parents=True)
    path.write_text("content")
    return path


def use(source, make, version="1", name="set-train"):
    return cached(source.parents[1], name, [source], version, make)


def assert_same(found, expected):
    assert len(found.arrays) == len(expected.arrays)
    assert all(np.array_equal(one, other) for one, other in zip(found.arrays, expected.arrays, strict=True))
    assert np.array_equal(found.messages, expected.messages)


@pytest.mark.parametrize("validation", [False, True])
def test_prepared_once_and_mapped(source, validation):
    make = Preparation(validation)
    first, second = use(source, make), use(source, make)
    assert make.calls == 1
    assert_same(second, first)
    assert isinstance(second.stored.bits, np.memmap)


def entries(source):
    return sorted((source.parents[1] / "cache").iterdir())


@pytest.mark.parametrize("change", ["version", "content", "time", "name of file"])
def test_a_stale_entry_is_made_anew_and_removed(source, change):
    make, version = Preparation(), "1"
    use(source, make)
    (old,) = entries(source)
    if change == "version":
        version = "2"
    elif change == "content":
        stat = source.stat()
        source.write_text("other content")
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif change == "time":
        os.utime(source, ns=(0, 1))
    else:
        source = source.rename(source.with_name("other"))
    use(source, make, version)
    (new,) = entries(source)
    assert make.calls == 2
    assert new != old


def test_entries_of_other_splits_stay(source):
    make = Preparation()
    use(source, make)
    use(source, make, name="set-test")
    assert len(entries(source)) == 2


def damage(folder, how):
    if how == "no checksums":
        (folder / "about.json").unlink()
    elif how == "empty":
        (folder / "messages.npy").write_bytes(b"")
    elif how == "truncated":
        path = folder / "messages.npy"
        path.write_bytes(path.read_bytes()[:-7])
    elif how == "not JSON":
        (folder / "about.json").write_text("[]")
    else:
        path = folder / f"{how}.npy"
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["no checksums", "empty", "truncated", "not JSON", "messages", "labels"])
def test_a_damaged_entry_is_made_anew(source, how):
    make = Preparation()
    first = use(source, make)
    damage(entries(source)[0], how)
    assert_same(use(source, make), first)
    assert make.calls == 2
    use(source, make)
    assert make.calls == 2


def test_what_a_killed_process_left_is_removed(source):
    left = source.parents[1] / "cache" / "set-train-0123.77.part"
    left.mkdir(parents=True)
    (left / "messages.npy").write_bytes(b"half")
    use(source, Preparation())
    assert len(entries(source)) == 1


def read_only(source):
    """Root may write there all the same, and should not."""
    source.parents[1].chmod(0o555)


def blocked(source):
    (source.parents[1] / "cache").write_text("a file where the folder would be")


@pytest.mark.parametrize("close", [read_only, blocked])
def test_where_the_data_directory_cannot_be_written_the_users_cache_serves(source, user_cache, close):
    close(source)
    make = Preparation()
    first, second = use(source, make), use(source, make)
    assert make.calls == 1
    assert not (source.parents[1] / "cache").is_dir()
    assert len(list(user_cache.glob("*/*"))) == 1
    assert_same(second, first)


def test_data_directories_do_not_share_a_users_cache(source, user_cache, tmp_path):
    other = tmp_path / "other" / "set" / "file"
    other.parent.mkdir(parents=True)
    other.write_text("another content")
    for one in (source, other, source):
        read_only(one)
        use(one, Preparation())
    assert len(list(user_cache.glob("*/*"))) == 2


def test_an_entry_of_a_read_only_data_directory_is_used(source):
    make = Preparation()
    use(source, make)
    read_only(source)
    use(source, make)
    assert make.calls == 1


def test_without_any_cache_it_still_works(source, user_cache):
    blocked(source)
    user_cache.parent.mkdir(exist_ok=True)
    user_cache.write_text("a file where the folder would be")
    make = Preparation()
    assert_same(use(source, make), use(source, make))
    assert make.calls == 2


def test_nothing_is_kept_of_a_preparation_that_fails(source):
    def make():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        use(source, make)
    assert not (source.parents[1] / "cache").exists()
