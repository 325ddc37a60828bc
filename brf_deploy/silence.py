"""Does every neuron of a layer fall silent once its input stops? The tests behind theorems T2 and T3.

Accuracy on short records, reset for each sample, barely shows a neuron that fires for ever; these tests do.
"""

import math
from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Bools, Ints
from brf_deploy.certificate import certificate
from brf_deploy.layers import Arithmetic, ResonatorLayer
from brf_deploy.reference import ResonatorState, resonator_step

# arithmetic.md section 5: 300 driven steps, 20,000 silent ones, spikes counted in the last 2,000.
DRIVEN_STEPS = 300
SILENT_STEPS = 20_000
WATCHED_STEPS = 2_000


@dataclass(frozen=True, eq=False)
class Silence:
    """Per neuron, whether it still fires at the end of the silent steps."""

    firing: Bools

    @property
    def count(self) -> int:
        """Number of neurons that never fell silent."""
        return int(self.firing.sum())


def silence_test(layer: ResonatorLayer, arithmetic: Arithmetic, silent_steps: int = SILENT_STEPS) -> Silence:
    """Drive isolated neurons at random up to one threshold a step, stop, and see who fires in the last steps.

    No recurrence: each neuron stands alone. The run ends early once every state is zero, a fixed point.
    """
    rng = np.random.default_rng(0)
    state = ResonatorState.silent(1, layer.count)
    for _ in range(DRIVEN_STEPS):
        drive = rng.integers(-layer.threshold, layer.threshold + 1, (1, layer.count))
        state = resonator_step(state, drive, layer, arithmetic)
    nothing = np.zeros((1, layer.count), np.int64)
    firing = np.zeros(layer.count, bool)
    for step in range(silent_steps):
        state = resonator_step(state, nothing, layer, arithmetic)
        if step >= silent_steps - WATCHED_STEPS:
            firing |= state.z[0]
        if _extinct(state):
            break
    return Silence(firing)


@dataclass(frozen=True)
class Decay:
    """A zero-input run from random states: steps at which some neuron's energy grew (T2), steps until all were at
    rest, and the bound on them (T3)."""

    growing_steps: int
    steps: int
    bound: int

    @property
    def holds(self) -> bool:
        """Whether both theorems held."""
        return self.growing_steps == 0 and self.steps <= self.bound


def decay_test(layer: ResonatorLayer, arithmetic: Arithmetic, starts: int = 8, seed: int = 0) -> Decay:
    """Let neurons run out from random states without input: ``E = u^2 + v^2`` must never grow and must reach zero.

    T3 bounds the steps by ``ln(E_0) / (-2 ln r) + 1``, with r the larger endpoint radius of the slowest neuron.
    """
    rng = np.random.default_rng(seed)
    shape = (starts, layer.count)
    u, v = (rng.integers(-arithmetic.limit, arithmetic.limit + 1, shape) for _ in range(2))
    q = rng.integers(0, layer.refractory.largest(layer.state_fraction) + 1, shape)
    state = ResonatorState(u, v, q, np.zeros(shape, bool))
    bound = extinction_bound(layer, arithmetic)
    nothing, energy, growing, steps = np.zeros(shape, np.int64), _energy(state), 0, 0
    while energy.any() and steps < bound:
        state = resonator_step(state, nothing, layer, arithmetic)
        after = _energy(state)
        growing += int((after > energy).any())
        energy, steps = after, steps + 1
    return Decay(growing, steps if not energy.any() else bound + 1, bound)


def extinction_bound(layer: ResonatorLayer, arithmetic: Arithmetic) -> int:
    """Steps after which theorem T3 has every neuron at rest, from any state."""
    slowest = float(certificate(layer, arithmetic).radius.max(initial=0.0))
    if slowest == 0:
        return 1
    largest_energy = 2 * arithmetic.limit**2
    return math.ceil(math.log(largest_energy) / (-2 * math.log(slowest))) + 1


def _energy(state: ResonatorState) -> Ints:
    return state.u**2 + state.v**2


def _extinct(state: ResonatorState) -> bool:
    return not (state.u.any() or state.v.any() or state.q.any())
