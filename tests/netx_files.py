"""LIF networks for netx, and programs in fresh interpreters that have lava-dl."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from brf_deploy.encoding import Encoding
from brf_deploy.float_network import FloatLayer, FloatNetwork, FloatReadout, LIFNeurons


def lif_network(
    seed=0, inputs=3, neurons=(6,), outputs=2, maximum=1, full_scale=1, recurrent=True, tau=(1.0, 20.0), theta=1.0
):
    """Weights large enough that neurons fire."""
    rng = np.random.default_rng(seed)
    layers, width = [], inputs
    for index, count in enumerate(neurons):
        tau_mem = rng.uniform(*tau, count) if tau[0] < tau[1] else np.full(count, tau[0])
        weight = rng.normal(theta / 2, 3 * theta, (count, width)) * (1 + tau_mem[:, np.newaxis]) / 2
        loop = rng.normal(0, theta, (count, count)) if recurrent else None
        layers.append(FloatLayer(f"hidden{index}", LIFNeurons(tau_mem, theta), weight, loop))
        width = count
    readout = FloatReadout(rng.uniform(5, 20, outputs), rng.normal(0, 1, (outputs, width)))
    return FloatNetwork("random", Encoding(maximum, full_scale), tuple(layers), readout)


def lava_dl_program(program, *, fails=False):
    """The output of a program, or the errors of one that fails; what lets lava-dl be imported is there already."""
    head = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from brf_export.netx.loader import shims
shims.install()
"""
    done = subprocess.run(
        [sys.executable, "-c", head + program], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout
