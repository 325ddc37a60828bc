"""The layers of a CUBA network as slayer writes and netx reads them; no loader is needed."""

import numpy as np

from brf_deploy.arrays import Ints
from brf_export.netx.cuba import DECAY_ONE, CubaLayer, CubaNetwork
from brf_export.netx.hdf5_file import Tree


def cuba_layers(network: CubaNetwork) -> list[Tree]:
    """Input, recurrent dense layers, and the readout as a dense layer."""
    permutation = network.encoding.permutation
    inputs: Tree = {
        "type": "input",
        "shape": [network.layers[0].weight.shape[1]],
        **({} if permutation is None else {"permutation": permutation}),
    }
    return [inputs, *(_dense(layer) for layer in (*network.layers, network.readout))]


def _dense(layer: CubaLayer) -> Tree:
    neurons, sources = layer.weight.shape
    return {
        "type": "dense" if layer.recurrent is None else "dense_rec",
        "shape": [neurons],
        "inFeatures": sources,
        "outFeatures": neurons,
        "weight": layer.weight,
        **({} if layer.recurrent is None else {"weight_rec": layer.recurrent}),
        "neuron": {
            "type": "CUBA",
            "iDecay": _shared(layer.decay),
            "vDecay": DECAY_ONE,
            "vThMant": layer.threshold,
            "refDelay": 1,
            "gradedSpike": 0,
        },
    }


def _shared(decay: Ints) -> Ints:
    """One number where all neurons have the same, as slayer writes it."""
    return decay[0] if (decay == decay[0]).all() else np.asarray(decay)
