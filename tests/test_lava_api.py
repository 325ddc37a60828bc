"""The processes as a user of Lava meets them, and the doors of the package."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
from float_networks import random_float_network
from networks import random_network

from brf_deploy.backend import load_backend
from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.network import UncertifiedNetwork
from brf_deploy.trace import Record
from brf_hardware.lava import backend as lava_backend
from brf_hardware.lava.backend import INSTALL, LAVA, LAVA_PROCESSES
from brf_hardware.lava.limits import Limits
from brf_hardware.lava.request import Request

pytestmark = pytest.mark.xdist_group("lava")


def run_python(program):
    """A fresh interpreter, as Lava changes the one that it is imported into."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_lavas_own_way_to_run_works():
    run_python("""
import numpy as np
from networks import messages_for, random_network
from brf_deploy.reference import REFERENCE
from brf_hardware.lava.network import build_processes
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg

network = random_network(neurons=(6, 4))
messages = messages_for(network, 12, 2)
lava_network = build_processes(network, messages)
lava_network.readout.run(RunSteps(lava_network.steps), Loihi2SimCfg(select_tag="fixed_pt"))
y, weights = lava_network.readout.y.get(), lava_network.readout_synapses.weights.get()
lava_network.readout.stop()
trace, expected = lava_network.trace(), REFERENCE.run(network, messages)
for name, array in expected.fields().items():
    np.testing.assert_array_equal(trace.fields()[name], array)
np.testing.assert_array_equal(y, expected.readout[-1])
np.testing.assert_array_equal(weights, network.readout.weight.mantissa)
""")


def test_weights_set_from_outside_take_effect():
    run_python("""
import numpy as np
from networks import messages_for, random_network
from brf_hardware.lava.network import build_processes
from brf_hardware.lava.vendor import Loihi2SimCfg, RunSteps

network = random_network(neurons=(3,))
lava_network = build_processes(network, messages_for(network, 12, 1, density=1.0))
handle = lava_network.readout
handle.run(RunSteps(1), Loihi2SimCfg(select_tag="fixed_pt"))
synapses = lava_network.readout_synapses
synapses.weights.set(np.zeros(synapses.weights.shape))
handle.run(RunSteps(lava_network.steps - 1))
handle.stop()
assert lava_network.trace().layers[0].spikes.any()
assert not lava_network.trace().readout.any()
""")


def test_guarded_runs_repeat_in_one_interpreter():
    run_python("""
import numpy as np
from networks import messages_for, random_network
from brf_deploy.reference import REFERENCE
from brf_hardware.lava.network import build_processes, run_fused

network = random_network()
messages = messages_for(network, 12, 2)
expected = REFERENCE.run(network, messages).readout
for _ in range(2):
    lava_network = build_processes(network, messages)
    lava_network.run()
    np.testing.assert_array_equal(lava_network.trace().readout, expected)
    np.testing.assert_array_equal(run_fused(network, messages).readout, expected)
""")


def test_the_reshape_shim_reshapes():
    run_python("""
from types import SimpleNamespace
import numpy as np
from brf_hardware.lava import shims, vendor
shims._reshape_by_its_new_name()
from lava.magma.core.process.ports.ports import ReshapePort
port = SimpleNamespace(shape=(2, 3), old_shape=(6,))
assert ReshapePort.get_transform_func_fwd(port)(np.arange(6)).shape == (2, 3)
assert ReshapePort.get_transform_func_bwd(port)(np.zeros((2, 3))).shape == (6,)
""")


def test_backends_are_found_without_importing_lava():
    out = run_python("""
from brf_deploy.backend import load_backend
print(load_backend("lava").availability().detail, load_backend("lava-processes").name, "lava" in sys.modules)
""")
    assert out.split() == ["lava-nc", "0.10.0", "lava-processes", "False"]


def absent(name):
    raise PackageNotFoundError(name)


@pytest.mark.parametrize(
    ("version", "modules", "reason"),
    [
        (absent, {}, "lava-nc is not installed"),
        (lambda name: "0.9.0", {}, "lava-nc 0.9.0 found, 0.10.0 needed"),
        (lambda name: "0.10.0", {"lava": 1, "scipy": 1}, "lava-nc 0.10.0 is installed without networkx"),
    ],
)
def test_absent_lava_says_how_to_get_it(monkeypatch, version, modules, reason):
    monkeypatch.setattr(lava_backend, "version", version)
    monkeypatch.setattr(lava_backend, "find_spec", modules.get)
    assert INSTALL == (
        "pip install 'brf-deploy[lava]', then pip install --no-deps --ignore-requires-python lava-nc==0.10.0"
    )
    for name, backend in (("lava", LAVA), ("lava-processes", LAVA_PROCESSES)):
        message = f"backend '{name}' is not available: {reason}: {INSTALL}"
        with pytest.raises(Unavailable) as raised:
            load_backend(name)
        assert str(raised.value) == message
        with pytest.raises(Unavailable) as raised:
            backend.run(random_network(), np.zeros((2, 1, 3), np.int64))
        assert str(raised.value) == message


def test_limits_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("BRF_LAVA_STALL_LIMIT", "7.5")
    monkeypatch.setenv("BRF_LAVA_TIME_LIMIT", "99")
    limits = Limits.from_environment()
    assert (limits.stall, limits.total_for(10**3, 10**12)) == (7.5, 99)


def test_total_limit_grows_with_the_work():
    limits = Limits()
    assert limits.total_for(10**4, 10**9) > limits.total_for(10**2, 10**9) > limits.total_for(10**2, 10**6) > 60


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "BRF_LAVA_STALL_LIMIT",
            "soon",
            "environment variable BRF_LAVA_STALL_LIMIT: 'soon' found, a number of seconds",
        ),
        ("BRF_LAVA_TIME_LIMIT", "-1", "Lava total limit: -1.0 found, a positive number of seconds needed"),
        ("BRF_LAVA_STALL_LIMIT", "nan", "Lava stall limit: nan found"),
        ("BRF_LAVA_STALL_LIMIT", "0", "Lava stall limit: 0.0 found"),
    ],
)
def test_bad_limits_are_refused(monkeypatch, variable, value, message):
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidInput, match=message):
        Limits.from_environment()


@pytest.mark.parametrize("network", [random_network(neurons=(3, 2), permutation=[1, 0]), random_float_network("rf")])
def test_requests_survive_the_journey(network, tmp_path):
    inputs = np.ones((2, 3, 3), np.int64)
    Request(network, inputs, Record.SPIKES, Limits(stall=3)).save(tmp_path / "request.npz")
    found = Request.load(tmp_path / "request.npz")
    assert repr(found.network) == repr(network)
    assert found.network.layers[0].name == network.layers[0].name
    assert (found.record, found.limits) == (Record.SPIKES, Limits(stall=3))
    np.testing.assert_array_equal(found.inputs, inputs)


def test_uncertified_networks_stay_uncertified(tmp_path):
    network = random_network()
    parts = (network.task, network.encoding, network.arithmetic, network.layers, network.readout)
    request = Request(UncertifiedNetwork(*parts), np.ones((1, 1, 3), np.int64), Record.SPIKES, Limits())
    request.save(tmp_path / "request.npz")
    assert type(Request.load(tmp_path / "request.npz").network) is UncertifiedNetwork
