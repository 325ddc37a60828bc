"""The exported Verilog under both simulators against the reference: every spike, state and output, every cycle."""

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import integer_networks
from verilog_networks import EDGES, assert_equal, assert_replays, export, messages_for, odd_network, random_network

from brf_deploy.backend import load_backend
from brf_deploy.cli import main
from brf_deploy.errors import InvalidInput
from brf_deploy.network_file import load_network
from brf_deploy.reference import REFERENCE
from brf_deploy.task import load_task
from brf_deploy.trace import Record
from brf_hardware.verilog import backend as verilog_backend
from brf_hardware.verilog.backend import ICARUS, VERILATOR

pytestmark = pytest.mark.needs("verilator", "iverilog", "make", "g++")

BACKENDS = pytest.mark.parametrize("backend", [ICARUS, VERILATOR], ids=lambda backend: backend.name)
SLOW = [HealthCheck.too_slow]


@given(
    network=integer_networks(),
    steps=st.integers(1, 12),
    batch=st.integers(1, 2),
    seed=st.integers(0, 99),
    stall=st.booleans(),
)
@settings(max_examples=15, suppress_health_check=SLOW)
def test_icarus_on_random_networks(network, steps, batch, seed, stall):
    assert_replays(ICARUS, network, messages_for(network, steps, batch, seed), stall=seed + 1 if stall else 0)


@given(seed=st.integers(0, 2**31), stall=st.integers(0, 1))
@settings(max_examples=20, suppress_health_check=SLOW)
def test_icarus_on_odd_words(seed, stall):
    network = odd_network(seed)
    assert_replays(ICARUS, network, messages_for(network, 12, 2, seed), stall=stall)


@given(network=integer_networks(max_neurons=64), batch=st.integers(1, 4))
@settings(max_examples=3, suppress_health_check=SLOW)
def test_verilator_on_random_networks(network, batch):
    messages = messages_for(network, 60, batch)
    assert_replays(VERILATOR, network, messages)
    assert_replays(VERILATOR, network, messages, stall=1)


@pytest.mark.parametrize("edge", EDGES)
def test_icarus_at_the_edges(edge):
    network = EDGES[edge]()
    assert_replays(ICARUS, network, messages_for(network, 25, 2))


def test_the_edges_are_reached():
    def run(edge):
        network = EDGES[edge]()
        return network, REFERENCE.run(network, messages_for(network, 25, 2))

    network, trace = run("saturating")
    assert (np.abs(trace.layers[0].states["u"]) == network.arithmetic.limit).any()
    network, trace = run("on threshold")
    assert (trace.layers[0].states["u"][0] == network.layers[0].threshold).any()
    assert not trace.layers[0].spikes[0].any()
    firing = EDGES["always firing"]()
    assert REFERENCE.run(firing, np.ones((25, 1, 1), np.int64)).layers[0].spikes.all()
    assert not run("without weights")[1].layers[0].spikes.any()


@pytest.mark.slow
@pytest.mark.parametrize("edge", EDGES)
def test_verilator_at_the_edges(edge):
    network = EDGES[edge]()
    assert_replays(VERILATOR, network, messages_for(network, 200, 3))


@BACKENDS
def test_silence_and_the_worst_step(backend):
    """Steps without input take the idle step's cycles; all events and all spikes twice, those of the worst step."""
    network = EDGES["always firing"]()
    silent, full = np.zeros((4, 1, 1), np.int64), np.ones((4, 1, 1), np.int64)
    files = export(network)
    model = verilog_backend.cycle_model(network)
    assert backend.replay(network, files, silent).cycles.ravel().tolist() == [model.idle] * 4
    assert backend.replay(network, files, full).cycles.ravel().tolist()[1:] == [model.worst] * 3


@BACKENDS
def test_three_hundred_neurons(backend):
    network = random_network(seed=6, inputs=2, neurons=(300,), outputs=40, maximum=255, full_scale=255)
    assert_replays(backend, network, messages_for(network, 2 if backend is ICARUS else 40, 1))


@BACKENDS
@pytest.mark.parametrize("stall", [0, 5])
def test_a_reset_at_any_time_begins_again(backend, stall):
    """Also of what is under way in the pipelines: with one layer of one neuron the sweep is as short as it can be."""
    network = EDGES["one feed-forward neuron, graded"]()
    messages = messages_for(network, 3, 2, density=1)
    for cycle in range(1, 60, 1 if backend is ICARUS else 3):
        assert_replays(backend, network, messages, stall=stall, abort=cycle)


@BACKENDS
def test_permuted_time_and_spikes_only(backend):
    network = random_network(permutation=np.random.default_rng(0).permutation(20), maximum=3)
    messages = messages_for(network, 20, 2)
    assert_equal(backend.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


@BACKENDS
@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (3, 0)])
@pytest.mark.parametrize("record", Record)
def test_nothing_to_run_gives_an_empty_trace(backend, steps, batch, record):
    network = random_network(neurons=(3, 2))
    messages = messages_for(network, steps, batch)
    assert_equal(backend.run(network, messages, record), REFERENCE.run(network, messages, record))


def test_many_samples_run_in_chunks(monkeypatch):
    monkeypatch.setattr(verilog_backend, "CHUNK_BYTES", 1)
    network, sizes = random_network(neurons=(3,)), []
    replay = ICARUS.replay
    monkeypatch.setattr(ICARUS, "replay", lambda *job: sizes.append(job[2].shape[1]) or replay(*job))
    messages = messages_for(network, 6, 3)
    assert_equal(ICARUS.run(network, messages), REFERENCE.run(network, messages))
    assert sizes == [1, 1, 1]


@BACKENDS
def test_found_by_name_and_refuses_bad_messages(backend):
    assert load_backend(backend.name) is backend
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        backend.run(random_network(), np.zeros((4, 2, 5), np.int64))


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "steps"), [(VERILATOR, None), (ICARUS, 200)], ids=["verilator", "icarus"])
def test_a_record_of_the_published_network(backend, steps, data_dir, tmp_path):
    """The published ECG network on the first test record."""
    checkpoint = data_dir / "checkpoints" / "ecg_brf.pt"
    if not checkpoint.is_file():
        pytest.skip(f"no checkpoint at {checkpoint}: fetch it with `brf-deploy data fetch checkpoints`")
    for command in (
        ["import", checkpoint, "--neuron", "brf", "--task", "ecg", "--out", tmp_path / "ecg.safetensors"],
        ["quantize", tmp_path / "ecg.safetensors", "--out", tmp_path / "ecg.nir", "--data", data_dir],
    ):
        result = CliRunner().invoke(main, [str(argument) for argument in command], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    network = load_network(tmp_path / "ecg.nir")
    record = load_task("ecg").load("test", data_dir).messages[:steps, :1]
    trace = assert_replays(backend, network, network.encoding.present(record))
    assert trace.layers[0].spikes.sum() > 500
