"""`brf-deploy estimate`: tables, JSON and CSV, budgets, and what it refuses."""

import json

import pytest
from click.testing import CliRunner
from deployed import published_run
from networks import random_network

from brf_deploy.cli import main
from brf_deploy.network_file import save_network


def run(*arguments, status=0):
    result = CliRunner().invoke(main, ["estimate", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def net(tmp_path):
    save_network(
        random_network(inputs=1, neurons=(12,), outputs=10, maximum=16, full_scale=16, task="digits"),
        tmp_path / "net.nir",
    )
    return tmp_path / "net.nir"


def test_command_prints_counts_first_and_writes_json_and_csv(net, tmp_path):
    result = run(
        net, "--target", "horowitz45-int8", "--samples", 3, "--json", tmp_path / "c.json", "--csv", tmp_path / "c.csv"
    )
    assert result.output.index("counts, mean of 3 samples") < result.output.index("dynamic energy")
    assert "no time known for target 'horowitz45-int8'" in " ".join(result.output.split())
    found = json.loads((tmp_path / "c.json").read_text())
    assert found["estimates"][0]["ledger"]["total"]["graded_operations"] > 0
    assert found["estimates"][0]["operations"]["maximum speed"]["total_energy"] is None
    assert (tmp_path / "c.csv").read_text().startswith("target,part,quantity")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "loihi3"), "target 'loihi3' is unknown; there are: cortex-m4"),
        (("--target", "nowhere.toml"), "nowhere.toml"),
        (("--target", "fp32-convention", "--samples", "100000"), "samples: 100000 asked for"),
        (("--target", "fp32-convention", "--task", "ecg"), "task 'ecg' has"),
        (("--target", "fp32-convention", "--set", "energy.magic=1"), "magic"),
        (("--target", "loihi2", "--set", "limits.core_memory_bytes=16"), "neuron 0 fits into no core of 'loihi2'"),
    ],
)
def test_command_refuses_what_cannot_be(net, arguments, message):
    result = run(net, *arguments, status=2)
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_command_prices_the_ecg_network_on_both_loihis(data_dir, tmp_path):
    """The published network, one record: counts do not depend on the chip, static energy outweighs dynamic energy."""
    record = published_run("ecg", data_dir, 1)
    save_network(record.network, tmp_path / "ecg.nir")
    run(
        tmp_path / "ecg.nir",
        "--target",
        "loihi1,loihi2",
        "--samples",
        1,
        "--data",
        data_dir,
        "--json",
        tmp_path / "e.json",
    )
    one, two = json.loads((tmp_path / "e.json").read_text())["estimates"]
    assert one["ledger"]["total"]["spikes"] == two["ledger"]["total"]["spikes"] == record.trace.layers[0].spikes.sum()
    for found in (one, two):
        speed = found["operations"]["maximum speed"]
        assert speed["static_energy"]["nominal"] > 5 * speed["dynamic_energy"]["nominal"]
        assert found["unpriced"] == found["untimed"] == []
    assert two["anchors"]


def test_command_fails_over_budget_on_request(net, data_dir):
    arguments = (net, "--target", "loihi2", "--samples", 2)
    run(*arguments, "--fail-over-budget")
    run(*arguments, "--rate", "1e6")
    result = run(*arguments, "--rate", "1e6", "--fail-over-budget", status=1)
    assert "target 'loihi2': 2 of 2 samples take longer" in " ".join(result.output.split())


@pytest.mark.parametrize("target", ["spinnaker2-testchip", "loihi1,xylo-a2"])
def test_a_budget_that_cannot_be_told_does_not_pass(net, data_dir, target):
    result = run(net, "--target", target, "--samples", 1, "--fail-over-budget", status=1)
    said = " ".join(result.output.split())
    assert "cannot be told" in said or "fits into no core" in said


def test_targets_that_hold_the_network_are_priced_beside_one_that_does_not(net, data_dir, tmp_path):
    out = tmp_path / "e.json"
    run(net, "--target", "xylo-a2,loihi1", "--samples", 1, "--json", out)
    found = json.loads(out.read_text())
    assert [one["target"] for one in found["estimates"]] == ["loihi1"]
    assert "fits into no core" in found["misfits"]["xylo-a2"]
    run(net, "--target", "xylo-a2", "--samples", 1, status=2)


def test_the_hint_for_a_missing_price_is_one_that_works(net, data_dir):
    arguments = (net, "--target", "loihi1", "--samples", 1)
    result = run(*arguments, "--set", "static_power=none")
    assert "such as static_power=LOW:NOMINAL:HIGH" in " ".join(result.output.split())
    assert "refused; state" not in run(*arguments, "--set", "static_power=0.1:0.2:0.3").output


def test_without_a_figure_for_a_host_its_energy_is_not_known(net, data_dir, tmp_path):
    run(net, "--target", "loihi1", "--samples", 1, "--set", "host_power=none", "--json", tmp_path / "e.json")
    (found,) = json.loads((tmp_path / "e.json").read_text())["estimates"]
    assert found["operations"]["maximum speed"]["host_energy"] is None
