"""Small networks with every field spelled out, deep equality, and edits of `.nir` files."""

import dataclasses

import h5py
import numpy as np

from brf_deploy.encoding import Encoding
from brf_deploy.float_network import ALIFNeurons, BRFNeurons, FloatLayer, FloatNetwork, FloatReadout, RFNeurons
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork


def small_network(cls=IntegerNetwork, **changes):
    """Two inputs, three recurrent neurons, two outputs; graded messages and a permutation."""
    layer = ResonatorLayer(
        name="hidden",
        dt=0.01,
        state_fraction=16,
        threshold=1 << 16,
        damping=[600, 40, 2000],
        damping_exponent=[14, 12, 20],
        rotation=[3000, 0, 150],
        rotation_exponent=[14, 0, 12],
        energy_bound=[1048576**2 - 1, 1048576**2 - 2, 1048576**2 - 3],
        refractory=Refractory(),
        input=Synapses([[12, -7], [127, 0], [-128, 3]], [5, -2, 8]),
        recurrent=Synapses([[0, 1, -2], [3, 4, 5], [-6, 7, 100]], [6, 7, 16]),
    )
    readout = Readout(14, [218, 65536], 16, Synapses([[1, -2, 3], [100, 50, -25]], [12, 10]))
    fields = {
        "task": "ecg",
        "encoding": Encoding(16, 16, np.array([2, 0, 1])),
        "arithmetic": Arithmetic(),
        "layers": (layer,),
        "readout": readout,
        "skip_steps": 10,
    }
    return cls(**{**fields, **changes})


def small_float_network():
    """One layer of each neuron, in both precisions."""
    rng = np.random.default_rng(0)
    layers = (
        FloatLayer(
            "a", BRFNeurons(np.float32([5, 0.1]), np.array([1.5, 2]), 0.004, 1.5, 0.85), rng.normal(size=(2, 3))
        ),
        FloatLayer(
            "b/c", RFNeurons(np.array([5, 1e-40]), np.float32([0, 2])), np.eye(2), np.float32([[0, -0.0], [1, 2]])
        ),
        FloatLayer("", ALIFNeurons(np.array([20.0]), np.float32([150])), np.float32(rng.normal(size=(1, 2)))),
    )
    readout = FloatReadout(np.array([20.5, 1e-3]), np.float32([[0.1], [-3e-39]]))
    notes = {"from": "ecg_brf.pt", "a/b\0": "\ud800 ü"}
    return FloatNetwork("ecg", Encoding(255, 256, np.array([1, 0])), layers, readout, 7, notes)


def same(one, other):
    """Whether two networks are equal in every field, arrays in dtype, shape and every bit."""
    if isinstance(one, np.ndarray):
        kept = isinstance(other, np.ndarray) and (one.dtype, one.shape) == (other.dtype, other.shape)
        return kept and one.tobytes() == other.tobytes()
    if dataclasses.is_dataclass(one):
        names = [item.name for item in dataclasses.fields(one)]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def replace_dataset(path, place, value, **options):
    """Put another dataset in place of ``node/field`` of a `.nir` file, or remove it where `value` is None."""
    with h5py.File(path, "r+") as file:
        nodes = file["node/nodes"]
        if place in nodes:
            del nodes[place]
        if value is not None or options:
            nodes.create_dataset(place, data=value, **options)
