"""Recipes: the shipped ones, and a teaching error for everything that can be wrong in one."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.quantization import QuantizationConfig
from brf_deploy.task import task_names
from brf_training import ALIF, BRF, load_recipe
from brf_training.budget import Budget
from brf_training.initial import Normal, Uniform
from brf_training.objective import Loss, Objective
from brf_training.overrides import Overrides
from brf_training.pruning import Pruning
from brf_training.recipe import TrainedNetwork, differences
from brf_training.recipe_file import GENERAL, parse_recipe, recipe_of_task, recipe_text, shipped_recipes

GOOD = """
task = "ecg"
seed = 3

[neuron]
kind = "brf"
dt = 0.004
omega = { uniform = [3, 5] }

[network]
layers = [36, 20]
tau = { normal = [20, 1] }

[training]
loss = "every_step_sum"
epochs = 400
batch_size = 16
learning_rate = 0.1
skip_steps = 10
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_recipe_is_read_with_its_defaults(tmp_path):
    recipe = load_recipe(written(tmp_path, GOOD))
    assert (recipe.task, recipe.seed, recipe.network.layers) == ("ecg", 3, (36, 20))
    assert recipe.network.neuron == BRF(dt=0.004)
    assert recipe.network.initial == {"omega": Uniform(3, 5), "b_offset": BRF.initial["b_offset"]}
    assert (recipe.network.tau, recipe.objective) == (Normal(20, 1), Objective(Loss.EVERY_STEP_SUM, 10))
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (400, 16, 0.1)
    assert (recipe.schedule, recipe.clip_norm, recipe.validation_fraction) == ("linear", None, 0.1)


def test_another_neuron_brings_its_own_keys(tmp_path):
    text = GOOD.replace(
        'kind = "brf"\ndt = 0.004\nomega = { uniform = [3, 5] }',
        'kind = "alif"\nbeta = 2\ntau_adp = { normal = [7, 0.2] }',
    )
    recipe = load_recipe(written(tmp_path, text))
    assert recipe.network.neuron == ALIF(beta=2)
    assert recipe.network.initial["tau_adp"] == Normal(7, 0.2)


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name != GENERAL])
def test_shipped_recipes_are_valid_and_of_a_task_that_exists(name):
    recipe = load_recipe(name)
    assert recipe.task in task_names()
    assert name == recipe.task or name.startswith(f"{recipe.task}-")


def test_a_task_without_a_recipe_takes_the_general_one():
    assert recipe_of_task("digits") == load_recipe("digits")
    assert list(differences(load_recipe(GENERAL), recipe_of_task("my.npz"))) == ["task: own, my.npz"]


@pytest.mark.parametrize("task", ["ecg", "smnist", "psmnist", "shd"])
def test_each_task_of_the_paper_has_its_neurons_and_a_first_look_at_each(task):
    kinds = {"": "brf", "-rf": "rf", "-alif": "alif", "-quick": "brf", "-rf-quick": "rf", "-alif-quick": "alif"}
    assert {suffix: load_recipe(f"{task}{suffix}").network.neuron.kind for suffix in kinds} == kinds


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name.endswith("-quick")])
def test_a_first_look_is_at_a_shipped_recipe_and_asks_for_less(name):
    quick, full = load_recipe(name), load_recipe(name.removesuffix("-quick"))
    assert (quick.task, quick.objective) == (full.task, full.objective)
    assert type(quick.network.neuron) is type(full.network.neuron)
    assert quick.network.initial == full.network.initial
    assert quick.epochs < full.epochs
    assert quick.network.layers <= full.network.layers


def test_every_task_that_takes_hours_has_a_first_look():
    hours = {"ecg", "smnist", "psmnist", "shd", "ssc", "gsc"}
    assert {load_recipe(name).task for name in shipped_recipes() if name.endswith("-quick")} == hours


def fitted(name, tmp_path):
    """Recipes with every table there is."""
    if name in shipped_recipes():
        return load_recipe(name)
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"content")
    trained = TrainedNetwork(Path(model), sha256(b"content").hexdigest())
    return replace(
        load_recipe("ecg-alif"), network=trained, slow_share=0.1, precision="float64", patience=3, samples=100,
        quantization=QuantizationConfig(3, 10, 20), budget=Budget("synops", 1e5), pruning=Pruning(0.25, 0.1, 0.6),
    )  # fmt: skip


@pytest.mark.parametrize("name", [*shipped_recipes(), "everything"])
def test_a_recipe_written_is_the_same_when_read(tmp_path, name):
    recipe = fitted(name, tmp_path)
    assert list(differences(recipe, parse_recipe(recipe_text(recipe), name))) == []
    assert parse_recipe(recipe_text(recipe), name) == recipe


def test_differences_name_the_values_that_differ():
    old = load_recipe("ecg")
    new = replace(old, seed=4, network=replace(old.network, neuron=BRF(dt=0.02)))
    assert list(differences(old, new)) == ["seed: 0, 4", "network.neuron.dt: 0.01, 0.02"]


@pytest.mark.parametrize(("tail", "message"), [
    ('precision = "bf16"', "precision = 'bf16' found, expected one of float32, float64: with weights or states of "
     "fewer bits a neuron near threshold fires at other steps"),
    ("truncate_steps = 0", "truncate_steps = 0 found, expected an integer in 1.."),
    ("[early_stop]\npatience = 0", "early_stop.patience = 0 found"),
    ("[early_stop]\n", "key 'early_stop.patience' is missing"),
    ("[quantization]\nweight_bits = 4", "quantization of a network with random values.*name that with --from"),
    ("[quantization]\nweight_bits = 1", "quantization: weight_bits.* 1 "),
    ("[quantization]\nscheme = 3", "key 'quantization.scheme' is unknown"),
    ("[budget]\nspikes = 0", "budget: 0 spikes a sample found, a positive number needed"),
    ("[budget]\nspikes = 10\nsynops = 3", "budget.spikes = .* found, expected either spikes = N or synops = N"),
    ("[budget]\n", "budget.spikes = .* found, expected either spikes = N or synops = N"),
    ("truncate_steps = 50\n[budget]\nspikes = 10", "a budget together with truncate_steps = 50"),
    ("[pruning]\nkeep = 0", "pruning: keep = 0 found"),
    ("[pruning]\nkeep = 0.5\nstart = 0.9\nend = 0.1", "pruning: start = 0.9, end = 0.1 found"),
])  # fmt: skip
def test_what_a_network_is_to_fit_is_checked(tmp_path, tail, message):
    with pytest.raises(InvalidFile, match=f"recipe '.*mine.toml': .*{message}"):
        load_recipe(written(tmp_path, f"{GOOD}{tail}\n"))


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, {}),
    ({"epochs": 3, "seed": 9, "learning_rate": 0.5, "batch_size": 7, "patience": 2},
     {"epochs": 3, "seed": 9, "learning_rate": 0.5, "batch_size": 7, "patience": 2}),
    ({"weight_bits": 4}, {"quantization": QuantizationConfig(4)}),
    ({"state_bits": 20, "coefficient_bits": 9}, {"quantization": QuantizationConfig(8, 9, 20)}),
    ({"spike_budget": 10.0}, {"budget": Budget("spikes", 10)}),
    ({"synop_budget": 10.0, "keep": 0.5}, {"budget": Budget("synops", 10), "pruning": Pruning(0.5)}),
])  # fmt: skip
def test_overrides_stand_in_place_of_the_recipe_s_values(changes, expected):
    recipe = replace(load_recipe("ecg"), network=TrainedNetwork(Path("model"), ""))
    assert Overrides(**changes).apply(recipe) == replace(recipe, **expected)


def test_two_budgets_are_refused():
    with pytest.raises(InvalidInput, match="give --spike-budget or --synop-budget"):
        Overrides(spike_budget=3, synop_budget=4)


def test_the_ecg_recipe_holds_the_published_settings():
    recipe = load_recipe("ecg")
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.network.layers) == (400, 16, 0.1, (36,))
    initial = {"omega": Uniform(3, 5), "b_offset": Uniform(0.1, 1)}
    assert (recipe.network.initial, recipe.network.tau) == (initial, Normal(20, 1))


@pytest.mark.parametrize(("old", "new", "message"), [
    ('task = "ecg"', "", "key 'task' is missing"),
    ('task = "ecg"', "task = 5", "task = 5 found, expected a string"),
    ("seed = 3", "seed = -1", "seed = -1 found, expected an integer in 0.."),
    ("seed = 3", "sead = 3", "key 'sead' is unknown; known here: training, network, neuron, task, description"),
    ("[network]", "[nets]", "key 'network' is missing"),
    ("epochs = 400", "epochs = 4.5", "training.epochs = 4.5 found, expected an integer in 1..1000000"),
    ("epochs = 400", "epochs = true", "training.epochs = True found, expected an integer"),
    ("epochs = 400", "epochs = 400\nmomentum = 1", "key 'training.momentum' is unknown; known here: loss, epochs"),
    ("learning_rate = 0.1", "learning_rate = 100", "learning_rate = 100 found, expected a number in 1e-09..10"),
    ("learning_rate = 0.1", "learning_rate = nan", "training.learning_rate = nan found, expected a number"),
    ("learning_rate = 0.1", "learning_rate = 0.1\nclip_norm = -1", "training.clip_norm = -1 found"),
    ('"every_step_sum"', '"first"', "training.loss = 'first' found, expected one of last_step, every_step_sum"),
    ("batch_size = 16", "schedule = 3\nbatch_size = 16", "schedule = 3 found, expected one of linear, constant"),
    ("layers = [36, 20]", "layers = []", r"network.layers = \[\] found, expected a list of integers in 1..65536"),
    ("layers = [36, 20]", "layers = [0]", r"network.layers = \[0\] found"),
    ('kind = "brf"', 'kind = "hodgkin"', "neuron.kind = 'hodgkin' found, expected one of brf, rf, "),
    ("dt = 0.004", "dt = 0.004\nbeta = 1", "key 'neuron.beta' is unknown; known here: kind, dt, theta, gamma, omega"),
    ("dt = 0.004", "dt = 0", "neuron: .*dt: 0.0 found, a positive number needed"),
    ("dt = 0.004", "dt = 0.3", r"neuron: .*dt \* omega = 1.5 exceeds 1"),
    ("{ uniform = [3, 5] }", "{ uniform = [5, 3] }", "neuron.omega: uniform .* first bound exceeds the second"),
    ("{ uniform = [3, 5] }", "{ uniform = [5] }", r"omega.uniform = \[5\] found, expected a list of two numbers"),
    ("{ uniform = [3, 5] }", "{ even = [3, 5] }", "neuron.omega = .* found, expected { uniform = "),
    ("{ uniform = [3, 5] }", "[3, 5]", r"neuron.omega = \[3, 5\] found, expected a table"),
    ("{ uniform = [3, 5] }", "{ uniform = [3, 5], step = 1 }", "key 'neuron.omega.step' is unknown"),
    ("{ normal = [20, 1] }", "{ normal = [0, 0] }",
     r"network.tau = {'normal': \[0.0, 0.0\]} found, expected time constants other than 0"),
    ("{ normal = [20, 1] }", "{ uniform = [0, 0] }", r"network.tau = {'uniform': \[0.0, 0.0\]} found"),
    ('kind = "brf"\ndt = 0.004\nomega = { uniform = [3, 5] }', 'kind = "lif"\ntau_mem = { normal = [0, 1e-30] }',
     "neuron.tau_mem = .* found, expected time constants other than 0"),
    ("seed = 3", "seed = ", "not a readable TOML file"),
])  # fmt: skip
def test_a_wrong_recipe_names_file_key_and_remedy(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(InvalidFile, match=f"recipe '.*mine.toml': .*{message}"):
        load_recipe(written(tmp_path, GOOD.replace(old, new)))


def test_all_time_constants_may_be_the_same(tmp_path):
    recipe = load_recipe(written(tmp_path, GOOD.replace("[20, 1]", "[20, 0]")))
    assert recipe.network.tau == Normal(20, 0)


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(InvalidFile, match=r"recipe 'none\.toml': no such file"):
        load_recipe("none.toml")
    with pytest.raises(
        InvalidInput, match="recipe 'mnist': none of that name is shipped, there are digits, ecg, ecg-alif, "
    ):
        load_recipe("mnist")


def test_a_recipe_that_is_not_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidFile, match="not a readable TOML file"):
        load_recipe(str(path))
