"""`brf-deploy check` from the command line: what it says, its exit status, and bad input."""

import json

import pytest
from click.testing import CliRunner
from networks import random_network

from brf_deploy.cli import main
from brf_deploy.network_file import save_network
from brf_hardware.targets.rules import RULES


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def net(tmp_path):
    save_network(random_network(neurons=(5,), outputs=2), tmp_path / "net.nir")
    return tmp_path / "net.nir"


def test_command_says_what_fits(net, tmp_path):
    result = run("check", net, "--target", "loihi2,cortex-m4", "--json", tmp_path / "check.json")
    assert "loihi2: fits" in result.output
    assert "Assumed, not published: axons_in_per_core, axons_out_per_core" in result.output
    found = json.loads((tmp_path / "check.json").read_text())
    assert [(entry["target"], entry["fits"]) for entry in found["targets"]] == [("loihi2", True), ("cortex-m4", True)]
    assert [rule["rule"] for rule in found["targets"][0]["rules"]] == [rule.__name__ for rule in RULES]


def test_command_exits_with_1_and_names_every_violation(net):
    result = run("check", net, "--target", "loihi2,loihi1", status=1)
    assert "loihi2: fits" in result.output
    assert "operations is broken: A neuron's program uses only operations that the target has." in result.output
    assert (
        "layer 'hidden', multiply (rotation, decay and gain of q): needed, limit not there. Way out: take a"
        in result.output
    )
    result = run(
        "check", net, "--target", "loihi2", "--set", "limits.weight_bits=4", "--allocation", "optimistic", status=1
    )
    assert "8 bits, limit 4. Way out: quantise with --weight-bits 4." in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "loihi3"), "target 'loihi3' is unknown; there are: cortex-m4"),
        (("--target", "nowhere.toml"), "target 'nowhere.toml': no such file"),
        (("--target", "horowitz45-int8"), "is a table of prices without limits"),
        (("--target", "loihi2", "--set", "limits.chips=0"), "setting 'limits.chips=0': 0 found"),
        ((), "Missing option '--target'"),
        (("--target", "loihi2", "--allocation", "lavish"), "'lavish' is not one of"),
    ],
)
def test_command_refuses_bad_input(net, arguments, message):
    assert message in run("check", net, *arguments, status=2).output


def test_command_refuses_a_file_that_is_no_network(tmp_path):
    assert "no such file" in run("check", tmp_path / "absent.nir", "--target", "loihi2", status=2).output
    (tmp_path / "bad.nir").write_bytes(b"\x89HDF nonsense")
    assert "bad.nir" in run("check", tmp_path / "bad.nir", "--target", "loihi2", status=2).output
