"""docs/recipes.md is the parser's: the same keys, ranges and defaults, and examples that are read."""

import re
import tomllib
from pathlib import Path

import pytest
import tomli_w

from brf_deploy.errors import InvalidFile
from brf_deploy.toml_table import Table
from brf_training.neurons import NEURONS
from brf_training.recipe_file import DISTRIBUTIONS, parse_recipe

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "recipes.md").read_text("utf-8")
RANGE = re.compile(r"(above )?(\S+) to (below )?(\S+)")


def rows():
    """(neuron kind or None, key, values, default) of every row whose key is a key of the file."""
    kind, found = None, []
    for line in PAGE.splitlines():
        if line.startswith("#"):
            kind = re.search(r'kind = "(\w+)"|$', line)[1]
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("| `") else []
        if len(cells) == 5:
            key, values, _, default, _ = cells
            found.append((kind, key.strip("`"), values, default.strip("`")))
    return found


ROWS = rows()
IDS = [f"{kind or 'any'}-{key}" for kind, key, _, _ in ROWS]


def trained(key):
    return key.startswith(("network.from", "network.sha256", "quantization."))


def base(key="", kind="brf"):
    """A recipe, as a tree, that is valid and has what the key needs beside it."""
    network = {"layers": [4], "tau": {"normal": [20, 5]}}
    tree = {"task": "digits", "network": network, "neuron": {"kind": kind}}
    if trained(key):
        tree = {"task": "digits", "network": {"from": "model.safetensors", "sha256": "0" * 64}}
    tree["training"] = {"loss": "last_step", "epochs": 1, "batch_size": 1, "learning_rate": 0.1}
    if key.startswith("pruning."):
        tree["pruning"] = {"keep": 0.5}
    return tree


def recipe_with(key, value, kind):
    """The recipe in which the key has that value; without it where that is None."""
    tree = base(key, kind or "brf")
    *tables, last = key.split(".")
    table = tree
    for name in tables:
        table = table.setdefault(name, {})
    if value is None:
        table.pop(last, None)
    else:
        table[last] = value
    return parse_recipe(tomli_w.dumps(tree), "page")


@pytest.fixture
def taken(monkeypatch):
    """For each table that is read to its end, by its name, the keys that the parser asked it for."""
    found: dict[str, set[str]] = {}
    close = Table.close

    def note(table):
        found.setdefault(table.name, set()).update(table.known)
        close(table)

    monkeypatch.setattr(Table, "close", note)
    return found


def full(key, kind="brf"):
    """A recipe with every table."""
    budget = {"early_stop": {"patience": 1}, "budget": {"spikes": 1.0}, "pruning": {"keep": 1.0}}
    return tomli_w.dumps({**base(key, kind), **budget, **({"quantization": {}} if trained(key) else {})})


def test_the_page_has_the_keys_of_each_kind_of_neuron(taken):
    for kind in NEURONS:
        taken.clear()
        parse_recipe(full("", kind), "page")
        assert {f"neuron.{key}" for key in taken["neuron."]} - {"neuron.kind"} == {
            key for row_kind, key, _, _ in ROWS if row_kind == kind
        }


def test_the_page_has_every_other_key_and_none_that_is_not_taken(taken):
    parse_recipe(full(""), "page")
    parse_recipe(full("network.from"), "page")
    keys = {f"{table}{key}" for table, known in taken.items() for key in known}
    distributions = {f"{table}{key}" for table in taken for key in DISTRIBUTIONS if table.count(".") == 2}
    tables = {table.removesuffix(".") for table in taken if table.count(".") == 1}
    own = {key for key in keys if key.startswith("neuron.") and key != "neuron.kind"}
    assert keys - distributions - tables - own == {key for kind, key, _, _ in ROWS if kind is None}
    assert set(re.findall(r"^\| `(\w+)` \| `\[", PAGE, re.MULTILINE)) == set(DISTRIBUTIONS)


@pytest.mark.parametrize(("kind", "key", "values", "default"), ROWS, ids=IDS)
def test_defaults_are_those_of_the_page(kind, key, values, default):
    if default == "required":
        with pytest.raises(InvalidFile, match=f"key '{key}' is missing"):
            recipe_with(key, None, kind)
    elif default != "none":
        assert recipe_with(key, tomllib.loads(f"x = {default}")["x"], kind) == recipe_with(key, None, kind)


def ends():
    """(kind, key, a value at or just inside an end, one just outside) of every end of a range that is a number."""
    for kind, key, values, _ in ROWS:
        if match := RANGE.search(values):
            above, low, below, high = match.groups()
            for end, is_open, outward in ((low, above, -1), (high, below, 1)):
                if not end.startswith("`"):
                    yield kind, key, *either_side(end, bool(is_open), outward)


def either_side(end, is_open, outward):
    """An open end is itself outside; of a closed one written as a whole number, the next whole number is."""
    value = int(end) if end.isdigit() else float(end)
    if is_open:
        return value - outward * 1e-6, value
    return value, value + outward if isinstance(value, int) else value * (1 + outward * 1e-6)


@pytest.mark.parametrize(("kind", "key", "inside", "outside"), list(ends()))
def test_ranges_are_those_of_the_page(kind, key, inside, outside):
    in_list = key == "network.layers"
    recipe_with(key, [inside] if in_list else inside, kind)
    with pytest.raises(InvalidFile, match=re.escape(key.split(".")[-1])):
        recipe_with(key, [outside] if in_list else outside, kind)


CHOICES = [(key, choice) for _, key, values, _ in ROWS for choice in re.findall(r"`(\w+)`(?:,|$)", values)]


@pytest.mark.parametrize(("key", "choice"), CHOICES)
def test_choices_are_those_of_the_page(key, choice):
    recipe_with(key, choice, None)
    with pytest.raises(InvalidFile) as refusal:
        recipe_with(key, "another", None)
    offered = re.search(r"expected one of ([\w, ]+)", str(refusal.value))[1].split(", ")
    assert offered == [other for own, other in CHOICES if own == key]


def keys_of(tree, name=""):
    """Dotted names of a tree's values; a distribution is one."""
    for key, value in tree.items():
        if isinstance(value, dict) and not set(value) <= set(DISTRIBUTIONS):
            yield from keys_of(value, f"{name}{key}.")
        else:
            yield f"{name}{key}"


def test_the_examples_are_read_and_the_first_has_every_key_that_goes_together():
    fresh, further = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for text in (fresh, further):
        parse_recipe(text, "page")
    known = {key for kind, key, _, _ in ROWS if kind in (None, "brf")}
    left_out = {"training.truncate_steps", "budget.synops"} | {key for key in known if trained(key)}
    assert set(keys_of(tomllib.loads(fresh))) == known - left_out
    assert {key for key in known if trained(key)} <= set(keys_of(tomllib.loads(further)))
