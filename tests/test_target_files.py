"""Target files: a user's own, based on a shipped one, and how bad ones are refused."""

import pytest

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_hardware.targets import load_target
from brf_hardware.targets.load import load_targets

BOARD = """
# A board of one chip.
title = "My board"
description = "Another power."
based_on = "loihi2"
static_power = { W = [0.6, 0.7, 0.8], source = "lab", grade = "measured silicon" }

[sources]
lab = "our own measurement"

[limits]
chips = { value = 1, source = "lab", grade = "documented" }
"""
POWER = "W = [0.6, 0.7, 0.8]"
TITLE = 'title = "My board"'
ORIGIN = 'source = "lab", grade = "measured silicon"'


def test_own_file_based_on_a_shipped_one(tmp_path):
    path = tmp_path / "my-board.toml"
    path.write_text(BOARD)
    target = load_target(str(path))
    assert (target.name, target.limits.chips, target.limits.cores_per_chip) == ("my-board", 1, 120)
    assert target.static_power.bounds == (0.6, 0.7, 0.8)
    assert target.energy == load_target("loihi2").energy


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('based_on = "loihi2"', 'based_on = "loihi9"', r"based_on = 'loihi9' found, expected one of cortex-m4, "),
        ('based_on = "loihi2"', "based_on = 7", r"based_on = 7 found, expected one of "),
        (POWER, "W = [0.8, 0.7, 0.6]", r"static_power.W = \[0.8, .* found, expected a number of 0 or"),
        (POWER, "W = [0.6, 0.7]", "static_power.W = .* three that rise"),
        (POWER, "W = nan", "static_power.W = nan found"),
        (POWER, "W = true", "static_power.W = True found"),
        (POWER, 'W = "much"', "static_power.W = 'much' found"),
        (POWER, "mW = 600", "key 'static_power.W' is missing"),
        (ORIGIN, 'source = "rumour", grade = "assumed"', "'rumour' found, expected"),
        ('grade = "measured silicon"', 'grade = "sure"', "'sure' found, expected one of measured silicon"),
        ("value = 1", "value = 0", r"limits.chips.value: 0 found, expected an integer in 1\.\."),
        ("value = 1", "value = 1.5", r"limits.chips.value: 1.5 found"),
        ("value = 1", "value = 10000000000000000000000", r"not a readable TOML|limits.chips.value: 1000"),
        ("chips =", "chip =", "key 'limits.chip' is unknown; known here: chips, cores_per_chip"),
        ("[limits]", "[limits]\nmesh = 3", "limits.mesh = 3 found, expected a table"),
        ("[limits]", "[limits]\n[energy]\nspikes = 3\n[x]", "energy.spikes = 3 found, expected a table"),
        ("[limits]", '[limits]\n[energy]\nthoughts = "free"\n[x]', "'energy.thoughts' is unknown; known"),
        ("[limits]", "[limits]\n[[anchors]]\nlow = 2\nhigh = 1\n[x]", r"anchors\[0\].high = 1.0 found, expected"),
        (TITLE, "title = 'x'\nbarriers_by_routers = [[2, 1], [1, 1]]", "by rising whole number"),
        (TITLE, "title = 'x'\nbarriers_by_routers = [[1]]", "expected a list of pairs of numbers"),
        (TITLE, "title = 'x'\nbarriers_across_chips = 3", "barriers_across_chips = 3 found, expected a table"),
        (TITLE, "title = 'x'\nbarriers_are_of = 'core'", "barriers_are_of = 'core' found, expected one of chip, layer"),
        (TITLE, "title = 'x'\nstages = 'some'", "stages = 'some' found, expected one of overlap, sequential"),
        (TITLE, "title = 'x'\nvoltage = 0", "voltage = 0 found, expected a number in 0.01"),
        (TITLE, "title = [", "not a readable TOML file"),
        (TITLE, "title = 'x'\ncolour = 'blue'", "key 'colour' is unknown; known here: based_on"),
    ],
)  # fmt: skip
def test_bad_file_names_file_and_key(tmp_path, old, new, message):
    path = tmp_path / "board.toml"
    assert old in BOARD
    path.write_text(BOARD.replace(old, new, 1))
    with pytest.raises(InvalidFile, match=message) as caught:
        load_target(str(path))
    assert f"target '{path}'" in str(caught.value)


def test_file_that_lacks_everything(tmp_path):
    (tmp_path / "empty.toml").touch()
    with pytest.raises(InvalidFile, match=r"target '.*empty.toml': key 'sources' is missing"):
        load_target(str(tmp_path / "empty.toml"))
    with pytest.raises(InvalidFile, match=r"target '.*absent.toml': no such file"):
        load_target(str(tmp_path / "absent.toml"))
    (tmp_path / "binary.toml").write_bytes(bytes(range(256)))
    with pytest.raises(InvalidFile, match="not a readable TOML file"):
        load_target(str(tmp_path / "binary.toml"))


def test_unknown_name_lists_what_there_is():
    with pytest.raises(InvalidInput, match=r"target 'loihi3' is unknown; there are: cortex-m4, .*xylo-a2; a target of"):
        load_target("loihi3")
    with pytest.raises(InvalidInput, match="no name found; there are"):
        load_targets(" , ")
    assert [target.name for target in load_targets("loihi2, loihi1,loihi2")] == ["loihi2", "loihi1"]
