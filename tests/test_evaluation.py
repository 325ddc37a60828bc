"""Confusion of classes, from predictions to what the command says."""

import json
from io import StringIO

import numpy as np
import pytest
from click.testing import CliRunner
from networks import messages_for, random_network
from rich.console import Console

from brf_deploy.cli import main
from brf_deploy.confusion import confusion_matrix, confusion_table, precision, recall
from brf_deploy.evaluation import evaluate_integer
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


def test_the_command_shows_and_writes_it(tmp_path, data_dir):
    result = CliRunner().invoke(main, ["import", str(data_dir / "checkpoints" / "ecg_brf.pt"), "--neuron", "brf",
                                       "--task", "ecg", "--out", str(tmp_path / "ecg.safetensors")])  # fmt: skip
    assert result.exit_code == 0, result.output
    arguments = ["evaluate", str(tmp_path / "ecg.safetensors"), "--task", "ecg", "--data", str(data_dir)]
    result = CliRunner().invoke(main, [*arguments, "--json", str(tmp_path / "result.json")])
    assert result.exit_code == 0, result.output
    assert "labels (rows) and predictions (columns)" in result.output
    found = json.loads((tmp_path / "result.json").read_text())
    # Recall of P, PQ, QR, RS, ST, TP of the published network
    assert found["recall"] == pytest.approx([0.827, 0.718, 0.856, 0.702, 0.918, 0.887], abs=6e-4)
    assert found["layer_spikes_per_sample"] == {"hidden": found["spikes_per_sample"]}
    assert np.sum(found["confusion"]) == 141 * 1300
