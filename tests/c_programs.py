"""Exported C code in a folder, compiled as strictly as compilers can, and the networks to try it on."""

import subprocess

import numpy as np
from networks import messages_for, pruned_network, random_network

from brf_hardware.c import EXPORTER

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wsign-conversion", "-pedantic"]
STRICTER = ["-Wshadow", "-Wstrict-prototypes", "-Wcast-qual", "-Wundef", "-Wvla", "-Wdouble-promotion", "-Wtype-limits"]

# Every shape of code that the templates can give.
NETWORKS = {
    "one neuron": lambda: random_network(seed=1, inputs=1, neurons=(1,), outputs=1),
    "feed-forward": lambda: random_network(seed=2, neurons=(5,), recurrent=False),
    "three layers": lambda: random_network(seed=3, neurons=(9, 4, 7)),
    "three layers, feed-forward": lambda: random_network(seed=4, neurons=(9, 4, 7), recurrent=False),
    "graded": lambda: random_network(seed=5, maximum=255, full_scale=255),
    "not graded, but more than 1": lambda: random_network(seed=6, maximum=3),
    "16-bit weights and messages, 64-bit sums": lambda: random_network(
        seed=7, inputs=2, neurons=(6,), maximum=65535, full_scale=65536, weight_bits=16, state_bits=32
    ),
    "1-bit weights": lambda: random_network(seed=8, neurons=(6, 6), weight_bits=1, readout_weight_bits=2),
    "16-bit states": lambda: random_network(seed=9, neurons=(7, 3), state_bits=16),
    "32-bit states": lambda: random_network(seed=10, neurons=(7, 3), state_bits=32, weight_bits=16),
    "permuted": lambda: random_network(seed=11, permutation=np.random.default_rng(0).permutation(30), skip_steps=5),
    "pruned": lambda: pruned_network(random_network(seed=13, inputs=5, neurons=(30, 20), outputs=9), 3),
    "pruned, graded, 16-bit weights": lambda: pruned_network(
        random_network(14, inputs=2, neurons=(20,), maximum=65535, full_scale=65536, weight_bits=16, state_bits=32), 2
    ),
    "pruned, wide": lambda: pruned_network(random_network(seed=15, inputs=10, neurons=(300,), outputs=20), 40),
    "no synapses": lambda: pruned_network(random_network(seed=16, inputs=5, neurons=(9,), outputs=4), 0),
    "wide": lambda: random_network(seed=12, inputs=40, neurons=(300,), outputs=20),
}


def written(network, name, folder):
    """The folder, with the files of the network's export in it."""
    for path, data in EXPORTER.render(network, name).files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def execute(*command, folder, status=0, **options):
    """What a program prints, stderr included; it must end with `status`."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
        **options,
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def assert_equal(found, expected):
    """The same fields, of the same types, with the same values."""
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def some_messages(network, steps=40, batch=2, **options):
    """Random messages, of the length that a permutation asks for."""
    order = network.encoding.permutation
    return messages_for(network, steps if order is None else len(order), batch, **options)
