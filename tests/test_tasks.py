"""Tasks: real data in the promised form, and damaged files refused by name."""

import gzip
import zlib
from contextlib import suppress

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from brf_deploy.errors import InvalidFile, MissingData
from brf_deploy.task import Decision, load_task, task_names
from brf_training.tasks.digits import DIGITS
from brf_training.tasks.ecg import ECG
from brf_training.tasks.matlab import read_matlab
from brf_training.tasks.mnist import PSMNIST, SMNIST

TASKS = [DIGITS, ECG, SMNIST, PSMNIST]


def test_every_task_is_declared():
    assert [load_task(task.name) for task in TASKS] == TASKS
    assert {task.name for task in TASKS} <= set(task_names())


def test_digits_are_split_once_and_for_all():
    train, test = DIGITS.load("train"), DIGITS.load("test")
    assert (train.messages.shape, test.messages.shape) == ((64, 1437, 1), (64, 360, 1))
    assert (train.messages.min(), train.messages.max()) == (0, DIGITS.encoding.maximum)
    assert (train.messages.dtype, train.labels.dtype) == (np.uint8, np.int64)
    assert np.array_equal(np.bincount(test.labels), [36, 36, 35, 37, 36, 37, 36, 36, 35, 36])
    assert np.array_equal(DIGITS.load("test", None).messages, test.messages)
    together = np.concatenate([train.messages, test.messages], axis=1)[..., 0].T
    from sklearn.datasets import load_digits

    assert sorted(map(bytes, together.astype(np.uint8))) == sorted(map(bytes, load_digits().data.astype(np.uint8)))


def records(count=3, steps=5):
    rng = np.random.default_rng(0)
    events = rng.integers(0, 2, (count, steps + 1, 4)).astype(np.int16)
    events[:, -1] = -1
    labels = np.eye(6, dtype=np.uint8)[rng.integers(0, 6, (count, steps + 1))]
    labels[0, 2] = 0
    return {"x": events, "y": labels}


def write_ecg(root, content, compressed=False):
    (root / "ecg").mkdir()
    savemat(root / "ecg" / "QTDB_test.mat", content, do_compression=compressed)
    return root / "ecg" / "QTDB_test.mat"


def test_ecg_drops_the_padding_and_labels_every_step(tmp_path):
    content = records()
    write_ecg(tmp_path, content)
    samples = ECG.load("test", tmp_path)
    assert (samples.messages.shape, samples.labels.shape) == ((5, 3, 4), (5, 3))
    assert (samples.messages.dtype, samples.labels.dtype) == (np.uint8, np.int64)
    assert np.array_equal(samples.messages[:, 1], content["x"][1, :-1])
    assert np.array_equal(samples.labels[:, 1], content["y"][1, :-1].argmax(1))
    assert samples.labels[2, 0] == 0  # no label counts as class 0, as published


def altered(name, index, value):
    content = records()
    content[name][index] = value
    return content


@pytest.mark.parametrize(("content", "message"), [
    ({"x": records()["x"]}, "no variable 'y', found x"),
    ({"other": 1}, "no variable 'x', found other"),
    ({"x": np.ones((2, 3)), "y": np.ones((2, 3, 6))}, "x has 2 axes"),
    (records() | {"x": records()["x"][:, :, :3]}, r"x has shape \(3, 6, 3\), expected \(3, 6, 4\)"),
    (records() | {"x": records()["x"][:2]}, r"x has shape \(2, 6, 4\), expected \(3, 6, 4\)"),
    (records() | {"y": records()["y"][:, :, :5]}, r"y has shape \(3, 6, 5\), expected \(3, 6, 6\)"),
    (altered("x", (1, 3, 2), 7), "x of record 1 has a value that is neither 0 nor 1 at step 3"),
    (altered("x", (2, 0, 0), -1), "x of record 2 has a value that is neither 0 nor 1 at step 0"),
    (altered("y", (2, 4), 1), "y of record 2 has more than one label at step 4"),
    (altered("y", (0, 1, 0), 9), "y of record 0 has a value that is neither 0 nor 1 at step 1"),
])  # fmt: skip
def test_ill_formed_ecg_names_file_and_record(tmp_path, content, message):
    write_ecg(tmp_path, content)
    with pytest.raises(InvalidFile, match=rf"QTDB_test\.mat': {message}.*brf-deploy data fetch ecg"):
        ECG.load("test", tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.6, 0.75, 0.9, 0.99])
def test_truncated_ecg_is_refused(tmp_path, share, compressed):
    path = write_ecg(tmp_path, records(), compressed)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidFile, match=r"QTDB_test\.mat': not a whole MATLAB 5 file"):
        ECG.load("test", tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_ecg_is_refused_or_still_in_form(tmp_path, compressed):
    rng = np.random.default_rng(1)
    path = write_ecg(tmp_path, records(), compressed)
    whole = path.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        for position in rng.integers(0, len(whole), 3):
            damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        with suppress(InvalidFile):
            samples = ECG.load("test", tmp_path)
            assert set(np.unique(samples.messages)) <= {0, 1}


@pytest.mark.parametrize("compressed", [False, True])
def test_matlab_reader_equals_scipys(tmp_path, compressed):
    rng = np.random.default_rng(0)
    kinds = (np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64)
    content = {f"a{np.dtype(kind).name}": rng.integers(0, 9, (2, 3, 4)).astype(kind) for kind in kinds}
    content |= {"row": np.arange(3), "long_name_of_an_array": np.ones((1, 1))}
    savemat(tmp_path / "a.mat", content | {"text": "abc", "z": np.ones(2) * 1j}, do_compression=compressed)
    found, expected = read_matlab(tmp_path / "a.mat"), loadmat(tmp_path / "a.mat")
    assert set(found) == set(content)
    assert all(np.array_equal(found[name], expected[name]) for name in content)


def zipped(data):
    """Without the time of day, so that parallel workers collect the same tests."""
    return gzip.compress(data, mtime=0)


def idx(array, code=8):
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def mnist_files(count=3):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (count, 28, 28)), np.arange(count)


def write_mnist(root, images, labels):
    (root / "mnist").mkdir(exist_ok=True)
    (root / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(images)
    (root / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)


def test_mnist_is_row_by_row(tmp_path):
    images, labels = mnist_files()
    write_mnist(tmp_path, zipped(idx(images)), zipped(idx(labels)))
    for task in (SMNIST, PSMNIST):
        samples = task.load("test", tmp_path)
        assert samples.messages.shape == (784, 3, 1)
        assert np.array_equal(samples.messages[:, 1, 0], images[1].ravel())
        assert np.array_equal(samples.labels, labels)
        assert (samples.messages.dtype, samples.labels.dtype) == (np.uint8, np.int64)


def test_the_permuted_task_orders_steps_in_its_encoding():
    assert (SMNIST.decision, PSMNIST.decision) == (Decision.LAST_STEP, Decision.MEAN)
    assert SMNIST.encoding.permutation is None
    assert len(PSMNIST.encoding.permutation) == 784


IMAGES, LABELS = (idx(array) for array in mnist_files())


@pytest.mark.parametrize(("images", "labels", "message"), [
    (b"", zipped(LABELS), "images.*not a whole gzip file|images.*starts with"),
    (IMAGES, zipped(LABELS), "images.*not a whole gzip file"),
    (zipped(IMAGES)[:-9], zipped(LABELS), "images.*not a whole gzip file"),
    (zipped(LABELS), zipped(LABELS), "images.*starts with 00000801, not an IDX file of 3 axes"),
    (zipped(IMAGES[:7]), zipped(LABELS), "images.*not an IDX file of 3 axes"),
    (zipped(IMAGES[:-1]), zipped(LABELS), r"2351 bytes of data with sizes \(3, 28, 28\), expected 2352"),
    (zipped(idx(np.ones((3, 27, 28)))), zipped(LABELS), r"items of shape \(28, 28\)"),
    (zipped(IMAGES), zipped(idx(np.arange(2))), "labels.*2 labels for 3 images"),
    (zipped(IMAGES), zipped(idx(np.array([1, 10, 2]))), r"labels.*label 10 of image 1 is outside 0\.\.9"),
])  # fmt: skip
def test_damaged_mnist_names_the_file(tmp_path, images, labels, message):
    write_mnist(tmp_path, images, labels)
    with pytest.raises(InvalidFile, match=message):
        SMNIST.load("test", tmp_path)


def test_flipped_bits_in_mnist_are_noticed(tmp_path):
    damaged = bytearray(zipped(IMAGES))
    damaged[len(damaged) // 2] ^= 64
    write_mnist(tmp_path, bytes(damaged), zipped(LABELS))
    with pytest.raises(InvalidFile, match="not a whole gzip file"):
        SMNIST.load("test", tmp_path)


@pytest.mark.parametrize("task", [ECG, SMNIST, PSMNIST])
def test_missing_data_says_how_to_get_it(task, tmp_path):
    dataset = "ecg" if task is ECG else "mnist"
    with pytest.raises(MissingData, match=f"brf-deploy data fetch {dataset}"):
        task.load("train", tmp_path)
    with pytest.raises(MissingData, match="--data DIR"):
        task.load("train", None)


def test_ecg_records_are_complete(data_dir):
    train, test = ECG.load("train", data_dir), ECG.load("test", data_dir)
    assert (train.messages.shape, test.messages.shape) == ((1300, 618, 4), (1300, 141, 4))
    assert test.labels.shape == (1300, 141)
    content = loadmat(data_dir / "ecg" / "QTDB_test.mat")
    assert np.array_equal(test.messages, content["x"][:, :-1].transpose(1, 0, 2))
    assert np.array_equal(test.labels, content["y"][:, :-1].argmax(2).T)
    assert test.messages.sum() / 141 == pytest.approx(410.6, abs=0.05)


def test_mnist_images_are_complete(data_dir):
    test = SMNIST.load("test", data_dir)
    assert test.messages.shape == (784, 10_000, 1)
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert SMNIST.load("train", data_dir).count == 60_000


def test_a_damaged_matlab_file_is_refused_or_read(tmp_path):
    rng, path = np.random.default_rng(1), tmp_path / "a.mat"
    savemat(path, {"x": np.arange(6.0).reshape(2, 3), "y": np.ones(2, np.int16)})
    whole, refused = path.read_bytes(), 0
    for _ in range(600):
        damaged = bytearray(whole)
        for position in rng.integers(128, len(whole), 2):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_matlab(path)
        except InvalidFile:
            refused += 1
    assert refused > 100


def test_an_empty_compressed_element_is_refused(tmp_path):
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    packed = zlib.compress(b"")
    (tmp_path / "a.mat").write_bytes(header + np.array([15, len(packed)], "<u4").tobytes() + packed)
    with pytest.raises(InvalidFile, match="empty"):
        read_matlab(tmp_path / "a.mat")
