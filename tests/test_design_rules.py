"""Design rules: each is broken once, bounds hold on real runs, and `brf-deploy check` says it all."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network

from brf_deploy.certificate import reset
from brf_deploy.cli import main
from brf_deploy.errors import InvalidInput
from brf_deploy.layers import Synapses
from brf_deploy.network_file import load_network
from brf_deploy.reference import REFERENCE
from brf_hardware.targets import load_target, override, target_names
from brf_hardware.targets.demand import Case, signed_bits, title
from brf_hardware.targets.pages import pages
from brf_hardware.targets.rules import RULES, check_rules
from brf_hardware.targets.word_rules import accumulator_bits, product_bits, state_bits

DOCS = Path(__file__).resolve().parents[1] / "docs"
CHIPS = [name for name in target_names() if load_target(name).limits is not None]


PIXELS = {"maximum": 255, "full_scale": 255}


def broken(network, target, allocation="assumed"):
    """Violations by rule."""
    return {
        verdict.rule: verdict.violations for verdict in check_rules(network, target, allocation) if verdict.violations
    }


def set_loihi2(*overrides):
    return override(load_target("loihi2"), *overrides)


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_docstring_is_the_message_and_the_page(rule):
    page = (DOCS / "design-rules.md").read_text("utf-8")
    assert title(rule).endswith(".")
    assert f"## {rule.__name__}\n\n{title(rule)}\n" in page


def test_page_is_that_of_the_rules():
    expected = pages()["design-rules.md"]
    assert (DOCS / "design-rules.md").read_text("utf-8") == expected, "run: python -m brf_hardware.targets.pages docs"


@pytest.mark.parametrize("neurons", [(7,), (6, 4), (3, 5, 2)])
@pytest.mark.parametrize("recurrent", [True, False])
def test_small_networks_fit_programmable_chips_only(neurons, recurrent):
    network = random_network(neurons=neurons, recurrent=recurrent)
    for name in ("loihi2", "loihi2-128", "cortex-m4", "generic-fpga", "spinnaker2-testchip"):
        # Powers of two of random weights lie up to 16 apart, which no trained network's do.
        assert broken(network, override(load_target(name), "limits.accumulator_bits=none")) == {}, name
    for name in ("loihi1", "xylo-a2"):
        found = broken(network, load_target(name))["operations"]
        assert {demand.where for demand in found} >= {
            f"layer '{layer.name}', multiply (rotation, decay and gain of q)" for layer in network.layers
        }


def test_xylo_says_why_it_cannot_host_brf():
    found = broken(random_network(), load_target("xylo-a2"))
    assert {"operations", "state_bits", "coefficient_bits"} <= set(found)
    assert found["operations"][0].remedy.startswith("take a target with programmable neurons")


@pytest.mark.parametrize(
    ("change", "setting", "place", "found", "remedy"),
    [
        ({"state_bits": 32}, "", "state_bits: layer 'hidden', u and v", "32 bits", "fewer --state-bits"),
        ({"weight_bits": 9}, "", "weight_bits: layer 'hidden', input weights, target ", "9 bits", "--weight-bits 8"),
        ({}, "limits.coefficient_bits=11", "coefficient_bits: layer 'hidden', neuron ", "12 bits", "ient-bits 11"),
        ({}, "limits.coefficient_bits=15", "coefficient_bits: layer 'hidden', decay of q", "16 bits", "Refractory"),
        ({}, "limits.accumulator_bits=9", "accumulator_bits: layer 'hidden', neuron ", "bits", "prune"),
        ({}, "limits.product_bits=32", "product_bits: layer 'hidden', neuron ", "45 bits", "fewer --state-bits"),
        (PIXELS, "limits.message_bits=4", "message_bits: input messages, payload", "8 bits", "binary inputs"),
        (PIXELS, "limits.message_bits=0", "message_bits: input messages, payload", "8 bits", "binary inputs"),
        (
            {},
            "limits.state_bytes_per_neuron=13",
            "neuron_state: layer 'hidden', each neuron",
            "14 bytes",
            "--state-bits",
        ),
        ({}, "limits.synapse_memory_bytes=40", "neuron_memory: layer 'hidden', neuron ", "44 bytes", "prune its 11"),
        ({}, "limits.core_memory_bytes=300", "neuron_memory: layer 'hidden', neuron ", "426 bytes", "prune its 11"),
        ({}, "limits.fan_in=10", "fan_in: layer 'hidden', neuron ", "11 synapses", "prune incoming"),
        ({}, "limits.axons_in_per_core=1", "fan_in: layer 'hidden', neuron ", "11 axons in", "prune incoming"),
        ({}, "limits.fan_out=9", "fan_out: layer 'hidden', neuron ", "10 synapses", "prune outgoing"),
        ({}, "limits.largest_delay=0", "delays: layer 'hidden', recurrence", "1 step", "next step"),
        ({}, "limits.operations=add,shift,compare", "operations: layer 'hidden', multiply", "needed", "programmable"),
        ({}, "limits.neurons_per_core=0", "neuron_total: network", "10 neurons", "split the layer"),
        ({}, "limits.synapse_memory_bytes=0", "memory_total: network, synapses", "412 bytes", "split the layer"),
    ],
)
def test_violation_names_place_limit_and_way_out(change, setting, place, found, remedy):
    target = set_loihi2(*filter(None, [setting]))
    rule, where = place.split(": ")
    demand = broken(random_network(**change), target)[rule][0]
    assert demand.where.startswith(where)
    assert found in demand.found
    assert remedy in demand.remedy


def test_way_out_is_one_that_exists():
    found = broken(random_network(), set_loihi2("limits.weight_bits=1", "limits.coefficient_bits=3"))
    assert found["weight_bits"][0].remedy == found["coefficient_bits"][0].remedy == "take a target with wider words"


@pytest.mark.parametrize(
    "setting",
    [
        "state_bytes_per_neuron=14", "fan_in=11", "fan_out=10", "product_bits=45", "coefficient_bits=16",
        "state_bits=24", "weight_bits=8", "synapse_memory_bytes=412", "axons_in_per_core=11", "neurons_per_core=10",
    ],
)  # fmt: skip
def test_limit_that_is_just_met_holds(setting):
    assert broken(random_network(), set_loihi2("limits.accumulator_bits=none", f"limits.{setting}")) == {}


@pytest.mark.parametrize(("largest", "bits"), [(-128, 8), (127, 8), (128, 9), (-129, 9), (1, 2), (0, 1)])
def test_weights_are_judged_by_what_is_there(largest, bits):
    network = random_network(weight_bits=16, readout_weight_bits=8, recurrent=False)
    mantissa = np.zeros_like(network.layers[0].input.mantissa)
    mantissa[3, 1] = largest
    layer = replace(network.layers[0], input=Synapses(mantissa, network.layers[0].input.exponent))
    verdicts = check_rules(replace(network, layers=(layer,)), load_target("loihi2"))
    demand = next(verdict for verdict in verdicts if verdict.rule == "weight_bits").demands[0]
    assert demand.found == f"{bits} bit{'s' if bits > 1 else ''}"
    assert demand.where == f"layer 'hidden', input weights, target {3 if largest else 0}"
    assert demand.holds == (bits <= 8)


def test_zero_weights_are_no_synapses():
    network = random_network(recurrent=False)
    layer = replace(network.layers[0], input=Synapses(np.zeros((8, 3), np.int64), np.zeros(8, np.int64) + 6))
    assert broken(replace(network, layers=(layer,)), set_loihi2("limits.axons_in_per_core=8")) == {}


def at(bits, start):
    """Bits at the one place that begins so."""
    (found,) = (value for where, value in bits.items() if where.startswith(start))
    return found


def bits_of(rule, network):
    """Bits by place, for a chip without limits."""
    target = load_target("cortex-m4")
    case = Case(network, target, target.limits, "assumed")
    return {demand.where: int(demand.found.split()[0]) for demand in rule(case)}


def accumulated(network, layer, below, spikes):
    """Largest magnitude that one accumulator for all of a neuron's weights reaches, in the finer unit of the two."""
    drive = below @ layer.input.mantissa.T
    if layer.recurrent is None:
        return int(np.abs(drive).max())
    fraction = layer.state_fraction if layer is not network.layers[0] else network.input_fraction(0)
    shifts = layer.input.shift(fraction), layer.recurrent.shift(layer.state_fraction)
    unit = np.minimum(*shifts)
    fed_back = spikes[:-1].astype(np.int64) @ layer.recurrent.mantissa.T
    drive = drive << (shifts[0] - unit)
    drive[1:] += fed_back << (shifts[1] - unit)
    return int(np.abs(drive).max())


@given(network=integer_networks(), seed=st.integers(0, 1000))
@settings(max_examples=25)
def test_no_run_goes_beyond_the_analysed_ranges(network, seed):
    """What a run reaches fits the words that the analysis says, for every value of section 2.3 of arithmetic.md."""
    messages = messages_for(network, 30, 2, seed)
    trace = REFERENCE.run(network, messages)
    words, sums, products = (bits_of(rule, network) for rule in (state_bits, accumulator_bits, product_bits))
    below = network.encoding.present(messages)
    arithmetic = network.arithmetic
    for layer, kept in zip(network.layers, trace.layers, strict=True):
        where = f"layer '{layer.name}'"
        u, v, q = (kept.states[name].astype(np.int64) for name in "uvq")
        assert signed_bits(int(q.max())) <= words[f"{where}, q"]
        assert signed_bits(layer.threshold + int(q.max())) <= words[f"{where}, threshold + q"]
        assert signed_bits(accumulated(network, layer, below, kept.spikes)) <= at(sums, where)
        damping, rotation = layer.coefficients(arithmetic)
        operand = (
            (1 << arithmetic.accumulator_fraction)
            - damping
            - reset(q, layer.refractory, layer.state_fraction, arithmetic)
        )
        assert signed_bits(int(np.abs(operand).max())) <= at(words, f"{where}, neuron")
        for rotated in (operand * u - rotation * v, operand * v + rotation * u):
            assert signed_bits(int(np.abs(rotated).max())) <= at(products, f"{where}, neuron")
        below = kept.spikes.astype(np.int64)


def test_network_that_fits_nowhere():
    """1,200 neurons with 16-bit weights: too wide for neuromorphic chips, too large for one core elsewhere."""
    network = random_network(neurons=(1200,), weight_bits=16, state_bits=28, **PIXELS)
    for name in CHIPS:
        assert broken(network, load_target(name)), name
    assert "memory_total" in broken(network, load_target("cortex-m4"))
    assert "weight_bits" in broken(network, load_target("loihi2"))


@pytest.mark.parametrize(("chips", "holds"), [(1, True), (2, True), (3, False)])
def test_mapping_is_asked_for_the_number_of_chips(monkeypatch, chips, holds):
    monkeypatch.setattr("brf_hardware.mapping.map_network", lambda *_: SimpleNamespace(chips=chips))
    verdict = check_rules(random_network(), set_loihi2("limits.chips=2"))[-1]
    assert (verdict.rule, verdict.demands[0].holds) == ("mapping", holds)


def test_mapping_that_finds_no_place_is_a_violation_with_its_reason(monkeypatch):
    def refuse(*_):
        raise InvalidInput("neuron 3 fits no core")

    monkeypatch.setattr("brf_hardware.mapping.map_network", refuse)
    assert broken(random_network(), load_target("loihi2"))["mapping"][0].remedy == "neuron 3 fits no core"


def test_mapper_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.delattr("brf_hardware.mapping.map_network")
    demand = check_rules(random_network(), load_target("loihi2"))[-1].demands[0]
    assert demand.holds
    assert demand.found.startswith("not mapped: cannot import name 'map_network'")
    assert demand.limit == "totals only"


def test_price_table_cannot_be_checked():
    with pytest.raises(InvalidInput, match="target 'fp32-convention' is a table of prices without limits"):
        check_rules(random_network(), load_target("fp32-convention"))
    with pytest.raises(
        InvalidInput, match="target 'loihi2' has no allocation 'lavish'; there are: optimistic, assumed"
    ):
        check_rules(random_network(), load_target("loihi2"), "lavish")


@pytest.mark.parametrize(("task", "graded"), [("ecg", False), ("smnist", True)])
def test_published_networks_on_every_chip(task, graded, data_dir, tmp_path):
    """Published checkpoints, quantised with the defaults: all programmable chips take them, fixed LIF chips cannot."""
    checkpoint = data_dir / "checkpoints" / f"{task}_brf.pt"
    if not checkpoint.is_file():
        pytest.skip(f"no checkpoint at {checkpoint}: fetch it with `brf-deploy data fetch checkpoints {task}`")
    model, net = tmp_path / "model.safetensors", tmp_path / "net.nir"
    run("import", checkpoint, "--neuron", "brf", "--task", task, "--out", model)
    run("quantize", model, "--out", net, "--data", data_dir, "--calibration-samples", 4)
    network = load_network(net)
    found = {name: set(broken(network, load_target(name))) for name in CHIPS}
    # How full four cores of the test chip may be is for the mapper's own tests to say.
    found["spinnaker2-testchip"].discard("mapping")
    assert {name: not rules for name, rules in found.items()} == {
        name: not name.startswith(("loihi1", "xylo")) for name in CHIPS
    }
    # Pixels are graded messages, which Loihi 1 does not have.
    assert ("message_bits" in found["loihi1"]) == graded
