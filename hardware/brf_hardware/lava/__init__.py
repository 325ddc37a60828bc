"""Certified networks in Lava (lava-nc 0.10.0), bit for bit as the reference.

Two backends, `lava` (the network in one Lava process) and `lava-processes` (one Lava process per population and
connection, as a user of Lava would build it); `network.build_processes` gives the latter to such a user directly.

Words at this door: Lava and Loihi call a neuron's current `u` and its voltage `v`. Here `u` and `v` stay what they
are in the BRF paper, the real and the imaginary part of the membrane state; the synaptic input is `x`.

| here | Lava, Loihi |
|---|---|
| x, synaptic input | `a_in` |
| z, spikes | `s_out` |
| u, real membrane state, compared with the threshold | `v` of a LIF |
| v, imaginary membrane state | none |
| q, refractory state | none |
"""
