"""Event files of the Heidelberg data sets: binned as published, and refused by record where they are ill."""

import gzip
import zipfile

import h5py
import numpy as np
import pytest
from event_files import random_records, write_events

from brf_deploy.errors import InvalidFile, MissingData, Unavailable
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Decision, load_task
from brf_training.tasks.event_file import bin_events, read_events
from brf_training.tasks.heidelberg import SHD, SSC


def published_binning(times, units, dt=4e-3):
    """Step by step as Yin et al. 2021 and Higuchi et al. 2024 do it: each step takes what is not taken yet."""
    steps = []
    for i in range(int(1 / dt)):
        due = times <= i * dt
        step = np.zeros(700)
        fired = units[due]
        step[700 - fired[fired > 0].astype(int)] = 1
        times, units = times[~due], units[~due]
        steps.append(step)
    return np.array(steps)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_binning_is_the_published_one(dtype, seed):
    rng = np.random.default_rng(seed)
    times = np.concatenate([rng.uniform(0, 1.2, 3000), np.arange(250) * 4e-3, [0, 0.996, 0.9961, 1.4]]).astype(dtype)
    units = rng.integers(0, 700, len(times)).astype(np.uint16)
    assert np.array_equal(bin_events(times, units), published_binning(times, units))


def test_bounds_units_and_doubles():
    times = np.array([0.0, 0.004, 0.0040001, 0.0041, 0.0041, 0.996, 0.997])
    units = np.array([699, 1, 2, 2, 0, 7, 7])
    assert np.argwhere(bin_events(times, units)).tolist() == [[0, 1], [1, 699], [2, 698], [249, 693]]


def test_tasks_are_declared():
    assert (load_task("shd"), load_task("ssc")) == (SHD, SSC)
    assert (SHD.inputs, SHD.classes, SSC.classes, SHD.decision) == (700, 20, 35, Decision.MEAN)


def packed(path, form):
    if form == "gz":
        with gzip.open(f"{path}.gz", "wb") as target:
            target.write(path.read_bytes())
    elif form == "zip":
        with zipfile.ZipFile(f"{path}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(path, path.name)
    if form != "h5":
        path.unlink()


@pytest.mark.parametrize("form", ["h5", "gz", "zip"])
def test_shd_in_every_form(tmp_path, form):
    times, units, labels = random_records()
    packed(write_events(tmp_path / "shd" / "shd_test.h5", times, units, labels), form)
    for _ in range(2):  # anew, then from the cache
        samples = SHD.load("test", tmp_path)
        assert samples.messages.shape == (250, 5, 700)
        assert samples.messages.dtype == np.uint8
        assert np.array_equal(samples.labels, labels)
        for index in range(5):
            assert np.array_equal(samples.messages[:, index], published_binning(times[index], units[index]))


def test_ssc_validates_on_its_own_part(tmp_path):
    for seed, (part, count) in enumerate({"train": 4, "valid": 3, "test": 2}.items()):
        write_events(tmp_path / "ssc" / f"ssc_{part}.h5", *random_records(count, 35, seed))
    train, test = SSC.load("train", tmp_path), SSC.load("test", tmp_path)
    assert (train.count, test.count) == (7, 2)
    assert train.validation.tolist() == [False] * 4 + [True] * 3
    assert test.validation is None
    assert np.array_equal(train.take(np.array([6, 0])).validation, [True, False])


def test_more_records_than_are_held_together(tmp_path):
    times, units, labels = random_records(300)
    bits, found = read_events(write_events(tmp_path / "a.h5", times, units, labels), 20)
    assert np.array_equal(PackedBits(bits, 700).unpack()[:, 299], published_binning(times[299], units[299]))
    assert np.array_equal(found, labels)


def altered(change):
    times, units, labels = random_records()
    times[2], units[2] = np.array([0.1, 0.2], np.float16), np.array([5, 6], np.uint16)
    change(times, units, labels)
    return times, units, labels


def set_item(which, record, value):
    def change(*lists):
        lists[which][record] = value

    return change


@pytest.mark.parametrize(("change", "message"), [
    (set_item(0, 2, np.array([0.1, np.nan], np.float16)), "record 2 has the time nan s at spike 1"),
    (set_item(0, 2, np.array([np.inf, 0.1], np.float16)), "record 2 has the time inf s at spike 0"),
    (set_item(0, 2, np.array([-0.5, 0.1], np.float16)), "record 2 has the time -0.5 s at spike 0"),
    (set_item(0, 2, np.array([0.1], np.float16)), "record 2 has 1 times and 2 units"),
    (set_item(1, 2, np.array([5, 700], np.uint16)), r"record 2 has unit 700 at spike 1, outside 0\.\.699"),
    (set_item(2, 3, 20), r"record 3 has label 20, outside 0\.\.19"),
])  # fmt: skip
def test_ill_records_are_named(tmp_path, change, message):
    write_events(tmp_path / "shd" / "shd_test.h5", *altered(change))
    with pytest.raises(InvalidFile, match=rf"shd_test\.h5': {message}; fetch it again with: brf-deploy data fetch shd"):
        SHD.load("test", tmp_path)
    assert not (tmp_path / "cache").exists()


def without(name):
    def change(file):
        del file[name]

    return change


def replaced(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(("change", "message"), [
    (without("labels"), "no list 'labels'"),
    (without("spikes"), "no list 'spikes/times'"),
    (replaced("labels", np.zeros((5, 1), int)), "no list 'labels'"),
    (replaced("labels", np.zeros(5)), "labels are float64"),
    (replaced("labels", np.zeros(4, int)), "5 records of times, 5 of units, 4 labels"),
    (replaced("spikes/times", np.zeros(5)), "record 0 has times or units that are no list"),
])  # fmt: skip
def test_another_layout_is_refused(tmp_path, change, message):
    path = write_events(tmp_path / "shd" / "shd_test.h5", *random_records())
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InvalidFile, match=rf"shd_test\.h5': .*{message}"):
        SHD.load("test", tmp_path)


def test_no_record_at_all(tmp_path):
    path = tmp_path / "shd" / "shd_test.h5"
    write_events(path, *random_records(1))
    with h5py.File(path, "a") as file:
        for name in ("spikes/times", "spikes/units", "labels"):
            replaced(name, np.zeros(0, np.uint16))(file)
    with pytest.raises(InvalidFile, match="0 records of times"):
        SHD.load("test", tmp_path)


@pytest.mark.parametrize("form", ["h5", "gz", "zip"])
@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(tmp_path, form, share):
    packed(write_events(tmp_path / "shd" / "shd_test.h5", *random_records()), form)
    path = next((tmp_path / "shd").iterdir())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidFile, match=rf"{path.name}': not a whole HDF5 file of events"):
        SHD.load("test", tmp_path)


@pytest.mark.parametrize("seed", [2336, 2910])
def test_a_file_on_which_hdf5_crashes_is_refused(tmp_path, seed):
    """Seeds found by trial with HDF5 2.0; another version may say what is wrong, but none ends this process."""
    path = write_events(tmp_path / "shd" / "shd_test.h5", *random_records())
    damaged, rng = bytearray(path.read_bytes()), np.random.default_rng(seed)
    for place in rng.integers(0, 6000, 6):
        damaged[place] ^= int(rng.integers(1, 256))
    path.write_bytes(damaged)
    with pytest.raises(InvalidFile, match=r"shd_test\.h5': .*brf-deploy data fetch shd"):
        SHD.load("test", tmp_path)


def test_an_archive_of_something_else(tmp_path):
    (tmp_path / "shd").mkdir()
    with zipfile.ZipFile(tmp_path / "shd" / "shd_test.h5.zip", "w") as archive:
        archive.writestr("README", "text")
    with pytest.raises(InvalidFile, match=r"the archive holds README, not shd_test\.h5"):
        SHD.load("test", tmp_path)


def test_missing_files_say_how_to_get_them(tmp_path):
    with pytest.raises(MissingData, match=r"no file shd/shd_train\.h5\.zip .*brf-deploy data fetch shd"):
        SHD.load("train", tmp_path)
    with pytest.raises(MissingData, match="--data DIR"):
        SSC.load("train", None)
    write_events(tmp_path / "ssc" / "ssc_train.h5", *random_records(4, 35))
    with pytest.raises(MissingData, match=r"no file ssc/ssc_valid\.h5\.zip"):
        SSC.load("train", tmp_path)


def test_without_h5py_it_says_how_to_get_it(tmp_path, monkeypatch):
    write_events(tmp_path / "shd" / "shd_test.h5", *random_records())
    monkeypatch.setattr("brf_training.tasks.heidelberg.find_spec", lambda name: None)
    with pytest.raises(Unavailable, match=r"package 'h5py'.*pip install"):
        SHD.load("test", tmp_path)


def test_nothing_is_left_of_what_was_unpacked(tmp_path, monkeypatch):
    room = tmp_path / "room"
    room.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(room))
    packed(write_events(tmp_path / "shd" / "shd_test.h5", *random_records()), "gz")
    SHD.load("test", tmp_path)
    assert list(room.iterdir()) == []
