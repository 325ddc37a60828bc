"""Latency, energy and budgets: prices times counts, refused totals, and clear errors."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from deployed import published_run
from networks import messages_for, random_network
from test_ledger import EVENTS, TRACE, on_cores, split, toy

from brf_deploy.errors import InvalidInput
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import LayerTrace, Record, Trace
from brf_hardware.cost.as_data import COLUMNS, as_csv, as_dict
from brf_hardware.cost.baseline import dense_operations
from brf_hardware.cost.budget import IMMORTAL_RATE
from brf_hardware.cost.estimate import Costing, estimate
from brf_hardware.cost.range import Range
from brf_hardware.cost.tables import quantity, tables
from brf_hardware.mapping.mapping import Core
from brf_hardware.targets import load_target
from brf_hardware.targets.figure import Figure, Grade
from brf_hardware.targets.target import Target
from brf_hardware.targets.terms import ENERGY_TERMS, TIME_TERMS

LOIHI = load_target("loihi1").limits


def figure(low, nominal, high, unit):
    return Figure(low, nominal, high, unit, "this test", Grade.ASSUMED)


def priced(energy=None, time=None, **changes):
    """A target on which every term costs 1, 2, 3 pJ and 1, 2, 4 ns, but for what a test sets."""
    costs = {term: figure(1, 2, 3, "pJ") for term in ENERGY_TERMS} | (energy or {})
    times = {term: figure(1, 2, 4, "ns") for term in TIME_TERMS} | (time or {})
    values = {
        "name": "toy",
        "title": "Toy",
        "description": "",
        "limits": None,
        "allocations": {},
        "energy": {term: cost for term, cost in costs.items() if cost is not None},
        "time": {term: cost for term, cost in times.items() if cost is not None},
        "static_power": figure(0.1, 0.2, 0.3, "W"),
    }
    return Target(**(values | changes))


def toy_estimate(target, **options):
    return estimate(toy(), TRACE, target, messages=EVENTS, **options)


def test_every_term_is_counted_times_priced():
    found = toy_estimate(priced())
    counts = sum(vars(found.ledger).values())
    dynamic = found.operations[0].dynamic_energy
    assert dynamic.bounds == pytest.approx((counts * 1e-12, counts * 2e-12, counts * 3e-12))
    assert sum(term.count for term in found.terms) == counts
    assert sum(found.share(energy) for energy in found.energy_by_term.values()) == pytest.approx(1)
    assert {term.population for term in found.terms} == {"hidden", "readout"}


def test_latency_of_a_step_by_hand():
    """The three steps of the toy on one core, where everything takes 1, 2 or 4 ns."""
    found = toy_estimate(priced())
    times = found.work.timing
    # Updates of three neurons and a readout, spikes, their messages.
    neurons = [4 + 1 + 1, 4 + 1 + 1, 4 + 2 + 2]
    # Messages received, then rows with their zeros: an input's and a neuron's hold 3 weights, the readout's 1.
    messages = [2 + 6 + 1, 2 + 6 + 0, 3 + 3 + 2]
    memory = [1 + 1 + 1, 1 + 1 + 0, 1 + 2]
    links = [1, 1, 2]
    longest = [max(stages) for stages in zip(neurons, messages, memory, links, strict=True)]
    assert times.busy_time.low == pytest.approx(sum(max(1, work) for work in longest) * 1e-9)
    assert times.busy_time.nominal == pytest.approx(sum(2 + 2 * work for work in longest) * 1e-9)
    sums = [sum(stages) for stages in zip(neurons, messages, memory, links, strict=True)]
    assert times.busy_time.high == pytest.approx(sum(4 + 4 * work for work in sums) * 1e-9)
    assert times.worst_step.nominal == pytest.approx((2 + 2 * max(longest)) * 1e-9)
    assert found.bound_by == pytest.approx({"neurons": 1 / 3, "messages": 2 / 3, "memory": 0, "links": 0})


def cut(trace, start, stop):
    layers = tuple(LayerTrace(layer.spikes[start:stop]) for layer in trace.layers)
    return Trace(layers, trace.readout[start:stop])


def test_the_busiest_core_decides_and_not_the_mean():
    network = random_network(neurons=(12,))
    messages = messages_for(network, 20, 2)
    trace = REFERENCE.run(network, messages, Record.SPIKES)
    target = priced(limits=LOIHI)
    spread = split(network, 4)
    lopsided = replace(spread, placement=(np.array([0] * 9 + [1, 2, 3]), spread.placement[1]))
    times = [
        estimate(network, trace, target, messages=messages, mapping=mapping).work.timing.busy_time.nominal
        for mapping in (spread, lopsided)
    ]
    assert times[0] < times[1]


def test_a_link_can_decide():
    slow = {"hops_east_west": figure(500, 500, 500, "ns")}
    mapping = on_cores(Core(0, 0, 0, 0), Core(0, 1, 0, 0))
    found = toy_estimate(priced(time=slow, limits=LOIHI), mapping=mapping)
    assert found.bound_by["links"] == 1
    # One message from core 0 to core 1 a step, and the barrier.
    assert found.work.timing.busy_time.nominal == pytest.approx(3 * 502e-9)


def test_barriers_take_the_time_of_the_routers_they_span():
    table = ((1, 600.0), (2, 1000.0), (4, 1400.0))
    target = priced(barriers_by_routers=table, limits=LOIHI)
    near, far = (on_cores(Core(0, 0, 0, 0), core) for core in (Core(0, 0, 0, 1), Core(0, 1, 0, 0)))
    assert Costing.of(toy(), target, near).prices.time["barriers"] == Range(1, 600, 600)
    assert Costing.of(toy(), target, far).prices.time["barriers"] == Range(1, 1000, 1000)
    wide = priced(time={"barriers": figure(100, 800, 1800, "ns")}, barriers_by_routers=table, limits=LOIHI)
    assert Costing.of(toy(), wide, far).prices.time["barriers"] == Range(100, 1000, 1800)


def test_static_energy_is_power_times_time_times_chips_at_both_speeds():
    target = priced(limits=LOIHI, host_power=figure(0, 1, 2, "W"))
    mapping = on_cores(Core(0, 0, 0, 0), Core(1, 0, 0, 0))
    fast, real = toy_estimate(target, mapping=mapping, period=1e-3).operations
    assert fast.static_energy.nominal == pytest.approx(2 * 0.2 * fast.execution_time.nominal)
    assert real.execution_time == Range(3e-3, 3e-3, 3e-3)
    assert real.static_energy.bounds == pytest.approx((2 * 0.1 * 3e-3, 2 * 0.2 * 3e-3, 2 * 0.3 * 3e-3))
    assert real.host_energy.bounds == pytest.approx((0, 2 * 3e-3, 4 * 3e-3))
    assert real.total_energy.nominal == pytest.approx(real.static_energy.nominal + real.dynamic_energy.nominal)
    assert real.dynamic_power.nominal == pytest.approx(real.dynamic_energy.nominal / 3e-3)


def test_energies_are_of_one_sample():
    network = random_network()
    messages = messages_for(network, 10, 1)
    one, four = (
        estimate(network, REFERENCE.run(network, many), priced(), messages=many)
        for many in (messages, np.repeat(messages, 4, axis=1))
    )
    assert four.work.samples == 4
    for name in ("execution_time", "dynamic_energy", "static_energy", "total_energy"):
        pair = [getattr(found.operations[0], name).bounds for found in (one, four)]
        assert pair[0] == pytest.approx(pair[1])


def test_a_brf_update_costs_its_factor_and_an_idle_neuron_turns_all_the_same():
    factor = figure(1, 3, 6, "LIF updates")
    terms = {"neuron_updates_idle": figure(50, 51, 52, "pJ"), "neuron_updates_driven": figure(60, 70, 80, "pJ")}
    prices = Costing.of(toy(), priced(energy=terms, neuron_factor=factor)).prices.energy
    assert prices["neuron_updates_driven"] == Range(60, 210, 480)
    assert prices["neuron_updates_idle"] == Range(50, 210, 480)
    assert prices["readout_updates"] == Range(1, 2, 3)  # a LIF without a spike
    plain = Costing.of(toy(), priced(energy=terms)).prices.energy
    assert plain["neuron_updates_idle"] == Range(50, 51, 52)


@pytest.mark.parametrize("term", ["barriers", "spikes", "host_bytes_in"])
def test_a_term_without_a_price_makes_totals_refuse(term):
    found = toy_estimate(priced(energy={term: None}))
    assert found.unpriced == (term,)
    for operation in found.operations:
        assert operation.dynamic_energy is None
        assert operation.total_energy is None
        assert operation.dynamic_power is None
        assert operation.static_energy is not None
    assert found.share(found.energy_by_term["axon_messages"]) is None
    assert found.energy_by_term[term] is None
    assert found.energy_by_term["axon_messages"] is not None


def test_a_term_that_did_not_occur_needs_no_price():
    found = toy_estimate(priced(energy={"chip_crossings": None}, time={"graded_operations": None}))
    assert found.unpriced == ()
    assert found.untimed == ()
    assert found.operations[0].total_energy is not None


def test_a_term_without_a_time_makes_latency_refuse():
    found = toy_estimate(priced(time={"synaptic_operations": None, "barriers": None}))
    assert found.untimed == ("synaptic_operations", "barriers")
    assert found.work.timing is None
    assert found.budgets == ()
    assert found.bound_by == {}
    assert not found.over_budget
    assert {operation.execution_time for operation in found.operations} == {None}
    assert found.operations[0].static_energy is None
    assert found.operations[0].total_energy is None
    assert found.operations[0].dynamic_energy is not None
    assert as_dict(found)["latency"] is None


def test_no_static_power_makes_totals_refuse():
    found = toy_estimate(priced(static_power=None))
    assert found.unpriced == ("static_power",)
    assert found.operations[0].total_energy is None


def test_a_processor_does_one_thing_after_another():
    overlapped, sequential = (
        toy_estimate(priced(sequential=one_by_one)).work.timing.busy_time for one_by_one in (False, True)
    )
    assert overlapped.nominal < sequential.nominal
    assert overlapped.high == sequential.high


def busy(spikes_in_first, steps=100):
    """Two layers of four neurons that do not hear each other; of the first, one neuron fires in given steps."""
    network = random_network(neurons=(4, 4), recurrent=False)
    layers = tuple(LayerTrace(np.zeros((steps, 1, 4), bool)) for _ in range(2))
    layers[0].spikes[:spikes_in_first, 0, 0] = True
    messages = np.zeros((steps, 1, network.inputs), int)
    return network, Trace(layers, np.zeros((steps, 1, network.outputs), np.int32)), messages


def test_budget_is_the_time_that_is_left_over_the_time_of_a_spike():
    free = {term: figure(0, 0, 0, "ns") for term in TIME_TERMS}
    times = free | {"spikes": figure(10, 10, 10, "ns"), "barriers": figure(100, 100, 100, "ns")}
    times |= {"neuron_updates_idle": figure(5, 5, 5, "ns"), "neuron_updates_driven": figure(5, 5, 5, "ns")}
    network, trace, messages = busy(50)
    found = estimate(network, trace, priced(time=times), messages=messages, period=200e-9)
    first, second = found.budgets
    # 200 ns less 100 ns of the barrier and 8 updates of 5 ns leave 60 ns for spikes of 10 ns.
    assert first.budget == pytest.approx(6)
    assert first.spent == 0.5
    assert first.headroom == pytest.approx(12)
    assert first.limited_by == "neurons of core 0"
    # The second layer has what the first one leaves.
    assert second.budget == pytest.approx(5.5)
    assert second.headroom == np.inf
    assert second.dead.tolist() == [0, 1, 2, 3]
    assert first.dead.tolist() == [1, 2, 3]
    assert first.immortal.tolist() == [0]
    assert IMMORTAL_RATE == 0.5
    assert not found.over_budget


def test_neurons_and_layers_over_their_budget_are_found():
    times = {term: figure(0, 0, 0, "ns") for term in TIME_TERMS} | {"spikes": figure(10, 10, 10, "ns")}
    network, trace, messages = busy(50)
    found = estimate(network, trace, priced(time=times), messages=messages, period=10e-9)
    assert found.budgets[0].budget == pytest.approx(1)
    assert found.budgets[0].neuron_budget == pytest.approx(1 / 4)
    assert found.budgets[0].over.tolist() == [0]
    assert not found.budgets[0].exceeded
    slower = estimate(network, trace, priced(time=times), messages=messages, period=4e-9)
    assert slower.budgets[0].exceeded
    assert slower.over_budget
    assert slower.budget_failures[1] == "1 of 1 samples take longer than their steps last"
    assert slower.work.timing.late_steps == 50
    assert slower.work.timing.late_samples == 1


def test_no_time_is_left_where_the_barrier_takes_the_period():
    network, trace, messages = busy(10)
    found = estimate(network, trace, priced(), messages=messages, period=1e-9)
    assert [budget.budget for budget in found.budgets] == [0, 0]
    assert found.over_budget


def test_works_of_chunks_add_to_the_work_of_the_whole():
    network = random_network(neurons=(7, 5))
    messages = messages_for(network, 15, 6)
    trace = REFERENCE.run(network, messages, Record.SPIKES)
    costing = Costing.of(network, priced())
    whole = costing.estimate(costing.measure(messages, trace))
    parts = [
        costing.measure(messages[:, part], REFERENCE.run(network, messages[:, part], Record.SPIKES))
        for part in (slice(0, 2), slice(2, 6))
    ]
    added = costing.estimate(parts[0] + parts[1])
    assert added.work.ledgers == whole.work.ledgers
    assert added.work.timing.late_steps == whole.work.timing.late_steps
    for a, b in zip(added.operations, whole.operations, strict=True):
        assert a.total_energy.bounds == pytest.approx(b.total_energy.bounds)  # floats added in another order
    with pytest.raises(InvalidInput, match="runs of 15 and 4 steps cannot be added"):
        parts[0] + costing.measure(messages[:4], cut(trace, 0, 4))


def test_dense_networks_of_the_same_size():
    """S-MNIST 1-256-10: 784 x (256 + 65,536 + 2,560) is 53.6 million (energy.md), three times the gates for a GRU."""
    network = random_network(inputs=1, neurons=(256,), outputs=10)
    assert 784 * dense_operations(network, 1) == 53_587_968
    assert dense_operations(network, 3) == 3 * (256 + 65_536) + 2_560
    found = toy_estimate(priced())
    rnn, gru, ours, convention = found.baselines
    operations = 3 * (6 + 9 + 3)
    assert (rnn.operations, gru.operations, convention.operations) == (operations, 3 * (3 * 15 + 3), operations)
    # int8: 0.23 pJ (0.3 with 32-bit sums) and an eighth of a 64-bit read of 10, 20, 100 pJ.
    per_operation = [bound / operations for bound in rnn.energy.bounds]
    assert per_operation == pytest.approx([0.23e-12 + 1.25e-12, 0.3e-12 + 2.5e-12, 0.3e-12 + 12.5e-12])
    assert convention.energy.nominal == pytest.approx(operations * 4.6e-12)
    assert ours.energy.nominal == pytest.approx(found.ledger.synaptic_operations * 0.9e-12)
    assert "convention" in ours.label
    assert "no estimate" in ours.source


@pytest.mark.parametrize("period", [0, -1.0, float("nan"), float("inf")])
def test_a_period_that_is_none_is_refused(period):
    with pytest.raises(InvalidInput, match="a positive number of seconds is needed"):
        toy_estimate(priced(), period=period)


def test_a_mapping_that_does_not_belong_is_refused():
    mapping = on_cores(Core(0, 0, 0, 0), Core(0, 0, 0, 1))
    with pytest.raises(InvalidInput, match="made for target 'toy', the estimate is for 'loihi2'; map onto that one"):
        toy_estimate(load_target("loihi2"), mapping=mapping)
    network = random_network(neurons=(5,))
    with pytest.raises(InvalidInput, match="map this network again"):
        Costing.of(network, priced(limits=LOIHI), mapping)


def test_an_empty_trace_is_refused():
    none = Trace((LayerTrace(np.zeros((0, 1, 3), bool)),), np.zeros((0, 1, 1), np.int32))
    with pytest.raises(InvalidInput, match="trace: 0 steps of 1 samples found, one of each is needed"):
        estimate(toy(), none, priced(), messages=EVENTS[:0])


def test_messages_the_network_cannot_take_are_refused():
    with pytest.raises(InvalidInput, match=r"0\.\.1"):
        estimate(toy(), TRACE, priced(), messages=7 * EVENTS)


def test_json_and_csv_hold_what_the_tables_show():
    found = toy_estimate(priced())
    data = as_dict(found)
    assert data["ledger"]["total"] == vars(found.ledger)
    assert data["ledger"]["hidden"]["spikes"] == 4
    assert set(data["operations"]) == {"maximum speed", "real time"}
    rows = list(csv.DictReader(io.StringIO(as_csv([found]))))
    assert tuple(rows[0]) == COLUMNS
    terms = [row for row in rows if row["part"] in ("hidden", "readout") and row["unit"] == "J"]
    (budget,) = (row for row in rows if row["quantity"] == "spike_budget")
    assert float(budget["count"]) == found.budgets[0].spent
    nominal = found.operations[0].dynamic_energy.nominal
    assert sum(float(row["nominal"]) for row in terms) == pytest.approx(nominal)
    assert sum(float(row["share"]) for row in terms) == pytest.approx(1)
    assert {row["grade"] for row in terms} == {"assumed"}
    titles = [str(table.title) for table in tables(found)]
    assert titles[0].startswith("counts")  # counts first, then prices
    assert len(titles) == 6


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "J", "0 J"),
        (16.49e-6, "J", "16.5 µJ"),
        (1.5, "s", "1.5 s"),
        (2.2e-3, "s", "2.2 ms"),
        (3e-15, "J", "0.003 pJ"),
        (999.7e-6, "J", "1 mJ"),
        (12_345.6, "J", "12,346 J"),
    ],
)
def test_quantities_read_well(value, unit, text):
    assert quantity(value, unit) == text


def test_the_verilog_core_takes_the_cycles_that_it_was_measured_to_take(data_dir):
    """531 cycles a step on the mean of all ECG records, 41.7 ns each at 24 MHz; here the first record."""
    from brf_hardware.verilog.cycles import cycle_model

    run, target = published_run("ecg", data_dir, 1), load_target("generic-fpga")
    mapping = replace(split(run.network, 1), target="generic-fpga")
    found = estimate(run.network, run.trace, target, messages=run.messages, mapping=mapping)
    cycles = cycle_model(run.network).of_run(run.presented, run.trace).sum()
    # Beats without an event and the depth of the pipeline are not terms of the ledger.
    assert found.work.timing.busy_time.nominal == pytest.approx(cycles * 41.7e-9, rel=0.02)
