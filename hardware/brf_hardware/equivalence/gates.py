"""The acceptance table: what must hold, with its threshold, and whether it did."""

import math
from dataclasses import dataclass
from typing import Literal

from brf_deploy.evaluation import Evaluation
from brf_deploy.silence import Decay
from brf_hardware.equivalence.free_run import CountDeviation, NoiseFloor
from brf_hardware.equivalence.shadow import ShadowCount

# Thresholds of arithmetic.md section 5; the networks measured in section 6 are 2.8 to 25 times better.
SHADOW_FRACTION = 0.0015
SHADOW_MARGIN = 2.0**-8
SHADOW_TOTAL = 0.0005
SHADOW_NEURON = 0.005
# A neuron with 200 spikes would exceed half a percent by a single flip next to the threshold: the relative bound is
# for what exceeds a few single spikes.
SHADOW_NEURON_ALLOWANCE = 3
# 2-bit weights of the published ECG network keep 6.4 dB; weights of another network are below 0 dB.
SQNR = 3.0
ORIGINAL_FRACTION = 0.10
FREE_TOTAL = 0.01
FREE_SAMPLE_TIMES_FLOOR = 1.5
FREE_CORRELATION = 0.998
FREE_ACCURACY_DROP = 0.005
SIGN_TEST = 0.01


@dataclass(frozen=True)
class Gate:
    """One row: a hard gate decides the verdict, a soft one only informs."""

    id: str
    statement: str
    kind: Literal["hard", "soft"]
    found: str
    limit: str
    holds: bool


def parameter_gate(sqnr: float) -> Gate:
    """E0: the weights are the model's at all; a wrong pair of files would pass every gate on the network alone."""
    return Gate("E0", "weights are the model's, SNR", "hard", f"{sqnr:.1f} dB", f"{SQNR} dB", sqnr >= SQNR)


def stability_gates(violations: int, decays: list[Decay], firing: int, silent_steps: int) -> list[Gate]:
    """E2 to E4: certificate, theorems T2 and T3 on the network itself, silence."""
    slowest = max(decays, key=lambda decay: decay.steps)
    growing = sum(decay.growing_steps for decay in decays)
    return [
        Gate("E2", "outside the boundary", "hard", f"{violations}", "0", violations == 0),
        Gate(
            "E3",
            "energy grew / steps to rest",
            "hard",
            f"{growing} / {slowest.steps:,}",
            f"0 / {slowest.bound:,}",
            all(decay.holds for decay in decays),
        ),
        Gate("E4", f"firing after {silent_steps:,} silent steps", "hard", f"{firing}", "0", firing == 0),
    ]


def shadow_gates(dequantized: ShadowCount, original: ShadowCount) -> list[Gate]:
    """E5 (hard) against the dequantised parameters, E6 (soft) against the trained ones."""
    neuron = dequantized.neuron_deviation(SHADOW_NEURON_ALLOWANCE)
    percent, power = ".3%", ".2e"
    rows = [
        ("wrong decisions per spike", dequantized.fraction, SHADOW_FRACTION, percent),
        ("largest margin / theta", dequantized.margin, SHADOW_MARGIN, power),
        ("total spike count", dequantized.total_deviation, SHADOW_TOTAL, percent),
        (f"worst neuron beyond {SHADOW_NEURON_ALLOWANCE}", neuron, SHADOW_NEURON, percent),
    ]
    gates = [
        Gate("E5", f"shadow: {text}", "hard", format(found, form), format(limit, form), found <= limit)
        for text, found, limit, form in rows
    ]
    found, limit = original.fraction, ORIGINAL_FRACTION
    text = "shadow of the trained: per spike"
    return [*gates, Gate("E6", text, "soft", format(found, percent), format(limit, percent), found <= limit)]


def free_run_gates(
    before: Evaluation, after: Evaluation, deviation: CountDeviation, floor: NoiseFloor | None
) -> list[Gate]:
    """E7 (soft): spike counts and accuracy of free runs."""
    gates = [
        _soft(
            "free run: total spikes", f"{deviation.total:+.3%}", f"{FREE_TOTAL:.0%}", abs(deviation.total) <= FREE_TOTAL
        ),
        _soft(
            "free run: neuron correlation",
            f"{deviation.correlation:.4f}",
            f"{FREE_CORRELATION}",
            deviation.correlation >= FREE_CORRELATION,
        ),
        _accuracy_gate(before, after),
    ]
    if floor is not None:
        limit = FREE_SAMPLE_TIMES_FLOOR * floor.sample
        text = f"free run: a sample, {FREE_SAMPLE_TIMES_FLOOR} x floor"
        gates.append(_soft(text, f"{deviation.sample:.2%}", f"{limit:.2%}", deviation.sample <= limit))
    return gates


def _soft(text: str, found: str, limit: str, holds: bool) -> Gate:
    return Gate("E7", text, "soft", found, limit, holds)


def _accuracy_gate(before: Evaluation, after: Evaluation) -> Gate:
    """Accuracy may drop by half a point, or by what a paired sign test cannot tell from chance.

    The test counts samples; steps of one sample are not independent, so per-step labels have no second chance.
    """
    drop = before.accuracy - after.accuracy
    found, limit = f"{-100 * drop:+.2f} points", f"{-100 * FREE_ACCURACY_DROP:+.1f} points"
    holds = drop <= FREE_ACCURACY_DROP
    if before.correct.ndim == 1:
        chance = sign_test(int((before.correct & ~after.correct).sum()), int((after.correct & ~before.correct).sum()))
        found, limit = f"{-100 * drop:+.2f}, p {chance:.2f}", f"{-100 * FREE_ACCURACY_DROP:+.1f} or p {SIGN_TEST}"
        holds = holds or chance >= SIGN_TEST
    return _soft("free run: accuracy", found, limit, holds)


def sign_test(lost: int, won: int) -> float:
    """Two-sided probability of a split at least as uneven under equal chances (normal tail for large counts)."""
    pairs = lost + won
    if pairs == 0:
        return 1.0
    if pairs > 1000:
        return math.erfc((abs(lost - won) - 1) / math.sqrt(2 * pairs)) if lost != won else 1.0
    tail: float = sum(math.comb(pairs, k) for k in range(min(lost, won) + 1)) / 2**pairs
    return min(1.0, 2 * tail)
