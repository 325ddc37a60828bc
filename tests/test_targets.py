"""Targets: every shipped file, the figures that others rely on, overrides, own files, and how bad ones are refused."""

import re
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from networks import messages_for, random_network

from brf_deploy.errors import InvalidInput
from brf_deploy.reference import REFERENCE
from brf_hardware.cost.estimate import Costing, estimate
from brf_hardware.cost.range import Range
from brf_hardware.report.sections.sources import used_figures
from brf_hardware.targets import load_target, override, target_names
from brf_hardware.targets.figure import Figure, Grade
from brf_hardware.targets.neuron_factor import BRF, brf_factor
from brf_hardware.targets.pages import pages
from brf_hardware.targets.target import Allocation
from brf_hardware.targets.terms import ENERGY_TERMS, TIME_TERMS
from brf_hardware.verilog.cycles import cycle_model

DOCS = Path(__file__).resolve().parents[1] / "docs"
NAMES = target_names()
HOW = "run: python -m brf_hardware.targets.pages docs"


def figures(target):
    others = {name: getattr(target, name) for name in ("static_power", "host_power", "barriers_across_chips")}
    everything = {**target.energy, **{f"time {name}": figure for name, figure in target.time.items()}, **others}
    return {name: figure for name, figure in everything.items() if figure is not None}


def test_every_target_that_is_promised_is_shipped():
    assert {"loihi1", "loihi1-davies2018", "loihi1-sanafe", "loihi2", "loihi2-128", "generic-fpga", "cortex-m4"} <= set(
        NAMES
    )
    assert {"xylo-a2", "spinnaker2-testchip", "horowitz45-int8", "fp32-convention"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_and_limit_has_a_source_that_the_file_cites(name):
    target = load_target(name)
    assert target.name == name
    cited = {source.split(": ", 1)[0] for source in target.sources}
    for term, figure in figures(target).items():
        assert figure.source in cited | {"this file"}, term
        # A cost of nothing says where the cost is.
        assert any(figure.bounds) or figure.note, term
        assert figure.source != "assumption" or (figure.grade is Grade.ASSUMED and figure.note), term
    for limit, origin in target.origins.items():
        assert origin.source in cited, limit
    assert {anchor.source for anchor in target.anchors} <= cited
    assert set(target.energy) <= set(ENERGY_TERMS)
    assert set(target.time) <= set(TIME_TERMS)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_of_nothing_claims_no_source(name):
    for term, figure in figures(load_target(name)).items():
        assert any(figure.bounds) or (figure.source, figure.grade) == ("this file", Grade.ASSUMED), term


@pytest.fixture(scope="module")
def manual():
    return pages()


@pytest.mark.parametrize("name", NAMES)
def test_pages_are_those_of_the_data(name, manual):
    assert (DOCS / "targets" / f"{name}.md").read_text("utf-8") == manual[f"targets/{name}.md"], HOW


def test_no_page_is_left_over(manual):
    assert {f"targets/{path.name}" for path in (DOCS / "targets").glob("*.md")} == set(manual) - {"design-rules.md"}
    assert (DOCS / "targets" / "README.md").read_text("utf-8") == manual["targets/README.md"], HOW


def test_example_of_the_index_page_loads(manual, tmp_path):
    example = re.search(r"```toml\n(.*?)```", manual["targets/README.md"], re.DOTALL)[1]
    (tmp_path / "my-board.toml").write_text(example)
    assert load_target(str(tmp_path / "my-board.toml")).limits.chips == 1


def test_loihi_1_spans_the_silicon_fit_and_the_published_table():
    """Davies 2018, Table 2, and SANA-FE's loihi.yaml; 11.7 % is the error that SANA-FE states."""
    loihi, davies, sanafe = (load_target(name) for name in ("loihi1", "loihi1-davies2018", "loihi1-sanafe"))
    assert loihi.energy["synaptic_operations"].bounds == (23.6, 35.5, 39.7)
    assert loihi.energy["neuron_updates_driven"].bounds == (64.3, 72.8, 81.3)
    assert [loihi.energy[name].nominal for name in ("spikes", "axon_messages")] == [69.3, 111]
    assert loihi.static_power.nominal == 0.104
    published = {name: figure.nominal for name, figure in davies.energy.items() if figure.nominal}
    assert published == {
        "synaptic_operations": 23.6, "neuron_updates_idle": 52, "neuron_updates_driven": 81, "readout_updates": 81,
        "hops_east_west": 3, "hops_north_south": 4, "messages_within_router": 1.7,
    }  # fmt: skip
    for term, figure in sanafe.energy.items():
        if figure.nominal and term != "graded_operations":
            assert loihi.energy[term].low <= figure.nominal <= loihi.energy[term].high, term
    assert sanafe.neuron_factor is None
    assert sanafe.barriers_by_routers == ((1, 600), (2, 1000), (4, 1400), (29, 1800))


def test_what_nobody_published_is_unpriced_where_the_file_does_not_assume_it():
    davies = load_target("loihi1-davies2018")
    assert {"barriers", "axon_messages", "host_bytes_in"}.isdisjoint(davies.energy)
    assert not load_target("xylo-a2").energy
    assert "barriers" not in load_target("spinnaker2-testchip").energy


def test_loihi_2_is_a_band_of_assumptions_with_measured_anchors():
    loihi2 = load_target("loihi2")
    assert loihi2.energy["synaptic_operations"].bounds == (1, 35.5, 135)
    assert {figure.grade for figure in loihi2.energy.values()} == {Grade.ASSUMED}
    shd = loihi2.anchors[0]
    assert (shd.low, shd.high, shd.unit) == (0.28, 0.46, "mJ")
    wide = load_target("loihi2-128")
    assert (loihi2.limits.cores_per_chip, wide.limits.cores_per_chip) == (120, 128)
    assert replace(wide.limits, cores_per_chip=120) == loihi2.limits
    assert wide.energy == loihi2.energy


def test_loihi_2_band_is_one_ratio():
    """Terms without a band of their own have that of a synaptic operation around Loihi 1's nominal price."""
    one, two = load_target("loihi1").energy, load_target("loihi2").energy
    for term in ("spikes", "axon_messages", "neuron_updates_idle", "neuron_updates_driven", "hops_east_west"):
        assert two[term].nominal == one[term].nominal
        # Rounded to three and one decimals in the file.
        assert two[term].low == pytest.approx(one[term].nominal / 35.5, abs=5e-4)
        assert two[term].high == pytest.approx(one[term].nominal * 135 / 35.5, abs=5e-2)


def test_brf_costs_one_to_six_lif_updates():
    assert brf_factor().bounds == (1, 3, 6)
    assert BRF.multiplications == 6


def of(network, messages, trace, target):
    return estimate(network, trace, target, messages=messages)


def verilog_case(neurons, seed):
    """A network, messages that some steps lack, the trace, and the cycles of the closed formula."""
    network = random_network(seed=seed, neurons=neurons, outputs=3, weight_bits=12)
    messages = messages_for(network, 40, 2, seed)
    trace = REFERENCE.run(network, messages)
    return network, messages, trace, int(cycle_model(network).of_run(messages, trace).sum())


@pytest.mark.parametrize("neurons", [(12,), (8, 5), (12, 12, 12)])
@pytest.mark.parametrize("seed", [0, 1])
def test_fpga_times_and_energies_are_the_cycles_of_the_verilog(seed, neurons):
    network, messages, trace, cycles = verilog_case(neurons, seed)
    found = of(network, messages, trace, load_target("generic-fpga"))
    assert found.ledger.empty_steps == (~messages.any(axis=2)).sum() > 0
    # Nominal figures of the file are 41.7 ns and 150 pJ a cycle, without rounding.
    assert found.work.timing.busy_time.nominal == pytest.approx(cycles * 41.7e-9, rel=1e-12)
    dynamic = sum(energy.nominal for energy in found.energy_by_term.values())
    assert dynamic == pytest.approx(cycles * 150e-12, rel=1e-12)


def test_fpga_leaves_out_what_it_says():
    """An event at a single neuron takes two cycles of which one is counted."""
    network, messages, trace, cycles = verilog_case((6, 1), 0)
    found = of(network, messages, trace, load_target("generic-fpga"))
    left = int(trace.layers[0].spikes.sum() + trace.layers[1].spikes[:-1].sum())
    assert found.work.timing.busy_time.nominal == pytest.approx((cycles - left) * 41.7e-9, rel=1e-12)


def test_a_barrier_across_chips_takes_what_was_measured_there():
    network, target = random_network(neurons=(12,)), override(load_target("loihi1"), "limits.neurons_per_core=1")
    several = override(target, "limits.cores_per_chip=8", "limits.mesh=2x1")
    assert Costing.of(network, several).fabric.chips > 1
    assert Costing.of(network, several).prices.time["barriers"].bounds == (5800, 13000, 16200)
    assert Costing.of(network, target).prices.time["barriers"].high == 1800
    assert several.barrier_time(1) == several.time["barriers"]
    assert (several.barrier_time(2).source, several.barrier_time(2).unit) == ("Frady 2020", "ns")
    mine = override(several, "time.barriers=700")
    assert Costing.of(network, mine).prices.time["barriers"].bounds == (700, 700, 700)


def test_a_report_cites_the_barrier_in_force():
    target = override(load_target("loihi1"), "limits.neurons_per_core=1", "limits.cores_per_chip=8", "limits.mesh=2x1")
    network, messages, trace, _ = verilog_case((12,), 0)
    found = {name: (figure, force) for name, figure, force in used_figures(of(network, messages, trace, target))}
    assert found["time: barriers"] == (target.barriers_across_chips, Range(5800, 13000, 16200))
    fpga = load_target("generic-fpga")
    network, messages, trace, _ = verilog_case((8, 5), 0)
    found = {name: force.nominal for name, _, force in used_figures(of(network, messages, trace, fpga))}
    assert (found["time: barriers"], found["energy: barriers"]) == (2 * 333.6, 2 * 1200)


def test_fewer_cores_do_not_change_how_a_core_works():
    assert not override(load_target("loihi1"), "limits.cores_per_chip=1").sequential
    assert [name for name in target_names() if load_target(name).sequential] == ["cortex-m4", "generic-fpga", "xylo-a2"]


@pytest.mark.parametrize(
    ("name", "setting", "reason"),
    [
        ("horowitz45-int8", "allocations.assumed.synapse=2", "allocation 'assumed' is unknown; there are: none"),
        ("loihi1", "neuron_factor=none", "a factor cannot be unpriced"),
        ("generic-fpga", "neuron_factor=3", "BRF's own here"),
    ],
)
def test_settings_that_mean_nothing_are_refused(name, setting, reason):
    with pytest.raises(InvalidInput, match=reason):
        override(load_target(name), setting)


def test_xylo_has_a_latency_once_its_limits_are_lifted():
    lifted = override(load_target("xylo-a2"), "limits.state_bytes_per_neuron=none")
    network, messages, trace, _ = verilog_case((12,), 0)
    found = of(network, messages, trace, lifted)
    assert not found.untimed
    assert found.work.timing.busy_time.nominal > 0
    assert found.operations[0].total_energy is None  # energies are unpriced


def test_price_tables_without_times_state_no_static_energy():
    network, messages, trace, _ = verilog_case((12,), 0)
    for name in ("horowitz45-int8", "fp32-convention"):
        found = of(network, messages, trace, load_target(name))
        assert found.unpriced == ()
        assert found.operations[0].static_power.high == 0
        assert found.operations[0].static_energy is None


def test_the_index_page_names_every_command_that_takes_set(manual):
    commands = [entry.load() for entry in entry_points(group="brf_deploy.commands")]
    names = [command.name for command in commands if any("--set" in option.opts for option in command.params)]
    assert "report" in names
    sentence = re.search(r"`--set KEY=VALUE` of (.*?) replaces", manual["targets/README.md"])[1]
    assert set(re.findall(r"`(\w+)`", sentence)) == set(names)


def test_a_file_may_build_on_the_shipped_target_of_its_name(tmp_path):
    (tmp_path / "loihi2.toml").write_text('based_on = "loihi2"\ntitle = "mine"\n')
    assert load_target(str(tmp_path / "loihi2.toml")).energy == load_target("loihi2").energy


def test_cortex_m4_times_are_the_counted_instructions():
    """benchmarks/results/backend_speed.md has 4,383 instructions a step of the ECG network.

    Of its counts a step: 36 neurons, 6 outputs, 5.3 spikes (6,913 in 1,300 steps) to 36 neurons and 6 outputs, 0.3
    input events to 36 neurons. Within 10 %: instructions vary with the compiler's code for a block of weights.
    """
    time = {term: figure.nominal / (1.4 * 12.5) for term, figure in load_target("cortex-m4").time.items()}
    operations = 6913 / 1300 * (36 + 6) + 0.3 * 36
    found = 36 * time["neuron_updates_driven"] + 6 * time["readout_updates"] + operations * time["synaptic_operations"]
    assert found == pytest.approx(4383, rel=0.1)


def test_override_changes_one_figure_and_says_so():
    target = override(
        load_target("loihi2"),
        "limits.axons_in_per_core=2048", "limits.fan_in=none", "limits.mesh = 10x4", "limits.operations=add,shift",
        "energy.barriers=0:5:7", "energy.spikes=none", "time.synaptic_operations=3", "static_power=0.2",
        "neuron_factor=1", "allocations.assumed.synapse=2",
    )  # fmt: skip
    assert target.limits.axons_in_per_core == 2048
    assert target.origins["axons_in_per_core"].grade is Grade.ASSUMED
    assert target.limits.fan_in is None
    assert target.limits.mesh == (10, 4)
    assert target.limits.operations == {"add", "shift"}
    assert target.energy["barriers"].bounds == (0, 5, 7)
    assert (target.energy["barriers"].unit, target.energy["barriers"].source) == ("pJ", "--set")
    assert "spikes" not in target.energy
    assert target.time["synaptic_operations"].nominal == 3
    assert target.static_power.nominal == 0.2
    assert target.neuron_factor.bounds == (1, 1, 1)
    assert target.allocations["assumed"].synapse == 2
    assert target.assumptions[-1] == "Set by the user: allocations.assumed.synapse = 2."
    assert load_target("loihi2").limits.axons_in_per_core == 4096


def test_override_of_the_barrier_time_replaces_the_table_by_routers():
    assert override(load_target("loihi1"), "time.barriers=800").barriers_by_routers == ()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("", "expected limits.NAME=VALUE"),
        ("limits.chips", "expected limits.NAME=VALUE"),
        ("limits.chips=", "expected limits.NAME=VALUE"),
        ("limits.cores=3", "limit 'cores' is unknown; there are: chips, cores_per_chip"),
        ("limits.chips=0", r"0 found, expected an integer in 1\.\.2\^62"),
        ("limits.chips=none", "'none' found, expected an integer"),
        ("limits.fan_in=-1", r"-1 found, expected an integer in 0\.\.2\^62 or 'none'"),
        ("limits.fan_in=many", "'many' found, expected an integer"),
        ("limits.fan_in=9" + "0" * 40, "expected an integer"),
        ("limits.mesh=8", "expected columns and rows"),
        ("limits.mesh=0x4", "expected columns and rows"),
        ("limits.operations=think", "expected a list of some of: add, multiply"),
        ("limits.cores_per_chip=129", "129 cores a chip found, but a mesh of 8 x 4 routers with 4 cores each has 128"),
        ("energy.thoughts=1", "term 'thoughts' is unknown; there are: spikes"),
        ("energy.spikes=1:2", "expected one number, or three that rise"),
        ("energy.spikes=3:2:1", "expected one number, or three that rise"),
        ("energy.spikes=nan", "'nan' found, expected a number"),
        ("energy.spikes=-1", "'-1' found, expected a number"),
        ("energy.spikes=inf", "'inf' found, expected a number"),
        ("allocations.lavish.synapse=1", "allocation 'lavish' is unknown; there are: optimistic, assumed"),
        ("allocations.assumed.colour=1", "part of an allocation 'colour' is unknown"),
        ("colour=blue", "key 'colour' is unknown"),
    ],
)
def test_override_refuses(setting, message):
    with pytest.raises(InvalidInput, match=rf"target 'loihi2', setting '{re.escape(setting)}': .*{message}"):
        override(load_target("loihi2"), setting)


def test_limits_of_a_price_table_cannot_be_set():
    with pytest.raises(
        InvalidInput, match=r"target 'fp32-convention', .*key 'limits.chips' is unknown, or not of this"
    ):
        override(load_target("fp32-convention"), "limits.chips=1")


def test_figure_and_allocation_refuse_what_is_no_cost():
    with pytest.raises(InvalidInput, match="0 <= low <= nominal <= high"):
        Figure(1, 2, np.nan, "pJ", "x", Grade.ASSUMED)
    with pytest.raises(InvalidInput, match="synapse is -1 bytes"):
        Allocation(0, -1, 0, 0)
