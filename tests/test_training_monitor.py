"""What a training run shows while it goes."""

import re
from io import StringIO

import pytest
from rich.console import Console
from training_tasks import TONES, tones_recipe

from brf_training import train_network
from brf_training.monitor import EpochMetrics, Monitor, progress_bar
from brf_training.train import Conduct


def shown(width, epoch, batches, epochs=400):
    """The bar as a terminal of that width shows it after so many of 50 batches, line by line."""
    screen = StringIO()
    blank = dict.fromkeys(EpochMetrics.__dataclass_fields__, 0.0)
    metrics = EpochMetrics(**{**blank, "epoch": epoch, "loss": 12345.678, "validation_accuracy": 1.0})
    with progress_bar(Console(file=screen, force_terminal=True, width=width), "training smnist", epochs) as bar:
        bar.on_start(epoch - 1)
        bar.on_epoch(metrics)
        for done in range(1, batches + 1):
            bar.on_batch(done, 50)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).replace("\r", "\n").strip().splitlines()


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_tells_all_within_a_long_epoch(monkeypatch, width):
    monkeypatch.setattr("brf_training.monitor.BETWEEN", -1.0)
    lines = shown(width, 398, 30)
    last = lines[-1]
    for text in ("epoch 399/400", "loss 12345.678", "validation 100.0 %"):
        assert text in last
    assert re.search(r"\d:\d\d:\d\d left \d:\d\d:\d\d", last)
    assert "training smnist" in last or width < 110
    assert max(map(len, lines)) <= width


def test_the_bar_is_full_at_the_end_of_the_last_epoch():
    assert "epoch 400/400" in shown(80, 400, 0)[-1]


def test_monitors_hear_where_a_run_begins(tmp_path):
    class Heard(Monitor):
        def __init__(self):
            self.epochs = []

        def on_start(self, epoch):
            self.epochs.append(epoch)

    heard, recipe = Heard(), tones_recipe(epochs=2)
    train_network(recipe, TONES, None, tmp_path, [heard], Conduct(time_limit=1e-6))
    train_network(recipe, TONES, None, tmp_path, [heard], Conduct(resume=True))
    assert heard.epochs == [0, 1]
