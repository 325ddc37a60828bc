"""The documentation says what is so: the worked example, counterexamples, thresholds, paths, links and headings."""

import re
from pathlib import Path

import numpy as np
import pytest

from brf_deploy.certificate import certificate, largest_reset
from brf_deploy.fixed_point import shift_to_nearest, shift_toward_zero
from brf_hardware.equivalence import gates

ROOT = Path(__file__).resolve().parents[1]
ARITHMETIC = ROOT / "docs" / "arithmetic.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
PAGES = [ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), *DECISIONS]
SOURCES = ["brf_deploy", "training", "export", "hardware", "tests", "benchmarks"]


def section(text, heading):
    """The text under a heading, up to the next heading of the same or a higher level."""
    level = len(heading) - len(heading.lstrip("#"))
    body = text[text.index(f"\n{heading}\n") + len(heading) + 2 :]
    return re.split(rf"^#{{1,{level}}} ", body, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text):
    """The cells of every row of the tables in a text, heads and rules left out."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    rules = [index for index, row in enumerate(cells) if set("".join(row)) <= {"-"}]
    return [row for index, row in enumerate(cells) if not {index, index + 1} & set(rules)]


def prose(path):
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def example():
    """The worked example: its text, and the names that its code defines."""
    text = section(ARITHMETIC.read_text("utf-8"), "### 2.6 A worked example")
    found: dict = {}
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], found)  # noqa: S102 - our own page
    return text, found


def test_worked_example_is_what_the_reference_computes():
    text, found = example()
    trace = found["trace"]
    states = trace.layers[0].states
    table = rows(text)
    assert len(table) == trace.steps == len(found["messages"])
    for t, row in enumerate(table):
        u, v, q = (int(states[name][t, 0, 0]) for name in "uvq")
        spike = int(trace.layers[0].spikes[t, 0, 0])
        y = ", ".join(map(str, trace.readout[t, 0].tolist()))
        m = ", ".join(map(str, found["messages"][t].tolist()))
        assert [row[0], row[1], *row[8:]] == [str(t), m, str(u), str(v), str(spike), str(q), y]


def test_worked_example_shows_the_intermediates_of_the_definition():
    text, found = example()
    states, spikes = found["trace"].layers[0].states, found["trace"].layers[0].spikes
    U = V = Q = z = 0
    for t, (first, second) in enumerate(found["messages"].tolist()):
        x = 127 * first - 101 * second + -9 * z * 2**3
        C = ((Q * 13 + 2**7) >> 8) * 2**2
        A = 2**8 - 26 - C
        shown = [x, C, A, A * U - 90 * V, A * V + 90 * U, 64 + Q]
        assert [int(cell) for cell in rows(text)[t][2:8]] == shown
        U, V, Q = (int(states[name][t, 0, 0]) for name in "uvq")
        z = int(spikes[t, 0, 0])


def test_worked_example_names_its_certificate():
    text, found = example()
    layer, words = found["neuron"], found["words"]
    result, f = certificate(layer, words), words.accumulator_fraction
    largest = layer.refractory.largest(layer.state_fraction)
    (D,), (W,) = (array.tolist() for array in layer.coefficients(words))
    reset = largest_reset(layer.refractory, layer.state_fraction, words)
    for words_of_the_page in (
        f"= {largest}", f"Cmax = 32 * 4 = {reset}", f"{2**f - D}^2 + {W}^2 = {result.at_rest[0]} at rest",
        f"{2**f - D - reset}^2 + {W}^2 = {result.at_full_reset[0]} at full reset", f"bound {result.bound[0]}",
    ):  # fmt: skip
        assert words_of_the_page in " ".join(text.split())


ROUNDINGS = {
    "to nearest, halves up": lambda a, b: int((a + b + 16) >> 5),
    "down (arithmetic shift)": lambda a, b: int((a + b) >> 5),
    "each product toward zero": lambda a, b: int(shift_toward_zero(a, 5) + shift_toward_zero(b, 5)),
}


def test_other_roundings_gain_energy_as_shown_and_ours_does_not():
    table = rows(section(ARITHMETIC.read_text("utf-8"), "### 3.4 Why no other rounding"))
    assert [row[0] for row in table] == list(ROUNDINGS)
    for rule, pole, radius, before, after, energy in table:
        (A, W), (U, V), shown = (
            np.array([int(n) for n in re.findall(r"-?\d+", cell)]) for cell in (pole, before, after)
        )
        step = ROUNDINGS[rule]
        u, v = step(A * U, -W * V), step(A * V, W * U)
        assert [u, v] == shown.tolist()
        assert radius == f"{A * A + W * W} < {2**10}"
        assert energy == f"{U * U + V * V} -> {u * u + v * v}"
        ours = shift_toward_zero(np.array([A * U - W * V, A * V + W * U]), 5)
        assert (ours**2).sum() < U * U + V * V


def test_to_nearest_keeps_small_states_alive():
    """Section 3.4: with W = 0 and A = 31 every U from 1 to 15 is a fixed point."""
    U = np.arange(1, 16)
    np.testing.assert_array_equal(shift_to_nearest(31 * U, 5), U)


@pytest.mark.parametrize(
    ("statement", "threshold"),
    [
        ("each weight matrix is the model's", f"at least {gates.SQNR:g} dB"),
        ("shadow against M1: disagreeing decisions", f"{100 * gates.SHADOW_FRACTION:g} %"),
        ("largest margin", f"2^{np.log2(gates.SHADOW_MARGIN):.0f}"),
        ("deviation of the total", f"{100 * gates.SHADOW_TOTAL:g} %"),
        (f"beyond {gates.SHADOW_NEURON_ALLOWANCE} single spikes", f"{100 * gates.SHADOW_NEURON:g} %"),
        ("shadow against M0", f"{100 * gates.ORIGINAL_FRACTION:g} %"),
        ("free run against M0: total", f"{100 * gates.FREE_TOTAL:g} %"),
        ("mean deviation of a sample", f"{gates.FREE_SAMPLE_TIMES_FLOOR} times the noise floor"),
        ("correlation of the spike counts", f"at least {gates.FREE_CORRELATION}"),
        ("accuracy", f"at most {100 * gates.FREE_ACCURACY_DROP:g} points lower"),
        ("accuracy", f"p >= {gates.SIGN_TEST}"),
    ],
)
def test_gates_have_the_thresholds_of_the_page(statement, threshold):
    table = rows(section(ARITHMETIC.read_text("utf-8"), "### 5.2 The gates"))
    (found,) = [row[-1] for row in table if statement in row[1]]
    assert threshold in found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_a_page_mentions_exists(page):
    top = "|".join(re.escape(entry.name) for entry in ROOT.iterdir())
    mentioned = re.findall(rf"`((?:{top})(?:/[\w./-]*)?)`", prose(page))
    assert [path for path in mentioned if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), target
        assert not anchor or anchor in anchors(goal), target


def anchors(page):
    """The names that code-hosting sites give to headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_names_of_the_data_flow_are_defined_where_it_says():
    for _, names, places in rows(section((ROOT / "docs" / "architecture.md").read_text("utf-8"), "## How data flows")):
        files = [ROOT / place for place in re.findall(r"`([^`]+)`", places)]
        text = "\n".join(
            f.read_text("utf-8") for place in files for f in ([place] if place.is_file() else place.glob("*.py"))
        )
        for name in re.findall(r"`(?:\w+\.)?(\w+)[^`]*`", names):
            assert re.search(rf"^\s*(?:class|def) {name}\b", text, re.MULTILINE), name


def test_sections_that_the_code_names_exist():
    sections = set(re.findall(r"^## (\d) ", ARITHMETIC.read_text("utf-8"), re.MULTILINE))
    assert sections == set("123456")
    named = [
        (path.name, number)
        for source in SOURCES
        for path in (ROOT / source).rglob("*.py")
        for number in re.findall(r"arithmetic\.md,? (?:section )?(\d+)", path.read_text("utf-8"))
    ]
    assert len(named) > 10
    assert [(name, number) for name, number in named if number not in sections] == []


def test_decisions_are_numbered_without_gaps():
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name)
def test_every_decision_has_the_same_headings(page):
    title, *headings = re.findall(r"^#+ .*$", prose(page), re.MULTILINE)
    assert title.startswith(f"# {page.name[:4]}: ")
    assert headings == ["## Context", "## Decision", "## Consequences", "## Rejected"]
