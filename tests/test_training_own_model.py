"""A model of one's own that is made of the package's layers: it trains and deploys as one from a recipe does."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from torch import nn
from training_tasks import TONES, tones_recipe

from brf_deploy.cli import main
from brf_deploy.errors import InvalidNetwork, Unsupported
from brf_deploy.float_file import load_float_network
from brf_deploy.float_reference import run_float
from brf_deploy.quantization import QuantizationConfig, measure_ranges, quantize
from brf_deploy.reference import REFERENCE
from brf_deploy.task import correct
from brf_training import (
    ALIF,
    BHRF,
    BRF,
    LIF,
    RF,
    LeakyReadout,
    Objective,
    RecurrentLayer,
    RecurrentNetwork,
    load_recipe,
    network_of,
    to_float_network,
    train_network,
)
from brf_training.initial import Uniform
from brf_training.objective import Loss
from brf_training.recipe import TrainedNetwork
from brf_training.tasks.digits import DIGITS
from brf_training.train import Conduct, recipe_of_run

INITIAL = {"omega": Uniform(20, 90), "b_offset": Uniform(0.1, 1)}


def layer(neuron, inputs, neurons, seed, **options):
    return RecurrentLayer.create(neuron, inputs, neurons, generator=torch.Generator().manual_seed(seed), **options)


def readout(neurons, classes=2):
    return LeakyReadout.create(neurons, classes, generator=torch.Generator().manual_seed(9))


class Mine(nn.Module):
    """Two layers of different neurons, the parts not in order and a dropout between them."""

    def __init__(self):
        super().__init__()
        self.first = layer(BRF(), 1, 10, 1, initial=INITIAL, name="first")
        self.out = readout(6)
        self.rest = nn.ModuleDict({
            "second": layer(BRF(), 10, 6, 2, initial=INITIAL, recurrent=False, name="second"),
            "dropout": nn.Dropout(0.5),
        })  # fmt: skip

    def forward(self, inputs):
        return self.out(self.rest["second"](self.rest["dropout"](self.first(inputs))))


def test_it_is_trained_saved_resumed_and_deployed(tmp_path):
    torch.manual_seed(1)
    model, recipe = Mine(), tones_recipe(epochs=4)
    before = [parameter.clone() for parameter in model.parameters()]
    whole = train_network(recipe, TONES, None, tmp_path / "whole", model=model)
    assert all(map(torch.equal, before, model.parameters()))  # it is read, not changed
    assert whole.test_layer_spikes.keys() == {"first", "second"}
    first = train_network(recipe, TONES, None, tmp_path / "a", conduct=Conduct(time_limit=1e-6), model=model)
    assert first.epochs_run == 1
    moved = (tmp_path / "a").rename(tmp_path / "parts")
    done = train_network(recipe_of_run(moved), TONES, None, moved, conduct=Conduct(resume=True))
    assert replace(done, seconds=0) == replace(whole, seconds=0)
    assert (moved / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    few = tones_recipe(network=TrainedNetwork.at(moved / "model.safetensors"), quantization=QuantizationConfig(4),
                       epochs=1, learning_rate=0.05)  # fmt: skip
    assert train_network(few, TONES, None, tmp_path / "integer").integer.weight_bits == 4


def test_resuming_takes_the_model_that_the_run_started_from(tmp_path):
    recipe = tones_recipe(epochs=3)
    whole = train_network(recipe, TONES, None, tmp_path / "whole", model=Mine())
    train_network(recipe, TONES, None, tmp_path / "run", conduct=Conduct(time_limit=1e-6), model=Mine())
    other = nn.Sequential(layer(RF(), 1, 3, 5), readout(3))
    done = train_network(recipe, TONES, None, tmp_path / "run", conduct=Conduct(resume=True), model=other)
    assert replace(done, seconds=0) == replace(whole, seconds=0)


def test_a_loop_of_one_s_own_trains_what_is_deployed(tmp_path):
    model = nn.Sequential(layer(BRF(), 1, 12, 3, initial=INITIAL), readout(12))
    chain, objective = network_of(model), Objective(Loss.LAST_STEP)
    optimizer = torch.optim.Adam(model.parameters(), 1.0)
    samples, test = TONES.load("train"), TONES.load("test")
    inputs, labels = torch.from_numpy(samples.messages).float(), torch.from_numpy(samples.labels)
    for _ in range(60):
        optimizer.zero_grad()
        objective(model(inputs), labels).backward()
        optimizer.step()
        chain.project()
    network = to_float_network(model, TONES.name, TONES.encoding)
    accuracy = correct(run_float(network, test.messages).readout, test.labels, TONES.decision).mean()
    integer = quantize(network, QuantizationConfig(), measure_ranges(network, samples.messages))
    deployed = correct(REFERENCE.run(integer, test.messages).readout, test.labels, TONES.decision).mean()
    assert accuracy > 0.85
    assert deployed == pytest.approx(accuracy, abs=0.05)  # a few of 120 records


@pytest.mark.parametrize("kind", [BRF, RF, ALIF, LIF, BHRF])
def test_chains_of_every_neuron_are_known_in_whatever_holds_them(kind):
    parts = [layer(kind(), 3, 20, 1, name="a"), layer(kind(), 20, 10, 2, name="b"), readout(10)]
    chain = network_of(nn.Sequential(nn.Sequential(parts[0], nn.Identity()), *parts[1:]))
    assert [part.name for part in chain.chain] == ["a", "b"]
    assert chain.chain[1] is parts[1]
    assert network_of(chain) is chain
    assert network_of(nn.Sequential(chain)).chain[0] is parts[0]


FIRST, SECOND, OUT = layer(BRF(), 3, 8, 1, name="a"), layer(BRF(), 8, 8, 2, name="b"), readout(8)


class Forward(nn.Module):
    """The three parts, with a forward pass of one's own."""

    def __init__(self, forward):
        super().__init__()
        self.a, self.b, self.out = FIRST, SECOND, OUT
        self.run = forward

    def forward(self, inputs):
        return self.run(self, inputs)


@pytest.mark.parametrize(("model", "error", "message"), [
    (nn.Linear(2, 2), InvalidNetwork, "Linear: 0 RecurrentLayer and 0 LeakyReadout found"),
    (nn.Sequential(FIRST, SECOND), InvalidNetwork, "2 RecurrentLayer and 0 LeakyReadout found"),
    (nn.Sequential(FIRST, OUT, nn.Linear(2, 2)), Unsupported, "'2.weight' is a parameter outside"),
    (nn.Sequential(SECOND, FIRST, OUT), InvalidNetwork, r"layer 'a' input_weight: shape \(8, 3\)"),
    (nn.Sequential(FIRST, layer(BRF(), 8, 8, 3, name="a"), OUT), InvalidNetwork, "named a, a; each needs a name"),
    (nn.Sequential(FIRST, nn.Flatten(), OUT), Unsupported, "does not take inputs of shape"),
    (Forward(lambda m, x: m.out(m.b(m.a(x)) * 0.5)), Unsupported, r"differs from that of its layers .*\(a, b, readout"),
    (Forward(lambda m, x: m.out(m.a(x) + m.b(m.a(x)))), Unsupported, "nothing between the layers, around them or past"),
    (Forward(lambda m, x: m.out(m.b(m.b(m.a(x))))), Unsupported, "differs from"),
    (Forward(lambda m, x: m.out(m.a(x))), Unsupported, "differs from"),
    (Forward(lambda m, x: m.out(m.b(m.a(x)))[-1]), Unsupported, r"gives a tensor \(3, 2\), where the readout"),
    (Forward(lambda m, x: (m.out(m.b(m.a(x))),)), Unsupported, "gives a tuple; let it return the tensor"),
])  # fmt: skip
def test_what_is_no_chain_is_refused_with_the_reason(model, error, message):
    with pytest.raises(error, match=message):
        to_float_network(model, "tones", TONES.encoding)


def test_a_network_whose_layers_are_silent_is_compared_all_the_same():
    faint = RecurrentNetwork([layer(BRF(), 3, 8, 1)], readout(8))
    with torch.no_grad():
        for parameter in faint.parameters():
            parameter *= 0.02

    class Half(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = faint

        def forward(self, inputs):
            return self.inner(inputs).readout / 2

    with pytest.raises(Unsupported, match="differs from"):
        network_of(Half())


def test_the_command_resumes_a_run_of_one_s_own_model(tmp_path):
    model = nn.Sequential(layer(BRF(), DIGITS.inputs, 12, 1, initial=INITIAL), readout(12, DIGITS.classes))
    recipe = replace(load_recipe("digits"), epochs=2)
    train_network(recipe, DIGITS, None, tmp_path, conduct=Conduct(time_limit=1e-6), model=model)
    result = CliRunner().invoke(main, ["train", "--resume", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "summary.json").read_text())["epochs_run"] == 2


def test_the_examples_of_the_page_run(tmp_path, monkeypatch):
    page = Path(__file__).resolve().parents[1] / "docs" / "own-data-and-models.md"
    section = page.read_text("utf-8").split("## A model of your own")[1]
    shorter = {'load_recipe("digits")': '__import__("dataclasses").replace(load_recipe("digits"), epochs=1)',
               "range(20)": "range(1)"}  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for code in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
        (found,) = [text for text in shorter if text in code]
        exec(code.replace(found, shorter[found]), {"__name__": "page"})  # noqa: S102 - our own page
    for model in ("mine/model.safetensors", "loop.safetensors"):
        assert load_float_network(Path(model)).task == "digits"
