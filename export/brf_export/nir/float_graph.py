"""Float networks as chains of NIR nodes and back; every number keeps its precision."""

import json
from dataclasses import fields

import numpy as np

from brf_deploy.errors import InvalidFile, Unsupported
from brf_deploy.float_network import (
    ALIFNeurons,
    BRFNeurons,
    FloatLayer,
    FloatNetwork,
    FloatReadout,
    Neurons,
    RFNeurons,
)
from brf_export.nir.chain import Chain, Stage, of_type
from brf_export.nir.fields import SCHEMA, SchemaNode, within
from brf_export.nir.float_nodes import ALIF, BRF, RF, LeakyIntegrator
from brf_export.nir.message_nodes import Messages

# Neurons and their node have the same fields.
NODE_OF_NEURONS: dict[type[Neurons], type[SchemaNode]] = {BRFNeurons: BRF, RFNeurons: RF, ALIFNeurons: ALIF}
NEURONS_OF_NODE = {node: neurons for neurons, node in NODE_OF_NEURONS.items()}


def chain_of(network: FloatNetwork) -> Chain:
    """The nodes of a network; `network_of` is the inverse."""
    messages = Messages(
        schema=SCHEMA,
        task=network.task,
        skip_steps=network.skip_steps,
        inputs=network.inputs,
        maximum=network.encoding.maximum,
        full_scale=network.encoding.full_scale,
        permutation=network.encoding.permutation,
        notes=json.dumps(network.notes, sort_keys=True),
        checksum="",
    )
    readout = Stage(LeakyIntegrator(schema=SCHEMA, tau=network.readout.tau), network.readout.weight)
    return Chain(messages, (*(_stage(layer) for layer in network.layers), readout))


def network_of(chain: Chain) -> FloatNetwork:
    """The network that the nodes describe; raises `InvalidFile` or `InvalidNetwork` where they do not fit together."""
    messages = of_type(Messages, "messages", chain.messages, "integer networks are read by `read`")
    *stages, last = chain.stages
    with within("node 'messages'"):
        encoding, notes = messages.encoding, _notes(messages.notes)
    layers = tuple(_layer(f"layer{index}", stage) for index, stage in enumerate(stages))
    with within("node 'readout'"):
        readout = FloatReadout(of_type(LeakyIntegrator, "readout", last.neurons).tau, last.input_weight)
    return FloatNetwork(messages.task, encoding, layers, readout, messages.skip_steps, notes)


def _stage(layer: FloatLayer) -> Stage:
    if type(layer.neurons) not in NODE_OF_NEURONS:
        raise Unsupported(
            f"layer '{layer.name}': {layer.neurons.kind} neurons have no NIR node here, brf, rf and alif have; keep "
            "the network as .safetensors"
        )
    values = {item.name: getattr(layer.neurons, item.name) for item in fields(layer.neurons)}
    numbers = {name: float(value) for name, value in values.items() if np.ndim(value) == 0}
    node = NODE_OF_NEURONS[type(layer.neurons)](schema=SCHEMA, name=layer.name, **{**values, **numbers})
    return Stage(node, layer.input_weight, layer.recurrent_weight)


def _layer(name: str, stage: Stage) -> FloatLayer:
    node = stage.neurons
    if type(node) not in NEURONS_OF_NODE:
        raise InvalidFile(f"node '{name}': type '{type(node).__name__}' found, one of BRF, RF, ALIF needed")
    neurons = NEURONS_OF_NODE[type(node)]
    with within(f"node '{name}'"):
        made = neurons(**{item.name: getattr(node, item.name) for item in fields(neurons)})
    return FloatLayer(node.name, made, stage.input_weight, stage.recurrent_weight)


def _notes(text: str) -> dict[str, str]:
    try:
        notes = json.loads(text)
    except (ValueError, RecursionError):
        notes = None
    if not isinstance(notes, dict) or not all(isinstance(value, str) for value in notes.values()):
        raise InvalidFile("field 'notes': a JSON object of text needed")
    return notes
