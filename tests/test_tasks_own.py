"""A task of one's own in an `.npz` file: what may lie in it, and what is refused and why."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from brf_deploy.cli import main
from brf_deploy.errors import InvalidFile, InvalidInput, MissingData
from brf_deploy.task import Decision, load_task
from brf_training.recipe_file import SHIPPED
from brf_training.tasks.own import NAMES

STEPS, COUNT, INPUTS = 6, 20, 3


def arrays(**changes):
    """Messages 0..7 and three labels."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 8, (STEPS, COUNT, INPUTS))
    x[0, 0, 0] = 7
    found = {"x": x, "y": np.arange(COUNT) % 3} | changes
    return {name: value for name, value in found.items() if value is not None}


@pytest.fixture
def task_of(tmp_path):
    def write_and_load(content):
        path = tmp_path / "my.npz"
        np.savez(path, **content)
        return load_task(str(path))

    return write_and_load


def test_messages_and_labels(task_of, tmp_path):
    content = arrays()
    task = task_of(content)
    train, test = task.load("train", None), task.load("test", None)
    assert task.name == str((tmp_path / "my.npz").resolve())
    assert (task.inputs, task.classes, task.decision) == (3, 3, Decision.MEAN)
    assert (task.encoding.maximum, task.encoding.full_scale, task.encoding.permutation) == (7, 7, None)
    assert (train.count, test.count) == (16, 4)
    assert (train.messages.dtype, train.labels.dtype) == (np.uint8, np.int64)
    together = np.concatenate([train.messages, test.messages], axis=1)
    assert sorted(map(bytes, together.transpose(1, 0, 2))) == sorted(
        map(bytes, content["x"].astype(np.uint8).transpose(1, 0, 2))
    )
    assert set(test.labels) == {0, 1, 2}  # in proportion
    assert np.array_equal(task_of(content).load("test").messages, test.messages)  # the same each time


def test_test_samples_of_its_own(task_of):
    x_test = np.full((STEPS, 2, INPUTS), 9)
    task = task_of(arrays(x_test=x_test, y_test=np.array([0, 2])))
    assert task.load("train").count == COUNT
    assert np.array_equal(task.load("test").messages, x_test)
    assert task.encoding.maximum == 9


def test_labels_of_steps(task_of):
    y = np.random.default_rng(1).integers(0, 4, (STEPS, COUNT))
    y[0, 0] = 3
    task = task_of(arrays(y=y))
    assert task.decision is Decision.EVERY_STEP
    assert task.load("train").labels.shape == (STEPS, 16)
    assert task_of(arrays(y=y, decision="every_step")).decision is Decision.EVERY_STEP


@pytest.mark.parametrize(("changes", "maximum", "full_scale"), [
    ({}, 7, 7),
    ({"full_scale": 255}, 255, 255),
    ({"full_scale": 4}, 7, 4),
    ({"full_scale": 255.0}, 255, 255),
    ({"full_scale": 2**16}, 2**16 - 1, 2**16),
    ({"x": np.zeros((STEPS, COUNT, INPUTS))}, 1, 1),
    ({"x": np.ones((STEPS, COUNT, INPUTS), bool)}, 1, 1),
    ({"x": np.full((STEPS, COUNT, INPUTS), 300.0, np.float32)}, 300, 300),
])  # fmt: skip
def test_scale(task_of, changes, maximum, full_scale):
    encoding = task_of(arrays(**changes)).encoding
    assert (encoding.maximum, encoding.full_scale) == (maximum, full_scale)


def test_the_last_step_decides_on_request(task_of):
    assert task_of(arrays(decision="last_step")).decision is Decision.LAST_STEP


def test_events_are_messages(task_of):
    x = np.random.default_rng(2).integers(0, 3, (STEPS, COUNT, INPUTS))
    step, sample, channel = np.nonzero(x)
    events = np.repeat(np.stack([sample, step, channel], axis=1), x[x > 0], axis=0)
    events = np.random.default_rng(3).permutation(events)
    lists = task_of(arrays(x=events, steps=STEPS, inputs=INPUTS)).load("train")
    assert np.array_equal(lists.messages, task_of(arrays(x=x)).load("train").messages)


def test_no_event_at_all_is_silence(task_of):
    task = task_of(arrays(x=np.zeros((0, 3), int), steps=5, inputs=2))
    assert task.load("train").messages.shape == (5, 16, 2)
    assert not task.load("train").messages.any()


def with_value(name, index, value, dtype=float):
    content = arrays()[name].astype(dtype)
    content[index] = value
    return {name: content}


def for_testing(shape, labels):
    return {"x_test": np.ones(shape), "y_test": labels}


EVENTS = {"x": np.array([[0, 1, 2], [3, 4, 1]]), "steps": STEPS, "inputs": INPUTS}


@pytest.mark.parametrize(("changes", "message"), [
    ({"x": None}, "no array 'x' in it, found y"),
    ({"y": None}, "no array 'y' in it, found x"),
    ({"y_test": np.zeros(2, int)}, "no array 'x_test' in it, found x, y, y_test"),
    (with_value("x", (1, 4, 0), np.nan), r"x has nan in record 4; needed: whole numbers 0\.\.65535"),
    (with_value("x", (1, 5, 0), np.inf), "x has inf in record 5"),
    (with_value("x", (1, 6, 0), 0.5), "x has 0.5 in record 6"),
    (with_value("x", (1, 7, 0), -1, int), "x has -1 in record 7"),
    (with_value("x", (1, 8, 0), 65536, int), "x has 65536 in record 8"),
    (with_value("y", 9, -1, int), "y has -1 in record 9"),
    (with_value("y", 9, 0.5), "y has 0.5 in record 9"),
    (with_value("y", 9, np.nan), "y has nan in record 9"),
    ({"x": np.ones((STEPS, COUNT, INPUTS)) * 1j}, "x has dtype complex128; needed: whole numbers"),
    ({"y": np.array(["a"] * COUNT)}, "y has dtype <U1"),
    ({"y": np.zeros(COUNT, int)}, "y has no label but 0; needed: at least two labels"),
    ({"x": np.ones(5)}, r"x has shape \(5,\); needed: \(time, samples, inputs\)"),
    ({"x": np.ones((0, COUNT, 3))}, r"x has shape \(0, 20, 3\)"),
    ({"y": np.arange(19) % 3}, r"y has shape \(19,\); needed: \(20,\) or \(6, 20\) to go with x"),
    ({"y": np.zeros((COUNT, STEPS), int) + np.arange(STEPS)}, r"y has shape \(20, 6\); needed: \(20,\) or \(6, 20\)"),
    ({"y": np.zeros((1, 1, 1), int)}, r"y has shape \(1, 1, 1\)"),
    ({"y": np.zeros(0, int)}, r"y has shape \(0,\)"),
    ({"y": np.array(1)}, r"y has shape \(\)"),
    ({"decision": "always"}, r"decision is 'always'; needed: last_step or mean, for y of shape \(20,\)"),
    ({"decision": "every_step"}, "decision is 'every_step'; needed: last_step or mean"),
    ({"full_scale": 0}, r"full_scale is 0; needed: a whole number 1\.\.65536"),
    ({"full_scale": 1.5}, "full_scale is 1.5"),
    ({"full_scale": np.array([1, 2])}, r"full_scale is \[1 2\]"),
    ({"full_scale": "255"}, "full_scale is '255'"),
    ({"steps": 7}, "steps is 7; needed: 6 as x has, or no such number"),
    ({"inputs": 2}, "inputs is 2; needed: 3 as x has"),
    ({**EVENTS, "steps": None}, r"x has shape \(2, 3\) and is taken for events, but there is no array 'steps'; needed: "
     r"the numbers steps and inputs beside them, or x\[:, :, None\]"),
    ({**EVENTS, "inputs": None}, "x .* no array 'inputs'"),
    ({**EVENTS, "inputs": 0}, "inputs is 0"),
    ({**EVENTS, "steps": 65535, "inputs": 65535}, r"x stands for 85,896,724,500 messages; needed: at most"),
    ({**EVENTS, "x": np.ones((4, 2))}, r"x has shape \(4, 2\); needed: \(events, 3\): sample, step, input"),
    ({**EVENTS, "x": np.array([[0, 1, 2], [20, 4, 1]])}, r"x has sample 20 in event 1; needed: 0\.\.19"),
    ({**EVENTS, "x": np.array([[0, 6, 2]])}, r"x has step 6 in event 0; needed: 0\.\.5"),
    ({**EVENTS, "x": np.array([[0, 1, 3]])}, r"x has input 3 in event 0; needed: 0\.\.2"),
    ({**EVENTS, "x": np.array([[0, 1, 2], [0, -1, 2]])}, "x has -1 in event 1"),
    (for_testing((STEPS, 2, 4), np.zeros(2, int)), r"x_test has shape \(6, 2, 4\); needed: \(6, samples, 3\)"),
    (for_testing((5, 2, INPUTS), np.zeros(2, int)), r"x_test has shape \(5, 2, 3\)"),
    (for_testing((STEPS, 2, INPUTS), np.array([0, 3])), r"y_test has label 3 in record 1; needed: labels 0\.\.2"),
    (for_testing((STEPS, 2, INPUTS), np.zeros((STEPS, 2), int)), r"y_test has shape \(6, 2\); needed: 1 axes"),
    ({"y": np.r_[np.zeros(COUNT - 1, int), 1]}, "20 samples cannot be split .*give test samples of your own as x_test"),
    ({"x": np.array([None] * 5)}, "x is of Python objects; needed: numbers, samples of different lengths filled up"),
    ({"y": np.array(["a", None] * 10)}, "y is of Python objects; needed: numbers, labels 0, 1, 2 and so on"),
])  # fmt: skip
def test_ill_arrays_are_named(task_of, changes, message):
    with pytest.raises(InvalidFile, match=rf"my\.npz': {message}"):
        task_of(arrays(**changes))


TWO_LABELS = np.arange(COUNT) % 2
NUMBERED = r"np\.unique\(y, return_inverse=True\)\[1\]"


@pytest.mark.parametrize(("y", "message"), [
    (TWO_LABELS * 5, f"y has label 5 but no label 1, 2, 3, 4; needed: labels from 0 on without gaps, {NUMBERED}, or "
     "the number of classes, classes=6"),
    (np.where(np.arange(COUNT) % 3 == 2, 255, TWO_LABELS), "y has label 255 but no label 2, 3, 4, 5 and 249 more"),
    (TWO_LABELS + 1, "y has label 2 but no label 0"),
    (TWO_LABELS * 0 + 3, "y has no label but 3; needed: at least two labels"),
    (TWO_LABELS * 2 - 1, rf"y has -1 in record 0; needed: whole numbers 0\.\.65535, .* such as {NUMBERED}"),
    (np.array(["no", "yes"])[TWO_LABELS], f"y has dtype <U3; .* such as {NUMBERED}"),
])  # fmt: skip
def test_labels_are_numbered_without_gaps(task_of, y, message):
    with pytest.raises(InvalidFile, match=rf"my\.npz': {message}"):
        task_of(arrays(y=y))


def test_the_number_of_classes_allows_gaps(task_of):
    x_test = np.ones((STEPS, 2, INPUTS), int)
    task = task_of(arrays(y=TWO_LABELS * 5, classes=8, x_test=x_test, y_test=np.array([1, 7])))
    assert task.classes == 8
    assert task.load("test").labels.tolist() == [1, 7]
    with pytest.raises(InvalidFile, match=r"classes is 5; needed: a whole number 6\.\.65536, as y has label 5"):
        task_of(arrays(y=TWO_LABELS * 5, classes=5))
    with pytest.raises(InvalidFile, match=r"y_test has label 8 in record 1; needed: labels 0\.\.7 as classes says"):
        task_of(arrays(classes=8, x_test=x_test, y_test=np.array([1, 8])))


def test_a_label_of_steps_that_only_test_samples_have_is_a_class(task_of):
    """Labels of steps are not split in proportion."""
    y = np.zeros((STEPS, COUNT), int) + np.arange(STEPS)[:, None] % 2
    for sample in range(COUNT):
        only = y.copy()
        only[0, sample] = 2
        task = task_of(arrays(y=only))
        assert task.classes == 3
        if task.load("test").labels.max() == 2:
            return
    raise AssertionError("no sample was drawn for testing")


@pytest.mark.parametrize(("name", "meant"), [
    ("xtest", "x_test"), ("X_test", "x_test"), ("test_x", "x_test"), ("test_y", "y_test"), ("X", "x"), ("X_train", "x"),
    ("fullscale", "full_scale"), ("n_classes", "classes"), ("labels", None), ("arr_0", None),
])  # fmt: skip
def test_arrays_without_a_meaning_are_refused(task_of, name, meant):
    hint = rf" \(is '{meant}' meant\?\)" if meant else ""
    known = "x, y, x_test, y_test, classes, decision, full_scale, steps, inputs"
    with pytest.raises(InvalidFile, match=rf"array '{name}' has no meaning here{hint}; needed: none but {known}"):
        task_of(arrays(**{name: np.ones(3)}))


X = arrays()["x"]
ONE_HOT = np.eye(3, dtype=int)[np.arange(COUNT) % 3]
OF_STEPS = np.arange(STEPS * COUNT).reshape(STEPS, COUNT) % 3


@pytest.mark.parametrize(("changes", "message"), [
    ({"x": X.transpose(1, 0, 2)}, r"x has shape \(20, 6, 3\) and y 20 labels, so that x has samples first; needed: "
     r"\(time, samples, inputs\), x\.transpose\(1, 0, 2\)"),
    ({"x": X.transpose(0, 2, 1)}, r"x .* has samples last; .* x\.transpose\(0, 2, 1\)"),
    (for_testing((COUNT, STEPS, INPUTS), ONE_HOT[:, 0]), r"x_test .* samples first; .*x_test\.transpose\(1, 0, 2\)"),
    ({"y": OF_STEPS.T}, r"y has shape \(20, 6\); .* to go with x: y\.T, or x\.transpose\(1, 0, 2\)"),
    ({"y": ONE_HOT}, r"y has shape \(20, 3\); needed: \(20,\) or \(6, 20\) to go with x: y\.argmax\(axis=1\)"),
    ({"y": ONE_HOT.astype(float)}, r"y .*: y\.argmax\(axis=1\)"),
    ({**EVENTS, "y": ONE_HOT}, r"y .* needed: \(samples,\) or \(6, samples\) to go with x: y\.argmax\(axis=1\)"),
    ({"y": np.eye(3)[OF_STEPS]}, r"y has shape \(6, 20, 3\); .* y\.argmax\(axis=2\)"),
    ({"y": ONE_HOT[:, :1]}, r"y has shape \(20, 1\); .*: y\.ravel\(\)"),
    ({**EVENTS, "y": ONE_HOT[:, :1]}, r"y has shape \(20, 1\); .*: y\.ravel\(\)"),
    ({"x": X[:, :, 0]}, r"x has shape \(6, 20\); needed: \(time, samples, inputs\): .* step x\[:, :, None\]"),
    ({"x": X[:, :, 0].T}, r"x has shape \(20, 6\); .* x\.T\[:, :, None\]"),
    ({"x": np.ones((STEPS, COUNT, 2, 2))}, r"x has shape \(6, 20, 2, 2\); .* x\.reshape\(\*x\.shape\[:2\], -1\)"),
    ({"x": X / 7}, r"x has .* such as np\.rint\(255 \* x\)\.astype\(np\.uint8\) together with full_scale=255"),
    ({"x": X - 3.5}, r"x has .* such as np\.rint\(255 \* \(x - x\.min\(\)\) / \(x\.max\(\) - x\.min\(\)\)\)"),
    ({"x": X * 10**6}, r"x has .* such as np\.rint\(255 \* \(x - x\.min"),
    ({"x_test": X / 7, "y_test": ONE_HOT[:, 0]}, "x_test has .* scaled as x is"),
    ({"x_test": X, "y_test": ONE_HOT.astype(str)}, r"y_test has dtype .* np\.searchsorted\(np\.unique\(y\), y_test\)"),
])  # fmt: skip
def test_what_makes_arrays_fit_is_said(task_of, changes, message):
    with pytest.raises(InvalidFile, match=rf"my\.npz': {message}"):
        task_of(arrays(**changes))


@pytest.mark.parametrize("scaled", [
    lambda x: {"x": np.rint(255 * x).astype(np.uint8), "full_scale": 255},
    lambda x: {"x": np.rint(255 * (x - x.min()) / (x.max() - x.min())).astype(np.uint8)},
])  # fmt: skip
def test_the_scalings_that_are_said_are_taken(task_of, scaled):
    encoding = task_of(arrays(**scaled(np.random.default_rng(4).random((STEPS, COUNT, INPUTS))))).encoding
    assert (encoding.maximum, encoding.full_scale) == (255, 255)


def test_a_file_that_does_not_fit_into_memory(task_of, monkeypatch):
    def load(*_, **__):
        raise MemoryError("Unable to allocate 8 TiB")

    monkeypatch.setattr("brf_training.tasks.own_file.np.load", load)
    with pytest.raises(InvalidFile, match=r"does not fit into memory .*narrowest type that holds it, such as uint8"):
        task_of(arrays())


def test_its_name_leads_there_from_every_folder(tmp_path, monkeypatch):
    np.savez(tmp_path / "my.npz", **arrays())
    monkeypatch.chdir(tmp_path)
    task = load_task("my.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert load_task(task.name).name == task.name == str((tmp_path / "my.npz").resolve())


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"])
def test_what_is_no_npz_file(tmp_path, content):
    path = tmp_path / "my.npz"
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match=r"my\.npz': (not a whole \.npz file|no array)"):
        load_task(str(path))


def test_a_plain_npy_file_under_that_name(tmp_path):
    path = tmp_path / "my.npz"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(InvalidFile, match=r"not a whole \.npz file"):
        load_task(str(path))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_truncated_files_are_refused(tmp_path, share):
    path = tmp_path / "my.npz"
    np.savez_compressed(path, **arrays())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InvalidFile, match=r"not a whole \.npz file"):
        load_task(str(path))


def test_flipped_bits_are_noticed(tmp_path):
    path = tmp_path / "my.npz"
    np.savez_compressed(path, **arrays())
    whole = path.read_bytes()
    for place in range(60, len(whole) // 2, 7):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        path.write_bytes(damaged)
        with pytest.raises(InvalidFile, match=r"my\.npz'"):
            load_task(str(path))


def test_absent_files_and_other_suffixes():
    with pytest.raises(MissingData, match=r"task 'none\.npz': no such file; name .* or write one with numpy\.savez"):
        load_task("none.npz")
    with pytest.raises(InvalidInput, match="task file of suffix 'csv' is unknown; there are: npz"):
        load_task("my.csv")


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_trained_quantised_and_evaluated_from_the_command_line(tmp_path):
    """Which of two inputs is busier? The general recipe learns it."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    rate = np.where(y == 1, 0.1, 0.5), np.where(y == 1, 0.5, 0.1)
    x = np.stack([rng.random((40, 400)) < share for share in rate], axis=2)
    np.savez(tmp_path / "my.npz", x=x, y=y)
    task, out = tmp_path / "my.npz", tmp_path / "run"
    run("train", task, "--out", out, "--epochs", 6, "--batch-size", 16, "--threads", 1)
    run("quantize", out / "model.safetensors", "--out", out / "net.nir")
    run("evaluate", out / "net.nir", "--task", task, "--json", tmp_path / "found.json")
    assert json.loads((tmp_path / "found.json").read_text())["accuracy"] >= 0.9


@pytest.mark.parametrize("recipe", ["own", "mine.toml"])
def test_a_recipe_for_it_names_it_as_one_likes(tmp_path, monkeypatch, recipe):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "my.npz", x=rng.integers(0, 2, (12, 20, 2)), y=np.arange(20) % 2)
    text = (SHIPPED / "own.toml").read_text("utf-8").replace('task = "own"', 'task = "my.npz"')
    (tmp_path / "mine.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    run("train", "my.npz", "--recipe", recipe, "--epochs", 2, "--time-limit", 1e-9, "--out", "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run("train", "--resume", "../run")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["epochs_run"] == 2


PAGE = (Path(__file__).resolve().parents[1] / "docs" / "own-data-and-models.md").read_text("utf-8")
DATA = PAGE[PAGE.index("\n## Your own data\n") : PAGE.index("\n## A model of your own\n")]


def blocks(language, text=DATA):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def percent(pattern, text):
    return float(re.search(pattern, text)[1])


def test_the_page_has_every_array_and_its_python_runs(tmp_path, monkeypatch, capsys):
    assert re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?`) \|", DATA, re.MULTILINE))) == list(NAMES)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    for code in blocks("python"):
        exec(code, found)  # noqa: S102 - our own page
    assert percent(r"([\d.]+)% of the test samples are right", capsys.readouterr().out) > 90
    assert load_task("my.npz").classes == 3
    stored, spikes = load_task("events.npz").load("train").messages, found["spikes"]
    assert stored.shape == (50, 240, 2)
    assert {bytes(sample) for sample in stored.transpose(1, 0, 2)} <= {bytes(sample) for sample in spikes}


def install(folder, code, pyproject):
    """What pip leaves of the page's package."""
    (folder / "my_package").mkdir(parents=True)
    (folder / "my_package" / "rhythms.py").write_text(code)
    about = folder / "my_package-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    ((group, entries),) = tomllib.loads(pyproject)["project"]["entry-points"].items()
    lines = [f"{name} = {place}" for name, place in entries.items()]
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines]))


@pytest.mark.slow
def test_the_commands_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arrays_of_file, arrays_of_events, rhythms, _ = blocks("python")
    exec(arrays_of_file + arrays_of_events, {})  # noqa: S102 - our own page
    install(tmp_path / "site", rhythms, *blocks("toml"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    for line in "".join(blocks("console")).splitlines():
        _, program, *arguments = shlex.split(line)
        assert program == "brf-deploy"
        quick = ["--backends", "fast", "--samples", "20"] if arguments[0] == "verify" else []
        output = run(*arguments, *quick)
        if arguments[0] in ("train", "evaluate"):
            assert percent(r"accuracy +([\d.]+) ?%", output) > 90
