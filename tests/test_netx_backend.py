"""Integer networks through lava-dl's own `netx.hdf5.Network`, against the reference on every spike and state.

Each run starts an interpreter and imports torch and lava-dl, some seconds; so there are few.
"""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import integer_networks, messages_for, random_network
from netx_files import lava_dl_program

from brf_deploy.backend import check_inputs, load_backend
from brf_deploy.errors import BackendFailure, InvalidFile, InvalidInput, Unavailable
from brf_deploy.layers import Synapses
from brf_deploy.reference import REFERENCE
from brf_deploy.trace import Record, Trace
from brf_export.netx import EXPORTER, loader
from brf_export.netx import backend as netx_backend
from brf_export.netx.backend import NETX, NetxBackend
from brf_hardware.equivalence.difference import first_difference

pytestmark = pytest.mark.xdist_group("lava")


def assert_equal(found, expected):
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def run_all(cases, folder):
    """Traces of networks and their messages, all in one interpreter, since it takes long to start."""
    for index, (network, messages) in enumerate(cases):
        (data,) = EXPORTER.render(network, "net").files.values()
        (folder / f"{index}.net").write_bytes(data)
        np.save(folder / f"{index}.npy", check_inputs(network, messages))
    lava_dl_program(f"""
from pathlib import Path
import numpy as np
from brf_export.netx import loader
from brf_export.netx.worker import run_resonators
loader.register()
folder = Path({str(folder)!r})
for index in range({len(cases)}):
    arrays = run_resonators(folder / f"{{index}}.net", np.load(folder / f"{{index}}.npy"), "states")
    np.savez(folder / f"{{index}}.npz", **arrays)
""")
    return [Trace.load(folder / f"{index}.npz") for index in range(len(cases))]


EDGES = [
    {"neurons": (6, 5, 4), "maximum": 255, "full_scale": 255, "state_bits": 16},
    {"recurrent": False, "weight_bits": 16, "state_bits": 32},
    {"inputs": 1, "neurons": (1,), "outputs": 1},
    {"maximum": 3, "permutation": np.random.default_rng(0).permutation(40)},
]


@given(networks=st.lists(integer_networks(max_neurons=10), min_size=5, max_size=5), batch=st.integers(1, 3))
@settings(max_examples=1, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_equal_on_random_networks_and_at_the_edges(tmp_path_factory, networks, batch):
    """Several layers, feed-forward, graded, saturating, wide and narrow, a permutation of time."""
    networks = [*networks, *(random_network(seed=3, **options) for options in EDGES)]
    cases = [(network, messages_for(network, 40, batch)) for network in networks]
    for (network, messages), found in zip(cases, run_all(cases, tmp_path_factory.mktemp("netx")), strict=True):
        assert_equal(found, REFERENCE.run(network, messages))


def test_saturation_is_among_the_edges():
    network = random_network(seed=3, **EDGES[0])
    trace = REFERENCE.run(network, messages_for(network, 40, 1))
    assert (np.abs(trace.layers[0].states["u"]) == network.arithmetic.limit).any()


def test_the_backend_equals_the_reference():
    network = random_network(seed=5, neurons=(5, 3), permutation=np.random.default_rng(0).permutation(20), maximum=3)
    messages = messages_for(network, 20, 2)
    assert_equal(NETX.run(network, messages, Record.SPIKES), REFERENCE.run(network, messages, Record.SPIKES))


@pytest.mark.parametrize(("steps", "batch"), [(0, 2), (3, 0)])
def test_nothing_to_run_gives_an_empty_trace(steps, batch):
    network = random_network()
    messages = messages_for(network, steps, batch)
    assert_equal(NETX.run(network, messages), REFERENCE.run(network, messages))


def at_threshold():
    """One layer whose first step takes u to exactly the threshold, where nothing may spike."""
    network = random_network(seed=2, inputs=1, neurons=(3,))
    layer = replace(network.layers[0], input=Synapses(np.ones((3, 1), np.int64), np.zeros(3, np.int64)))
    return replace(network, layers=(layer,)), np.ones((4, 1, 1), np.int64)


def ordinary():
    network = random_network(seed=4, neurons=(6, 4), maximum=255, full_scale=255)
    return network, messages_for(network, 30, 2)


SLOW = pytest.mark.slow
FAULTS = {
    "v rounded down": (
        ordinary,
        "toward_zero(a * self.v + self.rotation * self.u, self.fraction)",
        "a * self.v + self.rotation * self.u >> self.fraction",
        (0, "v"),
    ),
    "one weight": (
        ordinary,
        'self.weight = constants["weight"].astype(np.int64)',
        'self.weight = constants["weight"].astype(np.int64); self.weight[1, 3:4] += 1',
        (1, "u"),
    ),
    ">= for >": (at_threshold, "u > self.threshold + self.q", "u >= self.threshold + self.q", (0, "spikes")),
    "new u in v": (ordinary, "a * self.v + self.rotation * self.u,", "a * self.v + self.rotation * u,", (0, "v")),
}

QUICKLY_LEFT_OUT = ("v rounded down", "new u in v")


def loader_with(monkeypatch, tmp_path, old, new):
    """The name of a copy of the loader with one change in its blocks; a folder alone, as a user would copy it."""
    copy = tmp_path / "copied_loader"
    shutil.copytree(Path(loader.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / "blocks/blocks.py").read_text()
    assert text.count(old) == 1
    (copy / "blocks/blocks.py").write_text(text.replace(old, new))
    monkeypatch.syspath_prepend(str(tmp_path))
    return copy.name


@pytest.mark.parametrize(
    ("case", "old", "new", "where"),
    [pytest.param(*fault, id=name, marks=[SLOW] * (name in QUICKLY_LEFT_OUT)) for name, fault in FAULTS.items()],
)
def test_planted_faults_are_found_and_located(monkeypatch, tmp_path, case, old, new, where):
    network, messages = case()
    faulty = NetxBackend(loader_with(monkeypatch, tmp_path, old, new))
    difference = first_difference(REFERENCE.run(network, messages), faulty.run(network, messages))
    assert (difference.layer, difference.field) == where
    if where == (1, "u"):
        assert difference.neuron == 1
    if case is at_threshold:
        assert (difference.step, difference.expected, difference.found) == (0, 0, 1)


@pytest.mark.parametrize(
    ("fault", "seconds", "cause"),
    [
        ('raise ValueError("sabotage")', None, 'raise ValueError("sabotage")'),
        pytest.param("import os; os.kill(os.getpid(), 9)", None, "ended with exit status -9", marks=SLOW),
        pytest.param("import time; time.sleep(3600)", 30.0, "no result after 30 s; run fewer samples", marks=SLOW),
    ],
)
def test_failures_have_a_cause_and_leave_nothing(monkeypatch, tmp_path, fault, seconds, cause):
    monkeypatch.setattr(netx_backend.tempfile, "tempdir", str(tmp_path))
    segments = set(Path("/dev/shm").iterdir())
    name = loader_with(monkeypatch, tmp_path, "self.out.send(z)", fault)
    started = time.monotonic()
    with pytest.raises(BackendFailure) as raised:
        NetxBackend(name, seconds).run(*ordinary())
    assert str(raised.value).startswith("backend 'netx': ")
    assert cause in str(raised.value)
    assert time.monotonic() - started < 60
    assert [path.name for path in tmp_path.iterdir()] == [name]
    while not set(Path("/dev/shm").iterdir()) <= segments:  # other programs' segments come and go
        assert time.monotonic() - started < 90
        time.sleep(0.1)


def test_a_damaged_file_is_refused():
    network, messages = ordinary()
    (data,) = EXPORTER.render(network, "net").files.values()
    damaged = bytearray(data)
    damaged[len(data) // 2] ^= 1
    with pytest.raises(InvalidFile, match="damaged, its checksum does not hold; export the network again"):
        NETX.run_file(bytes(damaged), messages, "states")


def test_bad_messages_are_refused_before_lava_starts():
    with pytest.raises(InvalidInput, match="5 channels found, the network has 3"):
        NETX.run(random_network(), np.zeros((4, 2, 5), np.int64))


def absent(name):
    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("version", "modules", "reason"),
    [
        (absent, {}, "lava-dl is not installed: pip install 'brf-deploy[lava]', then pip install --no-deps"),
        (lambda name: "0.5.0", {}, "lava-dl 0.5.0 found, 0.6.0 needed: pip install --no-deps"),
        (lambda name: "0.6.0", {"lava": 1, "h5py": 1}, "installed without torch: pip install 'brf-deploy[train]'"),
    ],
)
def test_absent_lava_dl_says_how_to_get_it(monkeypatch, version, modules, reason):
    monkeypatch.setattr(netx_backend, "version", version)
    monkeypatch.setattr(netx_backend, "find_spec", modules.get)
    assert reason in NETX.availability().detail
    with pytest.raises(Unavailable, match="backend 'netx' is not available: lava-dl"):
        load_backend("netx")


def test_the_backend_is_found_without_importing_lava():
    program = """
import sys
from brf_deploy.backend import check_inputs, load_backend
print(load_backend("netx").availability().detail, [name for name in ("lava", "torch", "h5py") if name in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60).stdout
    assert out == "lava-dl 0.6.0 []\n"
