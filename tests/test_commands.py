"""quantize, evaluate, simulate and verify from the command line, on the digits that come with scikit-learn."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from float_networks import random_float_network

from brf_deploy.backend import load_backend
from brf_deploy.cli import main
from brf_deploy.encoding import Encoding
from brf_deploy.float_backend import load_float_backend
from brf_deploy.float_file import load_float_network, save_float_network
from brf_deploy.network_file import load_network
from brf_deploy.trace import Trace


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.output


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """An untrained model that fits the digits task, and its integer network."""
    folder = tmp_path_factory.mktemp("digits")
    source = random_float_network(inputs=1, neurons=(12,), outputs=10, encoding=Encoding(16, 16))
    save_float_network(replace(source, task="digits"), folder / "model.safetensors")
    output = run("quantize", folder / "model.safetensors", "--out", folder / "net.nir", "--json", folder / "loss.json")
    assert "neurons that break the certificate" in output
    return folder


def test_quantize_writes_the_network_and_says_what_was_lost(digits):
    network = load_network(digits / "net.nir")
    assert network.task == "digits"
    loss = json.loads((digits / "loss.json").read_text())["layers"][0]
    assert loss["violations"] == loss["firing_after_silence"] == 0
    assert loss["integer_radius"] < 1
    assert loss["state_fraction"] == network.layers[0].state_fraction


def test_quantize_refuses_a_baseline_that_breaks_the_certificate(digits, tmp_path):
    baseline = ("quantize", digits / "model.safetensors", "--scheme", "lava", "--coefficient-bits", "5")
    assert "break the stability certificate" in run(*baseline, "--out", tmp_path / "x.nir", status=2)
    assert not list(tmp_path.iterdir())
    assert "UncertifiedNetwork" in run(*baseline, "--unsafe")
    assert "Give one of the two" in run(*baseline, "--unsafe", "--out", tmp_path / "x.nir", status=2)
    assert "Give one of the two" in run(*baseline, status=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--weight-bits", "1"), "weight_bits: 1 is outside 2..16"),
        (("--coefficient-bits", "99"), "coefficient_bits: 99 is outside 4..16"),
        (("--calibrate", "nothing"), "task 'nothing' is unknown; there are:"),
        (("--calibrate", "ecg"), "task 'ecg' has 4 inputs, the network (made for 'digits') has 1"),
    ],
)
def test_quantize_refuses_bad_options(digits, tmp_path, options, message):
    output = run("quantize", digits / "model.safetensors", "--out", tmp_path / "x.nir", *options, status=2)
    assert message in " ".join(output.split())


def test_evaluate_takes_float_and_integer_networks(digits):
    results = {}
    for name in ("model.safetensors", "net.nir"):
        run("evaluate", digits / name, "--task", "digits", "--samples", "50", "--json", digits / "result.json")
        results[name] = json.loads((digits / "result.json").read_text())
    assert results["model.safetensors"]["kind"] == "float"
    assert results["model.safetensors"]["backend"] == load_float_backend(None).name
    assert results["net.nir"]["backend"] == load_backend(None).name
    assert results["model.safetensors"]["synaptic_operations"] is None
    assert results["net.nir"]["synaptic_operations"] > 12 * results["net.nir"]["spikes"]
    before, after = (result["spikes"] for result in results.values())
    assert abs(after - before) < 0.1 * before
    assert "50000 asked for" in run("evaluate", digits / "net.nir", "--task", "digits", "--samples", "50000", status=2)


def test_simulate_keeps_the_trace(digits):
    command = ("simulate", digits / "net.nir", "--task", "digits", "--samples", "3", "--out", digits / "trace.npz")
    assert "3 samples, 64 steps" in run(*command)
    trace = Trace.load(digits / "trace.npz")
    assert sorted(trace.layers[0].states) == ["q", "u", "v"]
    assert trace.readout.shape == (64, 3, 10)
    run(*command, "--spikes-only", "--backend", "torch")
    lean = Trace.load(digits / "trace.npz")
    assert lean.layers[0].states == {}
    np.testing.assert_array_equal(lean.layers[0].spikes, trace.layers[0].spikes)


def test_verify_writes_the_documented_keys(digits):
    files = (digits / "model.safetensors", digits / "net.nir")
    output = run(
        "verify", *files, "--samples", "40", "--backends", "torch", "--jitter-runs", "1", "--json", digits / "v.json"
    )
    assert "PASSED" in output
    verdict = json.loads((digits / "v.json").read_text())
    assert verdict["backends"]["torch"]["status"] == "equal"
    assert verdict["passed"] is True
    for group, keys in {
        "accuracy": ("float", "integer"),
        "spikes": ("float", "integer"),
        "certificate": ("violations",),
        "silence": ("firing",),
        "shadow": ("fraction", "max_margin"),
    }.items():
        assert set(keys) <= set(verdict[group])


def test_verify_fails_when_the_network_is_another_one(digits, tmp_path):
    other = random_float_network(seed=9, inputs=1, neurons=(12,), outputs=10, encoding=Encoding(16, 16))
    save_float_network(replace(other, task="digits"), tmp_path / "other.safetensors")
    command = ("--samples", "20", "--backends", "torch", "--jitter-runs", "0", "--json", tmp_path / "v.json")
    assert "FAILED" in run("verify", tmp_path / "other.safetensors", digits / "net.nir", *command, status=1)
    verdict = json.loads((tmp_path / "v.json").read_text())
    assert verdict["passed"] is False
    assert [gate["id"] for gate in verdict["gates"] if gate["kind"] == "hard" and not gate["holds"]] == ["E0"]
    wider = random_float_network(inputs=1, neurons=(13,), outputs=10, encoding=Encoding(16, 16))
    save_float_network(replace(wider, task="digits"), tmp_path / "wider.safetensors")
    output = run("verify", tmp_path / "wider.safetensors", digits / "net.nir", *command, status=2)
    assert "the model has widths [1, 13, 10], the integer network [1, 12, 10]" in output


def test_verify_refuses_what_it_cannot_compare(digits):
    files = (digits / "model.safetensors", digits / "net.nir")
    assert "backend 'quantum' is unknown; there are: c, c-qemu, fast" in run(
        "verify", *files, "--backends", "quantum", status=2
    )
    assert "MODEL and NET are needed" in run("verify", files[0], status=2)
    assert "no such file" in run("verify", files[0], digits / "absent.nir", status=2)
    assert "not a folder kept by" in run("verify", "--case", digits, status=2)


def test_models_survive_files(digits):
    network = load_float_network(digits / "model.safetensors")
    save_float_network(network, digits / "again.safetensors")
    assert (digits / "again.safetensors").read_bytes() == (digits / "model.safetensors").read_bytes()
