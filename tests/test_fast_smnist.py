"""The whole S-MNIST test set through the command line, on the fast backend: the figures of docs/arithmetic.md."""

import json

import pytest
from click.testing import CliRunner
from fast_backend import needs_fast

from brf_deploy.cli import main


def run(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output


@needs_fast
@pytest.mark.slow
def test_all_test_images_of_the_published_network(data_dir, tmp_path):
    """99.05 % and 16,099.5 spikes a sample."""
    checkpoint = data_dir / "checkpoints" / "smnist_brf.pt"
    if not checkpoint.is_file():
        pytest.skip(f"no checkpoint at {checkpoint}: fetch it with `brf-deploy data fetch checkpoints`")
    data = ("--data", data_dir)
    run("import", checkpoint, "--neuron", "brf", "--task", "smnist", "--out", tmp_path / "model.safetensors")
    run("quantize", tmp_path / "model.safetensors", "--out", tmp_path / "net.nir", *data)
    run("evaluate", tmp_path / "net.nir", "--task", "smnist", "--json", tmp_path / "result.json", *data)
    found = json.loads((tmp_path / "result.json").read_text())
    assert found["backend"] == "fast"
    assert found["samples"] == 10_000
    assert found["accuracy"] == pytest.approx(0.9905, abs=2e-4)
    assert found["spikes_per_sample"] == pytest.approx(16_099.5, rel=2e-4)
