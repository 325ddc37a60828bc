"""A recorded run replayed through SANA-FE 2.2.9 (GPL-3.0: a test dependency, imported nowhere else).

SANA-FE has no BRF neuron, so every spike is replayed by an `input` soma and received by a LIF neuron beside it, which
takes the updates and never fires. SANA-FE delivers all that fires, also after the last step of a sample, where this
project counts no recurrent delivery: those spikes come from a group of their own that is connected to the readout
alone. Input events come from a group on every core that they are sent to, as they take no hop here.
"""

from importlib.resources import files

import numpy as np

LOIHI = files("sanafe") / "examples" / "loihi.yaml"
# Silent inputs of the package's own architecture, and the same once more with the costs of a neuron that fires.
INPUTS = "            - name: loihi_inputs[0..1023]"
FIRING = {"energy_spike_out: 0.0": "energy_spike_out: 69.3e-12", "latency_spike_out: 0.0": "latency_spike_out: 30.0e-9"}
NEVER = {"threshold": 1e9, "leak_decay": 0.0}


def replay(network, messages, trace, folder, mapping=None, timing_model="detailed"):
    """What SANA-FE says of sample 0 of a run of a network with one layer and binary messages (time, 1, inputs).

    mapping: on one chip of 8 x 4 routers; None puts everything on one core.
    """
    import sanafe

    (layer,), (kept,) = network.layers, trace.layers
    steps, neurons = kept.spikes.shape[0], layer.count
    early, late = kept.spikes[:, 0].copy(), np.zeros((steps, neurons), bool)
    early[-1], late[-1] = False, kept.spikes[-1, 0]

    architecture = sanafe.load_arch(_architecture(folder, network.inputs, 2 * neurons))
    cores = _cores(architecture, mapping)
    at, out = (np.zeros(neurons, int), np.zeros(network.outputs, int)) if mapping is None else mapping.placement
    net = sanafe.Network()
    hidden = _receivers(net, "hidden", [cores[i] for i in at], {})
    readout = _receivers(net, "readout", [cores[i] for i in out], {"force_update": True})
    for index in np.unique(at):
        event = _sources(net, f"event{index}", "silent", 0, messages[:, 0] != 0, [cores[index]] * network.inputs)
        _connect(event, hidden, layer.input, at == index)
    spike = _sources(net, "spike", "firing", 0, early, [cores[i] for i in at])
    final = _sources(net, "final", "firing", neurons, late, [cores[i] for i in at])
    if layer.recurrent is not None:
        _connect(spike, hidden, layer.recurrent)
    _connect(spike, readout, network.readout.weight)
    _connect(final, readout, network.readout.weight)
    chip = sanafe.SpikingChip(architecture)
    chip.load(net)
    return chip.sim(steps, timing_model=timing_model, perf_trace=True)


def _cores(architecture, mapping):
    """SANA-FE's cores in the order of the mapping's; it numbers routers column by column, four in each."""
    if mapping is None:
        return [architecture.tiles[0].cores[0]]
    return [architecture.tiles[4 * core.column + core.row].cores[core.slot] for core in mapping.cores]


def _architecture(folder, inputs, firing):
    text = LOIHI.read_text()
    head, _, rest = text.partition(INPUTS)
    block, _, tail = rest.partition("          dendrite:")
    costly = block
    for old, new in FIRING.items():
        assert old in costly
        costly = costly.replace(old, new)
    silent_name, firing_name = (
        f"            - name: {name}[0..{count - 1}]" for name, count in (("silent", inputs), ("firing", firing))
    )
    path = folder / "loihi.yaml"
    path.write_text(head + silent_name + block + firing_name + costly + "          dendrite:" + tail)
    return str(path)


def _sources(net, name, soma, first, trains, cores):
    group = net.create_neuron_group(name, trains.shape[1])
    for index, core in enumerate(cores):
        neuron = group[index]
        neuron.set_attributes(
            soma_hw_name=f"{soma}[{first + index}]", model_attributes={"spikes": trains[:, index].tolist()}
        )
        neuron.map_to_core(core)
    return group


def _receivers(net, name, cores, attributes):
    group = net.create_neuron_group(
        name, len(cores), model_attributes={**NEVER, **attributes}, soma_hw_name="loihi_lif"
    )
    for index, core in enumerate(cores):
        group[index].map_to_core(core)
    return group


def _connect(sources, targets, synapses, among=True):
    """Every non-zero weight onto a target of the mask `among` (targets,)."""
    there = (synapses.mantissa != 0) & np.reshape(among, (-1, 1))
    pairs = [(int(s), int(t)) for t, s in np.argwhere(there)]
    sources.connect_neurons_sparse(targets, {"weight": [0.0] * len(pairs)}, pairs)
