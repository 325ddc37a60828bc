"""Recipes: the shipped ones, and a teaching error for everything that can be wrong in one."""

import pytest

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.task import load_task
from brf_training import ALIF, BRF, load_recipe
from brf_training.initial import Normal, Uniform
from brf_training.objective import Loss, Objective
from brf_training.recipe import shipped_recipes

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
    assert (recipe.task, recipe.seed, recipe.layers) == ("ecg", 3, (36, 20))
    assert recipe.neuron == BRF(dt=0.004)
    assert recipe.initial == {"omega": Uniform(3, 5), "b_offset": BRF.initial["b_offset"]}
    assert (recipe.tau, recipe.objective) == (Normal(20, 1), Objective(Loss.EVERY_STEP_SUM, 10))
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate) == (400, 16, 0.1)
    assert (recipe.schedule, recipe.clip_norm, recipe.validation_fraction) == ("linear", None, 0.1)


def test_another_neuron_brings_its_own_keys(tmp_path):
    text = GOOD.replace(
        'kind = "brf"\ndt = 0.004\nomega = { uniform = [3, 5] }',
        'kind = "alif"\nbeta = 2\ntau_adp = { normal = [7, 0.2] }',
    )
    recipe = load_recipe(written(tmp_path, text))
    assert recipe.neuron == ALIF(beta=2)
    assert recipe.initial["tau_adp"] == Normal(7, 0.2)


@pytest.mark.parametrize("name", ["digits", "ecg", "ecg-quick"])
def test_shipped_recipes_are_valid_and_fit_their_task(name):
    assert name in shipped_recipes()
    recipe = load_recipe(name)
    assert load_task(recipe.task).name == recipe.task


def test_the_ecg_recipe_holds_the_published_settings():
    recipe = load_recipe("ecg")
    assert (recipe.epochs, recipe.batch_size, recipe.learning_rate, recipe.layers) == (400, 16, 0.1, (36,))
    assert (recipe.initial, recipe.tau) == ({"omega": Uniform(3, 5), "b_offset": Uniform(0.1, 1)}, Normal(20, 1))


@pytest.mark.parametrize(("old", "new", "message"), [
    ('task = "ecg"', "", "key 'task' is missing"),
    ('task = "ecg"', "task = 5", "task = 5 found, expected a string"),
    ("seed = 3", "seed = -1", "seed = -1 found, expected an integer in 0.."),
    ("seed = 3", "sead = 3", "key 'sead' is unknown; known here: network, training, neuron, task, seed"),
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
    ("seed = 3", "seed = ", "not a readable TOML file"),
])  # fmt: skip
def test_a_wrong_recipe_names_file_key_and_remedy(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(InvalidFile, match=f"recipe '.*mine.toml': .*{message}"):
        load_recipe(written(tmp_path, GOOD.replace(old, new)))


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(InvalidFile, match=r"recipe 'none\.toml': no such file"):
        load_recipe("none.toml")
    with pytest.raises(
        InvalidInput, match="recipe 'shd': none of that name is shipped, there are digits, ecg, ecg-quick"
    ):
        load_recipe("shd")


def test_a_recipe_that_is_not_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidFile, match="not a readable TOML file"):
        load_recipe(str(path))
