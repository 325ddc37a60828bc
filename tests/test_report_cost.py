"""What a report says about chips: the numbers of the estimates, refusals in the place of numbers, all as data."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from networks import random_network
from reports import COSTED, COSTED_TARGETS, bare_report, costed_page, costed_report, samples_for
from test_report_page import Page

from brf_deploy.cli import main
from brf_deploy.network_file import save_network
from brf_deploy.output import plain, write_json
from brf_deploy.reference import REFERENCE
from brf_deploy.task import Samples
from brf_hardware.cost.estimate import estimate
from brf_hardware.cost.price_grades import graded
from brf_hardware.cost.range import Range
from brf_hardware.cost.sensitivity import influences
from brf_hardware.report.as_data import as_dict
from brf_hardware.report.cost_cells import interval, ranged
from brf_hardware.report.decision import decision
from brf_hardware.report.figures.energy_terms import GROUPS
from brf_hardware.report.layout import Badge
from brf_hardware.report.page import render
from brf_hardware.report.target_cost import Placement
from brf_hardware.targets import load_target, override
from brf_hardware.targets.figure import Grade
from brf_hardware.targets.terms import ENERGY_TERMS

LOIHI1, LOIHI2, XYLO, CORTEX, TABLE = range(5)
SAMPLES = samples_for(COSTED, steps=20, count=4)
TRACE = REFERENCE.run(COSTED, SAMPLES.messages)


@pytest.fixture(scope="module")
def content():
    return costed_report()


def of(content, index):
    return content.targets[index].estimate


@pytest.mark.parametrize("index", [LOIHI1, LOIHI2, CORTEX, TABLE])
def test_costs_are_those_of_an_estimate_of_the_same_run(content, index):
    wanted = estimate(COSTED, TRACE, COSTED_TARGETS[index], messages=SAMPLES.messages)
    found = of(content, index)
    assert found.ledger == wanted.ledger
    assert found.work.ledgers == wanted.work.ledgers
    assert found.operations == wanted.operations


def test_summary_says_what_a_decision_needs(content):
    table = decision(content)
    rows = {str(row[0]): row[1:] for row in table.rows}
    assert table.head == ("", "loihi1", "loihi2", "xylo-a2", "cortex-m4", "fp32-convention")
    assert rows["placed on"][XYLO] == Badge("fits nowhere", "bad")
    assert rows["placed on"][LOIHI1] == f"{of(content, LOIHI1).costing.fabric.cores} cores, 5 chips"
    assert rows["design rules"][LOIHI2] == Badge("all hold", "good")
    assert rows["design rules"][LOIHI1].tone == rows["design rules"][XYLO].tone == "bad"
    assert rows["design rules"][TABLE] == Badge("prices only, no chip", "quiet")
    energy, untimed = rows["energy a sample, maximum speed"], len(of(content, TABLE).untimed)
    assert energy[LOIHI1] == interval(of(content, LOIHI1).operations[0].total_energy, "J")
    assert energy[XYLO] == "–"
    assert energy[CORTEX] == Badge("refused: no price for spikes", "bad")
    assert energy[TABLE] == Badge(f"refused: no time for neuron updates idle and {untimed - 1} more", "bad")
    assert rows["keeps up in real time"][LOIHI1] == Badge("yes", "good")
    assert rows["dynamic energy rests on figures"][LOIHI2] == "100% assumed"


def test_page_names_what_is_refused_and_where_figures_come_from(content):
    text = " ".join(Page(costed_page()).text.split())
    assert "cortex-m4: no price for spikes." in text
    assert "xylo-a2: no mapping." in text
    assert "chips more not drawn" not in text  # it is one chip: the fifth
    assert "1 chip more not drawn" in text
    for estimate_ in (of(content, LOIHI1), of(content, LOIHI2)):
        for term, figure in estimate_.target.energy.items():
            if term in estimate_.energy_by_term and figure.note:
                assert figure.note in text
    for target in COSTED_TARGETS:
        for sentence in (*target.assumptions, *target.sources):
            assert " ".join(sentence.split()) in text
    assert "No chip ran this network" in text
    assert "convention: this network" in text


def test_every_term_has_a_group_in_the_stacked_bars():
    assert sorted(term for terms in GROUPS.values() for term in terms) == sorted(ENERGY_TERMS)


def test_one_figure_at_a_time_moves_the_total_as_counted_by_hand(content):
    found = of(content, LOIHI1)
    operation, target, ledger = found.operations[0], found.target, found.ledger
    moved = {one.figure: one.total for one in influences(found, operation)}
    total, static = operation.total_energy.nominal, operation.static_energy

    def by(count, change):
        return pytest.approx(total + count * change * 1e-12 / SAMPLES.count, rel=1e-12)  # sums in another order

    for total_ in moved.values():
        assert total_.nominal == pytest.approx(total, rel=1e-12)
    price = target.energy["synaptic_operations"]
    assert moved["synaptic_operations"].low == by(ledger.synaptic_operations, price.low - price.nominal)
    assert moved["synaptic_operations"].high == by(ledger.synaptic_operations, price.high - price.nominal)
    updates = ledger.neuron_updates_idle + ledger.neuron_updates_driven
    driven, factor = target.energy["neuron_updates_driven"], target.neuron_factor
    assert moved["neuron_factor"].high >= by(updates, driven.nominal * (factor.high - factor.nominal)).expected
    for bound in ("low", "high"):  # as a target says whose factor that is
        value = getattr(factor, bound)
        exact = replace(factor, low=value, nominal=value, high=value)
        alone = estimate(COSTED, TRACE, replace(target, neuron_factor=exact), messages=SAMPLES.messages)
        wanted = alone.operations[0].total_energy.nominal
        assert getattr(moved["neuron_factor"], bound) == pytest.approx(wanted, rel=1e-12)
    assert moved["neuron_updates_driven"].high == by(updates, (driven.high - driven.nominal) * factor.nominal)
    chips, time = found.costing.fabric.chips, operation.execution_time
    change = chips * (target.static_power.low - target.static_power.nominal) * time.nominal
    assert moved["static_power"].low == pytest.approx(total + change, rel=1e-12)
    power = chips * target.static_power.nominal
    assert moved["execution_time"].high == pytest.approx(total - static.nominal + power * time.high, rel=1e-12)
    assert list(moved) == sorted(moved, key=lambda name: moved[name].low - moved[name].high)


def test_nothing_moves_a_refused_total(content):
    assert influences(of(content, CORTEX), of(content, CORTEX).operations[0]) == ()


def test_an_energy_has_the_grade_of_its_worst_figure(content):
    """Prices of Loihi 1's own updates are measured, what BRF takes of them is derived."""
    shares = graded(of(content, LOIHI1))
    found = of(content, LOIHI1)
    derived = ("neuron_updates_idle", "neuron_updates_driven", "readout_updates")
    energies = [energy for term, energy in found.energy_by_term.items() if term in derived]
    assert shares[Grade.DERIVED] == pytest.approx(sum(map(found.share, energies)))  # floats in another order
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_everything_on_the_page_is_there_as_data(content, tmp_path):
    write_json(tmp_path / "report.json", as_dict(content))
    found = json.loads((tmp_path / "report.json").read_text())
    of_page = {"network", "spikes", "sample", "states", "poles", "loss", "equivalence", "operations", "hardware"}
    assert of_page <= set(found)
    loihi1, loihi2, xylo, cortex, table = found["targets"]
    assert loihi1["estimate"]["ledger"]["total"] == plain(vars(of(content, LOIHI1).ledger))
    assert (loihi1["fits"], loihi2["fits"], xylo["fits"]) == (False, True, False)
    assert xylo["estimate"] is xylo["mapping"] is table["mapping"] is None
    assert "fits into no core" in xylo["refusal"]
    assert cortex["estimate"]["unpriced"] == ["spikes"]
    assert cortex["estimate"]["operations"]["maximum speed"]["total_energy"] is None
    assert len(loihi1["mapping"]["cores"]) == of(content, LOIHI1).costing.fabric.cores
    assert loihi1["sensitivity"]["real time"][0]["figure"] == "static_power"
    assert loihi2["limits"]["operations"]["value"][0] == "add"
    assert found["spikes"]["of_neurons"]["hidden0"] == content.spikes_of(0).tolist()
    steps = found["sample"]["spikes"][0][2]
    np.testing.assert_array_equal(steps, np.flatnonzero(content.sample.spikes[0][:, 2]))


def test_intervals_read_well():
    assert interval(Range(39.3e-6, 286e-6, 840e-6), "J") == "286 µJ (39.3 to 840 µJ)"
    assert interval(Range(958e-9, 2e-6, 5.9e-6), "s") == "2 µs (958 ns to 5.9 µs)"
    assert interval(Range.exact(13.0), "s") == "13 s"
    assert interval(Range(0.0, 1e-6, 2e-6), "J") == "1 µJ (0 to 2 µJ)"
    assert ranged(None, "J", "no price for spikes") == Badge("refused: no price for spikes", "bad")


SHAPES = {
    "never fires": (random_network(), 0),
    "one neuron": (random_network(inputs=1, neurons=(1,), outputs=1), 1),
    "graded, feed-forward": (random_network(inputs=2, neurons=(5, 4), maximum=16, full_scale=16, recurrent=False), 1),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("target", ["loihi2", "horowitz45-int8", "xylo-a2"])
def test_every_shape_can_be_drawn(name, target):
    network, loud = SHAPES[name]
    samples = samples_for(network, steps=10, count=2)
    samples = Samples(loud * samples.messages, samples.labels)
    content = bare_report(network, samples=samples, placements=[Placement.of(network, load_target(target))])
    assert "Spike budget" in Page(render(content)).text


def test_exact_figures_leave_nothing_to_draw_a_tornado_of():
    """In real time no spread of a step's time shows, as every step waits for its period."""
    target = load_target("generic-fpga")
    figures = {"energy": target.energy, "time": target.time}
    exact = [f"{kind}.{term}={figure.nominal:g}" for kind in figures for term, figure in figures[kind].items()]
    target = override(target, *exact, f"static_power={target.static_power.nominal:g}")
    network = random_network()
    content = bare_report(network, samples=samples_for(network), placements=[Placement.of(network, target)])
    assert influences(of(content, 0), of(content, 0).operations[1]) == ()
    assert "Dynamic energy of a sample by term" in Page(render(content)).text


def test_without_targets_a_report_needs_nothing_that_chips_need():
    program = "import sys; sys.modules |= {'scipy': None, 'pymetis': None}; import brf_hardware.report.sections"
    subprocess.run([sys.executable, "-c", program], check=True)


def run(*arguments, status=0):
    result = CliRunner().invoke(main, ["report", *map(str, arguments)])
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


@pytest.fixture
def net(tmp_path):
    network = random_network(inputs=1, neurons=(6,), outputs=10, maximum=16, full_scale=16, task="digits")
    save_network(network, tmp_path / "net.nir")
    return tmp_path / "net.nir"


def test_command_writes_page_json_and_csv(net, tmp_path):
    html, data, rows = (tmp_path / f"report.{suffix}" for suffix in ("html", "json", "csv"))
    common = ("--task", "digits", "--samples", 2, "--out", html)
    text = run(net, *common, "--target", "loihi2", "--rate", 50, "--json", data, "--csv", rows)
    assert all(f"wrote {path}" in text for path in (html, data, rows))
    found = json.loads(data.read_text())["targets"][0]["estimate"]
    assert found["period"] == pytest.approx(1 / (50 * found["steps_per_sample"]))
    assert rows.read_text().startswith("target,part,quantity")
    assert "real time, a step every" in html.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rate", 5), "--rate, --set and --csv are about targets: name some with --target"),
        (("--csv", "costs.csv"), "--rate, --set and --csv are about targets"),
        (("--target", "loihi3"), "target 'loihi3' is unknown; there are: cortex-m4"),
        (("--target", "loihi2", "--set", "energy.magic=1"), "magic"),
        (("--target", "loihi2", "--set", "energy.spikes=3:2:1"), "three that rise"),
    ],
)
def test_command_refuses_what_cannot_be(net, tmp_path, arguments, message):
    html = tmp_path / "report.html"
    text = run(net, "--task", "digits", "--samples", 2, "--out", html, *arguments, status=2)
    assert message in text
    assert "Traceback" not in text
    assert not html.exists()
