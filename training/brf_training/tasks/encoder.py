"""Audio to spikes: a bank of damped resonators, whose loudness each sends spikes at a proportional rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from brf_deploy.arrays import Ints

Doubles = npt.NDArray[np.float64]

# The kernel is rounded to multiples of 2**-KERNEL_BITS: products with audio and their sums are exact integers in double
# precision, 2**6 * 2**15 * 2**20 * 2**7 < 2**53 for up to 128 audio samples a step, so no order of summation shows.
KERNEL_BITS = 20
# What a state keeps over a step is rounded too, so that no last bit of a library's exp, sin or cos shows.
ROTATION_BITS = 30
# First difference that lifts high frequencies, s[n] - 31/32 s[n-1]: the customary 0.97, as integers.
EMPHASIS, EMPHASIS_UNIT = 31, 32
# Loudest amplitude (of 32,768) below which a recording counts as silence: the last two of 16 bits.
SILENCE = 4.0


@dataclass(frozen=True)
class AudioEncoder:
    """Spikes (steps, recordings, channels) of 16-bit audio at `rate` Hz.

    Channel c is a resonator at f_c, spaced evenly between `low` and `high` Hz on the scale of Glasberg and Moore 1990,
    as wide as the ear's filter there, ``ERB(f) = 24.7 (0.00437 f + 1)`` Hz::

        z_c[n] = exp((-pi ERB(f_c) + 2 pi i f_c) / rate) z_c[n-1] + x[n]        x[n] = s[n] - 31/32 s[n-1]
        e_c[t] = |z_c| ERB(f_c) pi / rate    at the end of step t, of `step` audio samples
        m_c[t] = how many of the levels  max(e) 10**((-span + l span / levels) / 20),  l = 1..levels,  e_c[t] reaches
        a_c[t] = a_c[t-1] + m_c[t];  at a_c >= levels there is a spike, and `levels` is taken from a_c

    span: dB below the recording's loudest moment that still make spikes. Audio is padded with silence, or cut, to
    `steps` steps; the maximum is over these. All of it is in integers or rounds alike everywhere: the same spikes on
    every machine. Parameters were chosen on the training recordings of FSDD (docs/decisions/0017).
    """

    rate: int
    step: int
    steps: int
    low: float
    high: float
    channels: int = 40
    levels: int = 8
    span: float = 40.0

    def encode(self, recordings: Sequence[npt.NDArray[np.int16]]) -> npt.NDArray[np.bool_]:
        """Spikes (steps, recordings, channels)."""
        return self._spikes(self._loudness(self._energy(self._emphasised(recordings))))

    @property
    def version(self) -> str:
        """Another where `encode` gives something else; count up with every change of this file that shows."""
        return f"1 {self!r}"

    @cached_property
    def frequencies(self) -> Doubles:
        """Of the channels (Hz), to a tenth."""
        first, last = (np.log10(0.00437 * f + 1) for f in (self.low, self.high))
        return np.round((10 ** np.linspace(first, last, self.channels) - 1) / 0.00437, 1)

    @cached_property
    def damping(self) -> Doubles:
        """pi ERB(f_c) / rate: what a channel loses in an audio sample, as an exponent."""
        return np.pi * 24.7 * (0.00437 * self.frequencies + 1) / self.rate

    def _emphasised(self, recordings: Sequence[npt.NDArray[np.int16]]) -> Doubles:
        """x (recordings, steps, step), in units of 1/32."""
        length = self.steps * self.step
        audio = np.zeros((len(recordings), length + 1))
        for row, recording in zip(audio, recordings, strict=True):
            part = recording[:length]
            row[1 : 1 + len(part)] = part
        x = EMPHASIS_UNIT * audio[:, 1:] - EMPHASIS * audio[:, :-1]
        return x.reshape(len(recordings), self.steps, self.step)

    def _powers(self, exponents: Ints, bits: int) -> tuple[Doubles, Doubles]:
        """Real and imaginary part of ``lambda_c ** exponents``, in units of 2**-bits, as integers."""
        power = np.exp((-self.damping + 2j * np.pi * self.frequencies / self.rate) * exponents[:, np.newaxis])
        return np.rint(np.ldexp(power.real, bits)), np.rint(np.ldexp(power.imag, bits))

    def _energy(self, x: Doubles) -> Doubles:
        """e squared (steps, recordings, channels): each step adds its audio to the state, all of it in one product."""
        drive = [x @ kernel for kernel in self._powers(np.arange(self.step)[::-1], KERNEL_BITS)]
        keep, turn = (np.ldexp(part[0], -ROTATION_BITS) for part in self._powers(np.array([self.step]), ROTATION_BITS))
        u, v = np.zeros((2, len(x), self.channels))
        energy = np.empty((self.steps, len(x), self.channels))
        for t in range(self.steps):
            u, v = keep * u - turn * v + drive[0][:, t], turn * u + keep * v + drive[1][:, t]
            energy[t] = u * u + v * v
        return energy * (self.damping / (EMPHASIS_UNIT * 2.0**KERNEL_BITS)) ** 2

    def _loudness(self, energy: Doubles) -> Ints:
        """m (steps, recordings, channels)."""
        loudest = energy.max(axis=(0, 2), initial=0.0)
        loudest[loudest < SILENCE**2] = np.inf
        decibels = -self.span + np.arange(1, self.levels + 1) * (self.span / self.levels)
        bounds = (10 ** (decibels / 10)).astype(np.float32).astype(np.float64)
        reached = [energy >= bound * loudest[:, np.newaxis] for bound in bounds]
        return np.asarray(np.sum(reached, axis=0, dtype=np.int64))

    def _spikes(self, loudness: Ints) -> npt.NDArray[np.bool_]:
        """The n-th spike of a channel is where the sum of its loudness reaches n times `levels`."""
        return np.diff(loudness.cumsum(axis=0) // self.levels, axis=0, prepend=0) > 0
