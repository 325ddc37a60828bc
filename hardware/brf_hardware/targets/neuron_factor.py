"""What a BRF update takes beside the LIF update that chips publish a price for: operations counted from both steps.

A chip's price of a neuron update holds access to the neuron's words and its arithmetic, in shares that nobody
publishes. If access decided, BRF would cost as much as LIF; if multiplications did, it would cost as many times more as
it multiplies. The factor is that range, and the counts below are all it rests on.
"""

from dataclasses import dataclass

from brf_hardware.targets.figure import Figure, Grade


@dataclass(frozen=True)
class NeuronOperations:
    """Operations of one update of one neuron; clips are not counted, rounding is part of a shift."""

    multiplications: int
    additions: int
    shifts: int
    comparisons: int
    states: int
    coefficients: int


# docs/arithmetic.md, section 2.3, with `2^f - D` and `2^(f - fC)` held as constants.
# Products: KC Q, A U, W V, A V, W U, K Q. Sums: half, A, u, + x, v, TH + Q, Q + n.
# Shifts: C (right, then left), u, v, Q. Coefficients: 2^f - D and W; the others are of the layer.
BRF = NeuronOperations(multiplications=6, additions=7, shifts=5, comparisons=1, states=3, coefficients=2)
# Loihi's current-based LIF (Davies 2018, equations 1 and 2): u' = a u + x; v' = b v + u + bias; v > threshold.
CUBA_LIF = NeuronOperations(multiplications=2, additions=3, shifts=2, comparisons=1, states=2, coefficients=0)
# A LIF without a synaptic current: v' = b v + x; v > threshold.
LIF = NeuronOperations(multiplications=1, additions=1, shifts=1, comparisons=1, states=1, coefficients=0)


def brf_factor() -> Figure:
    """BRF updates in units of LIF updates: 1 (access decides) to 6 (products, against LIF), nominal 3 (CUBA LIF)."""
    return Figure(
        low=1.0,
        nominal=BRF.multiplications / CUBA_LIF.multiplications,
        high=BRF.multiplications / LIF.multiplications,
        unit="LIF updates",
        source="this project",
        grade=Grade.DERIVED,
        note=(
            f"low: access to the neuron decides; nominal: {BRF.multiplications} multiplications against "
            f"{CUBA_LIF.multiplications} of a current-based LIF; high: against {LIF.multiplications} of a plain LIF"
        ),
    )
