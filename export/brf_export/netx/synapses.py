"""Weights in Loihi's synapses as netx 0.6.0 and Lava 0.10.0 read them."""

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints

LARGEST_WEIGHT = 254  # in steps of 2
WEIGHT_BITS = 8


def even(weights: npt.NDArray[np.float64]) -> Ints:
    """The nearest multiples of 2, which are what mixed-sign synapses hold."""
    return np.asarray(2 * np.rint(weights / 2), np.int64)


def carried(parts: list[Ints]) -> bool:
    """Whether netx and Lava, between them, leave these even weights of one layer (its input and loop) as they are.

    netx derives one exponent and word width from all parts together; Lava's Dense then derives the sign of each part
    anew, clips it and drops the bits below that width. -256, for one, becomes -255 where no weight is positive. Where
    all weights are zero netx divides by zero.
    """
    whole = np.hstack(parts)
    top, bottom = int(whole.max(initial=0)), int(whole.min(initial=0))
    if top == bottom == 0:
        return False
    mixed = bottom < 0 <= int(whole.max())
    room = [127 / top if top > 0 else np.inf, -128 / bottom if bottom < 0 else np.inf] if mixed else []
    exponent = int(np.floor(np.log2(min(room) if mixed else 255 / top if top > 0 else -256 / bottom))) + mixed
    zeros = max(n for n in range(WEIGHT_BITS + 1) if not (whole % (1 << n)).any())
    width = WEIGHT_BITS - exponent - (zeros - mixed)
    return all(_held(part << exponent, width) for part in parts)


def _held(weights: Ints, width: int) -> bool:
    """Whether Lava's Dense keeps weights, already shifted, of which `width` bits are stored."""
    mixed = int(weights.min()) < 0 < int(weights.max())
    within = np.clip(weights, -256, 255) if mixed else np.clip(np.abs(weights), 0, 255)
    dropped = WEIGHT_BITS - width + mixed
    return np.array_equal(within >> dropped << dropped, weights if mixed else np.abs(weights))


def signal_to_noise(wanted: npt.NDArray[np.float64], found: npt.NDArray[np.float64]) -> float:
    """In dB; infinite where nothing is lost."""
    noise = float(np.square(wanted - found).sum())
    signal = float(np.square(wanted).sum())
    return np.inf if noise == 0 else 10 * float(np.log10(signal / noise)) if signal else -np.inf
