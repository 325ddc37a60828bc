"""Backends of float networks: the same run within rounding, which one is chosen, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from float_networks import random_float_network, random_messages
from networks import random_network

import brf_training.float_backend
from brf_deploy import float_backend
from brf_deploy.backend import backend_names, load_backend
from brf_deploy.cli import main
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.evaluation import evaluate_float
from brf_deploy.float_backend import NUMPY, float_backend_names, load_float_backend
from brf_deploy.float_file import save_float_network
from brf_deploy.float_network import BHRFNeurons, LIFNeurons
from brf_deploy.float_reference import run_float
from brf_deploy.network_file import save_network
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Decision, Samples
from brf_training.float_backend import TORCH

NATIVE, NOT_BUILT = (True, "training-any.so"), (False, "it was not built")


def network_of(kind, encoding=None, seed=0):
    """A random network of two layers."""
    like = {"lif": "alif", "bhrf": "brf"}.get(kind, kind)
    source = random_float_network(like, seed, neurons=(12, 9), encoding=encoding)
    layers = []
    for layer in source.layers:
        neurons = layer.neurons
        if kind == "lif":
            neurons = LIFNeurons(neurons.tau_mem)
        if kind == "bhrf":
            neurons = BHRFNeurons(neurons.omega, neurons.b_offset)
        layers.append(replace(layer, neurons=neurons))
    return replace(source, layers=tuple(layers))


def samples_of(network, steps=40, count=7):
    messages = random_messages(network, steps, count)
    return Samples(messages, np.arange(count) % network.outputs)


class Own:
    """A task for a network, with labels per sample."""

    description, decision = "", Decision.MEAN

    def __init__(self, network, **changes):
        self.name, self.encoding = network.task, network.encoding
        self.inputs, self.classes = network.inputs, network.outputs
        vars(self).update(changes)


def assert_near(found, network, samples, dtype):
    trace = run_float(network, samples.messages, dtype)
    spikes = [layer.spikes.sum(axis=0) for layer in trace.layers]
    assert sum(counts.sum() for counts in spikes) > 100
    assert found.readout.dtype == dtype
    for counts, expected in zip(found.spikes, spikes, strict=True):
        assert counts.dtype == np.int64
        np.testing.assert_array_equal(counts, expected)
    np.testing.assert_allclose(found.readout, trace.readout, rtol=0, atol=1e-9 if dtype is np.float64 else 1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["brf", "rf", "alif", "lif", "bhrf"])
@pytest.mark.parametrize("backend", [NUMPY, TORCH], ids=lambda backend: backend.name)
def test_a_backend_runs_what_the_reference_runs(backend, kind, dtype):
    network = network_of(kind)
    samples = samples_of(network)
    assert_near(backend.summarize(network, samples, dtype), network, samples, dtype)


@pytest.mark.parametrize("backend", [NUMPY, TORCH], ids=lambda backend: backend.name)
@pytest.mark.parametrize("permuted", [False, True])
def test_messages_are_presented_by_the_encoding(backend, permuted):
    order = np.random.default_rng(0).permutation(40) if permuted else None
    graded = network_of("rf", Encoding(255, 255, order))
    samples = samples_of(graded)
    assert_near(backend.summarize(graded, samples, np.float64), graded, samples, np.float64)
    binary = network_of("rf", Encoding(1, 2, order))
    samples = samples_of(binary)
    packed = Samples(PackedBits.of(samples.messages), samples.labels)
    assert_near(backend.summarize(binary, packed, np.float64), binary, samples, np.float64)
    with pytest.raises(InvalidInput):
        backend.summarize(graded, Samples(samples.messages[..., :2], samples.labels), np.float64)


def test_without_the_native_library_torch_operators_run(monkeypatch):
    monkeypatch.setattr("brf_training.kernels.native.NativeEngine.obstacle", lambda self, problem: "not here")
    network = network_of("brf")
    samples = samples_of(network)
    assert_near(TORCH.summarize(network, samples, np.float64), network, samples, np.float64)


def test_torch_refuses_a_precision_it_has_no_kernel_for():
    network = network_of("rf")
    with pytest.raises(InvalidInput, match=r"'torch': float16 asked for; it runs float32 and float64"):
        TORCH.summarize(network, samples_of(network), np.float16)


@pytest.mark.parametrize("backend", [NUMPY, TORCH], ids=lambda backend: backend.name)
def test_an_evaluation_in_chunks_is_that_of_all_samples(backend, monkeypatch):
    network = network_of("brf")
    samples = samples_of(network)
    task, heard = Own(network), []
    whole = evaluate_float(network, task, samples, backend, dtype=np.float64)
    singly = lambda samples, words: (samples.take(slice(k, k + 1)) for k in range(samples.count))  # noqa: E731
    monkeypatch.setattr("brf_deploy.evaluation.chunks", singly)
    found = evaluate_float(network, task, samples, backend, heard.append, np.float64)
    assert heard == [1] * 7
    np.testing.assert_array_equal(found.correct, whole.correct)
    np.testing.assert_array_equal(found.confusion, whole.confusion)
    for counts, expected in zip(found.spikes, whole.spikes, strict=True):
        np.testing.assert_array_equal(counts, expected)


def test_float64_networks_run_in_float32_unless_told(monkeypatch):
    seen = []
    monkeypatch.setattr(float_backend, "run_float", lambda *a: seen.append(a[2]) or run_float(*a))
    network = network_of("rf")
    evaluate_float(network, Own(network), samples_of(network))
    assert seen == [np.float32]


def test_what_a_run_keeps():
    network = network_of("rf")
    assert (NUMPY.kept_words(network), TORCH.kept_words(network)) == (12 + 9, 4)


@pytest.mark.parametrize(
    ("found", "broken", "chosen"), [(NATIVE, False, "torch"), (NOT_BUILT, False, "numpy"), (NATIVE, True, "numpy")]
)
def test_the_default_is_torch_where_its_library_is_there_and_it_imports(monkeypatch, found, broken, chosen):
    def load(module):
        if broken:
            raise OSError("libtorch_cpu.so: cannot open shared object file")

    monkeypatch.setattr(brf_training.float_backend, "finding", lambda: found)
    monkeypatch.setattr(brf_training.float_backend, "import_module", load)
    assert load_float_backend(None).name == chosen
    assert load_float_backend("torch") is TORCH
    assert ("training-any.so" in TORCH.availability().detail) == found[0]


def test_without_the_wing_numpy_runs(monkeypatch):
    def absent(kind, name):
        raise Unavailable("backend 'torch' needs the package 'brf_training', which is not installed")

    monkeypatch.setattr(float_backend, "load_declared", absent)
    assert load_float_backend(None) is NUMPY


def test_without_torch_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(brf_training.float_backend, "find_spec", lambda module: None)
    assert load_float_backend(None) is NUMPY
    with pytest.raises(Unavailable, match=r"'torch' is not available: .*pip install 'brf-deploy\[train\]'"):
        load_float_backend("torch")


def test_a_backend_of_the_other_kind_is_refused_with_those_of_this_kind():
    assert float_backend_names() == ["numpy", "torch"]
    with pytest.raises(InvalidInput, match="'fast' runs integer networks; for float networks there are: numpy, torch"):
        load_float_backend("fast")
    with pytest.raises(InvalidInput, match=r"'quantum' is unknown; there are: numpy, torch$"):
        load_float_backend("quantum")
    with pytest.raises(InvalidInput, match="'numpy' runs float networks; for integer networks there are: ") as refusal:
        load_backend("numpy")
    assert all(name in str(refusal.value) for name in backend_names())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A float and an integer network that fit the digits task."""
    folder = tmp_path_factory.mktemp("digits")
    encoding = {"maximum": 16, "full_scale": 16}
    source = random_float_network(inputs=1, neurons=(12,), outputs=10, encoding=Encoding(**encoding))
    save_float_network(replace(source, task="digits"), folder / "model.safetensors")
    network = random_network(inputs=1, neurons=(12,), outputs=10, **encoding)
    save_network(replace(network, task="digits"), folder / "net.nir")
    return folder


def evaluate(path, *arguments):
    command = ["evaluate", str(path), "--task", "digits", "--samples", "20", *map(str, arguments)]
    return CliRunner().invoke(main, command, prog_name="brf-deploy")


@pytest.mark.parametrize(
    ("file", "backend"),
    [("model.safetensors", "numpy"), ("model.safetensors", "torch"), ("net.nir", "torch"), ("net.nir", "reference")],
)
def test_the_command_says_which_backend_ran(files, file, backend):
    result = evaluate(files / file, "--backend", backend, "--json", files / "result.json")
    assert result.exit_code == 0, result.output
    assert f"run by {backend}\n" in result.output
    assert json.loads((files / "result.json").read_text())["backend"] == backend


def test_the_command_takes_the_default_of_each_kind(files):
    for file, *expected in (
        ("model.safetensors", "float", load_float_backend(None).name),
        ("net.nir", "integer", load_backend(None).name),
    ):
        found = json.loads(evaluate(files / file, "--json", "-").stdout)
        assert [found["kind"], found["backend"]] == expected


@pytest.mark.parametrize(
    ("file", "backend", "message"),
    [
        ("model.safetensors", "fast", "'fast' runs integer networks; for float networks there are: numpy, torch"),
        ("net.nir", "numpy", "backend 'numpy' runs float networks; for integer networks there are: c, c-qemu, fast"),
        ("model.safetensors", "quantum", "backend 'quantum' is unknown; there are: numpy, torch"),
    ],
)
def test_the_command_refuses_a_backend_of_the_other_kind(files, file, backend, message):
    result = evaluate(files / file, "--backend", backend)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize(
    ("neuron", "right", "fired"), [("brf", 86.2106, 974_811), ("rf", 85.1140, 1_678_934), ("alif", 70.7598, 650_395)]
)
def test_published_ecg_networks(data_dir, tmp_path, neuron, right, fired, backend):
    checkpoint, model = data_dir / "checkpoints" / f"ecg_{neuron}.pt", tmp_path / "model.safetensors"
    if not checkpoint.is_file():
        pytest.skip(f"{checkpoint} is not there")
    arguments = ["import", checkpoint, "--neuron", neuron, "--task", "ecg", "--out", model]
    assert CliRunner().invoke(main, [str(argument) for argument in arguments]).exit_code == 0
    arguments = ["evaluate", model, "--task", "ecg", "--backend", backend, "--data", data_dir, "--json", "-"]
    found = json.loads(CliRunner().invoke(main, [str(argument) for argument in arguments]).stdout)
    assert found["accuracy"] == pytest.approx(right / 100, abs=1e-6)  # as published, in four digits
    assert found["spikes"] == fired
