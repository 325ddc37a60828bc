"""Published checkpoints: their figures, and a teaching error for everything that is not one."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from brf_deploy.cli import main
from brf_deploy.errors import InvalidFile, InvalidInput, InvalidNetwork
from brf_deploy.float_file import load_float_network
from brf_training import Loss, Objective, evaluate, from_float_network, read_published
from brf_training.tasks.ecg import ECG
from brf_training.tasks.mnist import PSMNIST, SMNIST

NEURONS = 5


def state(neuron="brf", **changes):
    raw = {"alif": ("tau_mem", "tau_adp")}.get(neuron, ("omega", "b_offset"))
    generator = torch.Generator().manual_seed(0)
    values = {f"hidden.{name}": torch.randn(NEURONS, generator=generator) for name in raw}
    values["hidden.linear.weight"] = torch.randn(NEURONS, 4 + NEURONS, generator=generator)
    values["out.tau_mem"] = torch.full((6,), 20.0)
    values["out.linear.weight"] = torch.randn(6, NEURONS, generator=generator)
    values |= {key.replace("__", "."): value for key, value in changes.items()}
    return {key: value for key, value in values.items() if value is not None}


def saved(tmp_path, values, name="checkpoint.pt"):
    torch.save({"epoch": 1, "model_state_dict": values, "optimizer_state_dict": {}, "loss": 0.5}, tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize(("neuron", "skip_steps"), [("brf", 0), ("rf", 0), ("alif", 10)])
def test_a_checkpoint_becomes_a_float_network(tmp_path, neuron, skip_steps):
    values = state(neuron)
    network = read_published(saved(tmp_path, values), neuron, ECG)
    (layer,) = network.layers
    assert (network.task, network.skip_steps, layer.name, layer.neurons.kind) == ("ecg", skip_steps, "hidden", neuron)
    weight = values["hidden.linear.weight"].numpy()
    assert np.array_equal(layer.input_weight, weight[:, :4])
    assert np.array_equal(layer.recurrent_weight, weight[:, 4:])
    first = next(key for key in values if key.startswith("hidden."))
    assert np.array_equal(getattr(layer.neurons, first.removeprefix("hidden.")), np.abs(values[first].numpy()))
    assert np.array_equal(network.readout.weight, values["out.linear.weight"].numpy())


def test_a_mask_is_multiplied_into_the_weights(tmp_path):
    mask = torch.ones(NEURONS, 4 + NEURONS)
    mask[1, 2] = mask[3, 6] = 0
    values = state(hidden__linear__mask=mask)
    (layer,) = read_published(saved(tmp_path, values), "brf", ECG).layers
    assert (layer.input_weight[1, 2], layer.recurrent_weight[3, 2]) == (0, 0)
    assert np.array_equal(layer.input_weight[0], values["hidden.linear.weight"][0, :4].numpy())


NAN = torch.ones(NEURONS, 4 + NEURONS)
NAN[2, 1] = torch.nan


@pytest.mark.parametrize(("values", "neuron", "error", "message"), [
    (state(), "alif", InvalidFile,
     "alif neurons needs hidden.tau_adp, hidden.tau_mem, not found; its keys are those of: --neuron brf or rf or bhrf"),
    (state("alif"), "brf", InvalidFile, "hidden.b_offset, hidden.omega, not found; .* --neuron alif"),
    (state(out__tau_mem=None), "brf", InvalidFile, "brf neurons needs out.tau_mem, not found"),
    (state(hidden__linear__bias=torch.ones(5)), "brf", InvalidFile,
     "hidden.linear.bias found, which a published network of brf neurons does not have"),
    (state(hidden__linear__weight=NAN), "brf", InvalidNetwork,
     r"layer 'hidden' input_weight: 1 of 20 values are NaN or infinite, the first at \[2, 1\]"),
    (state(hidden__omega=torch.full((5,), 120.0)), "brf", InvalidNetwork, r"neuron 0: dt \* omega = 1.2 exceeds 1"),
    (state(hidden__linear__mask=torch.ones(5, 4)), "brf", InvalidFile,
     r"hidden.linear.mask \(5, 4\) does not fit hidden.linear.weight \(5, 9\)"),
    (state(hidden__linear__weight=torch.ones(5, 6)), "brf", InvalidFile,
     r"hidden.linear.weight has shape \(5, 6\), expected \(5, 9\) for 5 neurons on task 'ecg' \(4 inputs, 6 classes\)"),
    (state(hidden__linear__weight=torch.ones(5)), "brf", InvalidFile, r"hidden.linear.weight has shape \(5,\)"),
    (state(hidden__omega=torch.ones(4)), "brf", InvalidFile, r"hidden.omega has shape \(4,\), expected \(5,\)"),
    (state(out__linear__weight=torch.ones(10, 5)), "brf", InvalidFile, r"out.linear.weight has shape \(10, 5\)"),
    (state(), "hodgkin", InvalidInput, "neuron 'hodgkin' is unknown; there are: brf, rf, bhrf, lif, alif"),
])  # fmt: skip
def test_a_checkpoint_that_does_not_fit_says_what_and_where(tmp_path, values, neuron, error, message):
    with pytest.raises(error, match=message) as raised:
        read_published(saved(tmp_path, values), neuron, ECG)
    assert neuron == "hodgkin" or "checkpoint.pt" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 broken", b"\x80\x02c__main__\nEvil\n."])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match=r"checkpoint '.*model\.pt': not a (readable )?torch file"):
        read_published(path, "brf", ECG)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = saved(tmp_path, state())
    whole = path.read_bytes()
    for length in range(0, len(whole), 211):
        path.write_bytes(whole[:length])
        with pytest.raises(InvalidFile, match=r"checkpoint\.pt'"):
            read_published(path, "brf", ECG)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    torch.save({"model_state_dict": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(InvalidFile, match=r"not a (readable )?torch file"):
        read_published(tmp_path / "evil.pt", "brf", ECG)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [[1, 2], {"weights": 1}, {"model_state_dict": {"a": 5}}, torch.ones(3)])
def test_another_torch_file_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InvalidFile, match=r"no 'model_state_dict' of tensors in it.*need no import"):
        read_published(tmp_path / "other.pt", "brf", ECG)


def test_a_checkpoint_that_is_not_there(tmp_path):
    with pytest.raises(InvalidFile, match="no such file"):
        read_published(tmp_path / "none.pt", "brf", ECG)


def mnist_state():
    return state(
        hidden__linear__weight=torch.ones(NEURONS, 1 + NEURONS),
        out__tau_mem=torch.ones(10),
        out__linear__weight=torch.ones(10, NEURONS),
    )


def test_a_permutation_goes_into_the_encoding(tmp_path):
    order = torch.randperm(784, generator=torch.Generator().manual_seed(5))
    torch.save(order, tmp_path / "order.pt")
    network = read_published(saved(tmp_path, mnist_state()), "rf", PSMNIST, tmp_path / "order.pt")
    assert np.array_equal(network.encoding.permutation, order.numpy())
    assert (network.encoding.maximum, network.encoding.full_scale) == (255, 255)


@pytest.mark.parametrize(("order", "message"), [
    (torch.arange(783), r"torch.int64 \(783,\) found, expected a tensor of int64 \(784,\)"),
    (torch.arange(784.0), r"torch.float32 \(784,\) found"),
    ([1, 2], "list found"),
    (torch.zeros(784, dtype=torch.int64), "encoding permutation: 784 entries that are not each of 0..783 once"),
])  # fmt: skip
def test_an_ill_formed_permutation_is_refused(tmp_path, order, message):
    torch.save(order, tmp_path / "order.pt")
    with pytest.raises(InvalidFile, match=rf"permutation '.*order\.pt': {message}"):
        read_published(saved(tmp_path, mnist_state()), "brf", PSMNIST, tmp_path / "order.pt")


def test_a_permutation_must_be_there_exactly_where_the_task_has_one(tmp_path):
    path = saved(tmp_path, mnist_state())
    with pytest.raises(InvalidInput, match=r"task 'psmnist': .*with --permutation FILE"):
        read_published(path, "brf", PSMNIST)
    with pytest.raises(InvalidInput, match="task 'smnist' runs in natural order; leave it out"):
        read_published(path, "brf", SMNIST, path)


def invoke(*arguments):
    return CliRunner().invoke(main, ["import", *map(str, arguments)])


def test_the_command_writes_a_model(tmp_path):
    checkpoint, out = saved(tmp_path, state()), tmp_path / "model.safetensors"
    result = invoke(checkpoint, "--neuron", "brf", "--task", "ecg", "--out", out)
    assert result.exit_code == 0, result.output
    assert "hidden: 4 -> 5 brf, recurrent" in result.output
    network = load_float_network(out)
    assert network.task == "ecg"
    assert network.notes == {"source": "published checkpoint checkpoint.pt"}


def test_the_command_overwrites_only_when_told(tmp_path):
    checkpoint, out = saved(tmp_path, state()), tmp_path / "model.safetensors"
    out.write_bytes(b"precious")
    arguments = (checkpoint, "--neuron", "brf", "--task", "ecg", "--out", out)
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert "exists; choose another --out, or overwrite it with --force" in result.output
    assert out.read_bytes() == b"precious"
    assert invoke(*arguments, "--force").exit_code == 0
    assert load_float_network(out).task == "ecg"


def test_the_command_explains_the_wrong_neuron_without_a_traceback(tmp_path):
    result = invoke(saved(tmp_path, state()), "--neuron", "alif", "--task", "ecg", "--out", tmp_path / "model")
    assert result.exit_code == 2
    assert "--neuron brf or rf or bhrf" in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "model").exists()


def test_help_has_examples():
    result = invoke("--help")
    assert result.exit_code == 0
    assert "brf-deploy import data/checkpoints/ecg_brf.pt --neuron brf" in result.output


def published(data_dir, name, neuron, task):
    path = data_dir / "checkpoints" / f"{name}.pt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return read_published(path, neuron, task)


def measured(network, task, samples):
    objective = Objective(Loss.LAST_STEP, network.skip_steps)
    return evaluate(from_float_network(network), samples, network.encoding, task.decision, objective)


@pytest.mark.parametrize(("neuron", "accuracy", "spikes"), [
    ("brf", 86.2106, 974_811), ("rf", 85.1140, 1_678_934), ("alif", 70.7598, 650_395),
])  # fmt: skip
def test_published_ecg_networks_give_the_published_figures(data_dir, neuron, accuracy, spikes):
    found = measured(published(data_dir, f"ecg_{neuron}", neuron, ECG), ECG, ECG.load("test", data_dir))
    assert 100 * found.accuracy == pytest.approx(accuracy, abs=0.02)  # float32 sums in another order flip a few spikes
    assert 141 * found.spikes_per_sample == pytest.approx(spikes, rel=1e-3)


@pytest.mark.slow
def test_the_published_smnist_network_gives_the_published_figures(data_dir):
    samples = SMNIST.load("test", data_dir).take(slice(0, 1000))
    found = measured(published(data_dir, "smnist_brf", "brf", SMNIST), SMNIST, samples)
    assert round(1000 * found.accuracy) == 991
    assert found.spikes_per_sample == pytest.approx(15_893.88, rel=1e-3)
