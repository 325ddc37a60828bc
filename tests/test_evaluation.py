"""Confusion of classes, from predictions to what the command says."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from click.testing import CliRunner
from networks import messages_for, random_network
from rich.console import Console

from brf_deploy.cli import main
from brf_deploy.confusion import confusion_matrix, confusion_table, precision, recall
from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import check_task, evaluate_integer
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Decision, Samples, predict


def test_rows_are_labels_and_columns_predictions():
    found = confusion_matrix(np.array([0, 1, 1, 2, 2, 2]), np.array([0, 1, 0, 2, 2, 0]), 4)
    assert found.tolist() == [[1, 1, 1, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(recall(found), [1 / 3, 1, 1, np.nan])
    np.testing.assert_array_equal(precision(found), [1, 1 / 2, 2 / 3, np.nan])


@pytest.mark.parametrize(("classes", "shown"), [(3, True), (10, True), (11, False), (35, False)])
def test_the_table_fits_a_terminal(classes, shown):
    confusion = np.full((classes, classes), 99_999 if classes < 7 else 1135)
    screen = Console(width=80, file=StringIO())
    screen.print(confusion_table(confusion))
    text = screen.file.getvalue()
    assert ("predictions (columns)" in text) == shown
    assert "…" not in text
    assert len([line for line in text.splitlines() if "%" in line]) == classes


@pytest.mark.parametrize("decision", list(Decision))
def test_the_matrix_of_chunks_is_that_of_all_samples(decision, monkeypatch):
    network = random_network(seed=3)
    messages = messages_for(network, 12, 9)
    rng = np.random.default_rng(0)
    shape = (12, 9) if decision is Decision.EVERY_STEP else (9,)
    labels = rng.integers(0, network.outputs, shape)

    class Own:
        name, encoding, inputs, classes = network.task, network.encoding, network.inputs, network.outputs

    Own.decision = decision
    monkeypatch.setattr("brf_deploy.evaluation.CHUNK_WORDS", 1)
    found = evaluate_integer(network, Own, Samples(messages, labels), REFERENCE)
    answers = predict(REFERENCE.run(network, messages).readout, decision, network.skip_steps)
    wanted = labels[network.skip_steps :] if decision is Decision.EVERY_STEP else labels
    np.testing.assert_array_equal(found.confusion, confusion_matrix(answers, wanted, network.outputs))
    assert found.confusion.sum() == wanted.size
    assert np.trace(found.confusion) == found.correct.sum()


@pytest.mark.parametrize(("own", "other", "fits"), [
    (None, None, True), ([2, 0, 1], [2, 0, 1], True), ([2, 0, 1], [1, 2, 0], True),
    (None, [2, 0, 1], False), ([2, 0, 1], None, False),
])  # fmt: skip
def test_a_network_runs_on_a_task_of_another_order_only_if_both_are_permuted(own, other, fits):
    network = random_network(permutation=None if own is None else np.array(own))

    class Permuted:
        name, inputs, classes = "permuted", network.inputs, network.outputs
        encoding = replace(network.encoding, permutation=None if other is None else np.array(other))

    if fits:
        check_task(network, Permuted)
        return
    steps, seen = ("in natural order" if order is None else "permuted" for order in (other, own))
    message = f"'permuted' has its steps {steps}, the network .* sees them {seen} whatever the task, .* use the task"
    with pytest.raises(InvalidInput, match=message):
        check_task(network, Permuted)


def test_the_command_shows_and_writes_it(tmp_path, data_dir):
    result = CliRunner().invoke(main, ["import", str(data_dir / "checkpoints" / "ecg_brf.pt"), "--neuron", "brf",
                                       "--task", "ecg", "--out", str(tmp_path / "ecg.safetensors")])  # fmt: skip
    assert result.exit_code == 0, result.output
    arguments = ["evaluate", str(tmp_path / "ecg.safetensors"), "--task", "ecg", "--data", str(data_dir)]
    result = CliRunner().invoke(main, [*arguments, "--backend", "numpy", "--json", str(tmp_path / "result.json")])
    assert result.exit_code == 0, result.output
    assert "labels (rows) and predictions (columns)" in result.output
    found = json.loads((tmp_path / "result.json").read_text())
    # Recall of P, PQ, QR, RS, ST, TP of the published network
    assert found["recall"] == pytest.approx([0.827, 0.718, 0.856, 0.702, 0.918, 0.887], abs=6e-4)
    assert found["layer_spikes_per_sample"] == {"hidden": found["spikes_per_sample"]}
    assert np.sum(found["confusion"]) == 141 * 1300
