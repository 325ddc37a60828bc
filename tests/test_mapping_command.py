"""`brf-deploy map`: tables, JSON, pictures and what it refuses."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from networks import messages_for, random_network
from topologies import random_topology, target

from brf_deploy.cli import main
from brf_deploy.network_file import load_network, save_network
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import LayerTrace, Trace
from brf_hardware.mapping import map_network
from brf_hardware.mapping.picture import write_picture


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.nir"
    save_network(random_network(inputs=4, neurons=(40, 30), outputs=3), path)
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["map", *map(str, arguments)])


def test_both_allocations_and_every_core_are_shown(net):
    result = run(net, "--target", "loihi2", "--set", "limits.neurons_per_core=12")
    assert result.exit_code == 0, result.output
    for words in ("optimistic", "assumed", "links passed", "in neuron order", "hops east-west", "fullest"):
        assert words in result.output
    assert result.output.count("0/") >= 7  # 73 neurons on seven cores of chip 0


def test_json_holds_every_neuron_and_core(net, tmp_path):
    file = tmp_path / "map.json"
    assert run(net, "--target", "loihi2,loihi1", "--set", "limits.neurons_per_core=12", "--json", file).exit_code == 0
    found = json.loads(file.read_text())["mappings"]
    assert [(one["target"], one["allocation"]) for one in found] == [
        (name, allocation) for name in ("loihi2", "loihi1") for allocation in ("optimistic", "assumed")
    ]
    for one in found:
        assert [(part["population"], len(part["core_of"])) for part in one["placement"]] == [
            ("hidden0", 40), ("hidden1", 30), ("readout", 3)
        ]  # fmt: skip
        assert sum(one["load"]["neurons"]) == 73
        passed = one["passage"]
        hops = passed["hops_east_west"] + passed["hops_north_south"] + passed["chip_crossings"]
        assert hops == one["links"] <= one["links_in_order"]


def test_trace_weighs_messages_by_spikes(net, tmp_path):
    network, trace, file = (
        random_network(inputs=4, neurons=(40, 30), outputs=3),
        tmp_path / "t.npz",
        tmp_path / "m.json",
    )
    spikes = REFERENCE.run(network, messages_for(network, 20, 5))
    spikes.save(trace)
    result = run(net, "--target", "cortex-m4", "--trace", trace, "--json", file)
    assert result.exit_code == 0, result.output
    found = json.loads(file.read_text())
    assert found["rates"] == "neurons fire as in a sample of the trace"
    sent = found["mappings"][0]["passage"]["messages"]
    # Every neuron of a dense network sends to the one core there is.
    assert sent == pytest.approx(sum(layer.spikes.sum() for layer in spikes.layers) / 5)  # float sums


def blank(network, steps, samples):
    """A trace in which nothing fires."""
    layers = tuple(LayerTrace(np.zeros((steps, samples, layer.count), bool)) for layer in network.layers)
    return Trace(layers, np.zeros((steps, samples, network.outputs), np.int32))


@pytest.mark.parametrize(
    ("steps", "samples", "found"), [(3, 0, "3 steps of 0 samples found"), (0, 1, "0 steps of 1 sample found")]
)
def test_an_empty_trace_is_refused(net, tmp_path, steps, samples, found):
    blank(load_network(net), steps, samples).save(tmp_path / "empty.npz")
    result = run(net, "--target", "loihi2", "--trace", tmp_path / "empty.npz")
    assert result.exit_code == 2
    said = " ".join(result.output.split())
    assert f"trace: {found}, at least one of each is needed; simulate the network on some samples" in said


def test_a_silent_trace_weighs_all_alike_and_is_said(net, tmp_path):
    blank(load_network(net), 3, 2).save(tmp_path / "silent.npz")
    limit, alike, silent = "limits.neurons_per_core=12", tmp_path / "alike.json", tmp_path / "silent.json"
    plain = run(net, "--target", "loihi2", "--set", limit, "--json", alike)
    result = run(net, "--target", "loihi2", "--set", limit, "--trace", tmp_path / "silent.npz", "--json", silent)
    assert (plain.exit_code, result.exit_code) == (0, 0)
    assert "messages and links when each neuron fires once, since none fires in the trace" in result.output
    found, expected = json.loads(silent.read_text()), json.loads(alike.read_text())
    assert found["rates"] == "each neuron fires once, since none fires in the trace"
    assert expected["rates"] == "each neuron fires once"
    assert found["mappings"] == expected["mappings"]
    assert found["mappings"][0]["links"] > 0


def test_one_more_core_than_is_shown_is_one(tmp_path):
    save_network(random_network(inputs=1, neurons=(30,), outputs=3), tmp_path / "net.nir")
    result = run(tmp_path / "net.nir", "--target", "loihi2", "--set", "limits.neurons_per_core=1")
    assert "1 more core: see --json" in result.output


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_picture_is_written_and_the_same_again(net, tmp_path, suffix):
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for file in files:
        assert run(net, "--target", "loihi2", "--plot", file).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes()[:4] in (b"\x89PNG", b"<?xm")


@pytest.mark.parametrize("mesh", [(1, 1), (8, 4), (2, 3)])
def test_pictures_of_any_mesh_and_of_more_chips_than_are_drawn(tmp_path, mesh):
    chosen = target(mesh=mesh, cores_per_chip=mesh[0] * mesh[1], chips=600, neurons_per_core=1)
    mapping = map_network(random_topology(14 * mesh[0] * mesh[1] if mesh[0] < 3 else 20, 2), chosen)
    write_picture(tmp_path / "cores.svg", mapping, chosen.limits)
    text = (tmp_path / "cores.svg").read_text()
    assert text.startswith("<?xml")
    assert len(text) < 5e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--target", "loihi3"), "target 'loihi3' is unknown"),
        (("--target", "horowitz45-int8"), "a price table without cores"),
        (("--target", "xylo-a2"), "fits into no core of 'xylo-a2'"),
        (("--target", "loihi2", "--plot", "cores.jpg"), "suffix '.jpg' found; name a file ending in .png or .svg"),
        (("--target", "loihi1,loihi2", "--plot", "cores.png"), "2 targets found, a picture shows one"),
        (("--target", "loihi2", "--trace", "absent.npz"), "trace 'absent.npz': no such file"),
        (("--target", "loihi2", "--set", "limits.neurons_per_core=0"), "limit"),
        (("--target", "loihi2", "--plot", "/proc/cores.png"), "cannot be written"),
    ],
)
def test_what_cannot_be_is_refused_without_a_traceback(net, arguments, message):
    result = run(net, *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_trace_of_another_network_is_refused(net, tmp_path):
    other = random_network(inputs=4, neurons=(5,), outputs=3)
    REFERENCE.run(other, np.zeros((3, 1, 4), np.int64)).save(tmp_path / "other.npz")
    result = run(net, "--target", "loihi2", "--trace", tmp_path / "other.npz")
    assert result.exit_code == 2
    assert "layers of [5] neurons found, the network has [40, 30]" in " ".join(result.output.split())
