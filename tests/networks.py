"""Random certified networks, and stimuli that drive them into saturation."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from brf_deploy.arrays import Ints
from brf_deploy.encoding import Encoding
from brf_deploy.layers import Arithmetic, Readout, Refractory, ResonatorLayer, Synapses
from brf_deploy.network import IntegerNetwork


def random_synapses(rng, targets, sources, weight_bits, low, high):
    half = 1 << (weight_bits - 1)
    mantissa = rng.integers(-half, half, (targets, sources))
    return Synapses(mantissa, rng.integers(low, high + 1, targets))


def pruned_synapses(rng, synapses, fan_out):
    """The same with at most `fan_out` weights other than 0 in each column."""
    order = rng.permuted(np.tile(np.arange(synapses.targets), (synapses.sources, 1)), axis=1).T
    return Synapses(np.where(order < fan_out, synapses.mantissa, 0), synapses.exponent)


def pruned_network(network, fan_out, seed=0):
    """The same with at most `fan_out` synapses of each kind a source."""
    rng = np.random.default_rng(seed)
    layers = tuple(
        replace(
            layer,
            input=pruned_synapses(rng, layer.input, fan_out),
            recurrent=None if layer.recurrent is None else pruned_synapses(rng, layer.recurrent, fan_out),
        )
        for layer in network.layers
    )
    readout = replace(network.readout, weight=pruned_synapses(rng, network.readout.weight, fan_out))
    return replace(network, layers=layers, readout=readout)


def random_poles(rng, neurons, arithmetic, c_max):
    """DWn mantissas strictly inside the disc at C = 0 and C = c_max, some of them with W = 0."""
    f, largest = arithmetic.accumulator_fraction, (1 << arithmetic.coefficient_bits) - 1
    one, found = 1 << f, []
    while len(found) < neurons:
        fd, fw = rng.integers(max(0, f - 14), f + 1, 2).tolist()
        damping = int(rng.integers(1, largest + 1))
        rotation = 0 if rng.random() < 0.15 else int(rng.integers(0, largest + 1))
        radii = [(one - (damping << f - fd) - c) ** 2 + (rotation << f - fw) ** 2 for c in (0, c_max)]
        if max(radii) < one * one:
            found.append((damping, fd, rotation, fw, radii[0]))
    return np.array(found, np.int64).reshape(-1, 5).T


def random_layer(rng, name, inputs, neurons, arithmetic, *, graded_bits, recurrent, fraction):
    refractory = Refractory()
    q_max = refractory.largest(fraction)
    shift = fraction + refractory.gain_exponent - arithmetic.reset_fraction
    c_max = (q_max * refractory.gain + (1 << shift - 1) >> shift) << (
        arithmetic.accumulator_fraction - arithmetic.reset_fraction
    )
    damping, fd, rotation, fw, bound = random_poles(rng, neurons, arithmetic, c_max)
    top = fraction - graded_bits
    return ResonatorLayer(
        name=name,
        dt=0.01,
        state_fraction=fraction,
        threshold=1 << fraction,
        damping=damping,
        damping_exponent=fd,
        rotation=rotation,
        rotation_exponent=fw,
        energy_bound=bound,
        refractory=refractory,
        input=random_synapses(rng, neurons, inputs, arithmetic.weight_bits, top - 18, top),
        recurrent=random_synapses(rng, neurons, neurons, arithmetic.weight_bits, fraction - 16, fraction)
        if recurrent
        else None,
    )


def random_network(
    seed=0,
    inputs=3,
    neurons=(8,),
    outputs=2,
    maximum=1,
    full_scale=1,
    recurrent=True,
    weight_bits=8,
    readout_weight_bits=None,
    coefficient_bits=12,
    state_bits=24,
    permutation=None,
    task="random",
    skip_steps=0,
):
    """A certified random network; large input weights drive it into saturation within a few steps."""
    rng = np.random.default_rng(seed)
    arithmetic = Arithmetic(
        state_bits=state_bits,
        coefficient_bits=coefficient_bits,
        weight_bits=weight_bits,
        readout_weight_bits=readout_weight_bits or weight_bits,
    )
    encoding = Encoding(maximum, full_scale, permutation)
    layers, width = [], inputs
    for index, count in enumerate(neurons):
        graded = encoding.graded_bits if index == 0 else 0
        fraction = int(rng.integers(max(4, graded + 1), state_bits - 4))
        name = f"hidden{index}" if len(neurons) > 1 else "hidden"
        layers.append(
            random_layer(
                rng, name, width, count, arithmetic, graded_bits=graded, recurrent=recurrent, fraction=fraction
            )
        )
        width = count
    fraction = int(rng.integers(4, state_bits - 2))
    readout = Readout(
        fraction=fraction,
        leak=rng.integers(1, (1 << 16) + 1, outputs),
        leak_exponent=16,
        weight=random_synapses(rng, outputs, width, arithmetic.readout_weight_bits, fraction - 14, fraction),
    )
    return IntegerNetwork(task, encoding, arithmetic, tuple(layers), readout, skip_steps)


def messages_for(network, steps, batch, seed=0, density=0.5) -> Ints:
    """Random messages within the network's encoding, in the order of the data set."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, network.encoding.maximum + 1, (steps, batch, network.inputs))
    return values * (rng.random(values.shape) < density)


@st.composite
def integer_networks(draw, max_neurons=24):
    """Networks of every shape: one to three layers, recurrent or not, graded or binary, narrow to wide words, pruned
    or not."""
    full_scale = draw(st.sampled_from([1, 1, 16, 255, 256]))
    network = random_network(
        seed=draw(st.integers(0, 2**31)),
        inputs=draw(st.integers(1, 6)),
        neurons=tuple(draw(st.lists(st.integers(1, max_neurons), min_size=1, max_size=3))),
        outputs=draw(st.integers(1, 5)),
        maximum=full_scale if full_scale > 1 else draw(st.sampled_from([1, 1, 3])),
        full_scale=full_scale,
        recurrent=draw(st.booleans()),
        weight_bits=draw(st.integers(1, 16)),
        readout_weight_bits=draw(st.integers(2, 16)),
        coefficient_bits=draw(st.integers(4, 16)),
        state_bits=draw(st.sampled_from([16, 20, 24, 28, 32])),
    )
    fan_out = draw(st.sampled_from([None, None, 0, 1, 3]))
    return network if fan_out is None else pruned_network(network, fan_out)
