"""The demo runs to its end: every step, the page, and the summary."""

import json

import pytest
from click.testing import CliRunner

from brf_deploy.cli import main
from brf_deploy.demo import DemoFailed, run_step


@pytest.mark.slow
@pytest.mark.xdist_group("lava")
def test_demo_goes_from_training_to_the_page(tmp_path):
    result = CliRunner().invoke(
        main, ["demo", "--epochs", "2", "--out", str(tmp_path / "demo")], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    steps = [line.split()[2] for line in result.output.splitlines() if line.startswith("$ brf-deploy")]
    assert steps == ["train", "quantize", "simulate", "verify", "report"]
    assert "</html>" in (tmp_path / "demo" / "report.html").read_text()
    verdict = json.loads((tmp_path / "demo" / "verify.json").read_text())
    assert verdict["passed"] is True
    statuses = {name: backend["status"] for name, backend in verdict["backends"].items()}
    assert set(statuses) >= {"torch", "lava", "lava-processes"}
    assert set(statuses.values()) == {"equal"}
    assert "report.html" in result.output.splitlines()[-1] + result.output.splitlines()[-2]


def test_a_failing_step_stops_the_demo(tmp_path):
    with pytest.raises(DemoFailed, match="step 'data' ended with status 1"):
        run_step("data", "list", "--check", "--data", str(corrupt_data(tmp_path)))


def corrupt_data(folder):
    (folder / "ecg").mkdir()
    (folder / "ecg" / "QTDB_test.mat").write_bytes(b"not the file")
    return folder
