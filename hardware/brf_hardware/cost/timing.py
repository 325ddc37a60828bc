"""Latency of a run over many samples: what is kept of the times of single steps, and adds."""

from dataclasses import dataclass

import numpy as np

from brf_deploy.arrays import Floats, Ints
from brf_hardware.cost.latency import StepTimes
from brf_hardware.cost.range import Range

NANO = 1e-9


@dataclass(frozen=True, eq=False)
class Timing:
    """Times in seconds, added over samples.

    samples, steps: how many, steps over all samples. busy_time: steps at maximum speed. real_time: steps that begin
    every `period` and take longer where they must. worst_step: the longest step, and worst_sample: the longest sample.
    factor_busy_time, factor_real_time: the same at nominal figures but for the neuron factor, which is low, nominal and
    high. late_steps, late_samples: that take more than `period`, or more than `period` a step, at nominal figures.
    decided: steps in which each resource of `resource_names` was the longest, and busy: for how long it worked, both
    nominal (resources,).
    """

    period: float
    samples: int
    steps: int
    busy_time: Range
    real_time: Range
    factor_busy_time: Range
    factor_real_time: Range
    worst_step: Range
    worst_sample: Range
    late_steps: int
    late_samples: int
    decided: Ints
    busy: Floats

    @classmethod
    def of(cls, times: StepTimes, by_factor: tuple[Floats, Floats], period: float) -> "Timing":
        """What a chunk of samples adds up to; `period` in seconds.

        by_factor: ns of every step (time, batch) with the neuron factor low and high, all else nominal.
        """
        steps, samples = times.nominal.shape
        seconds = [bound * NANO for bound in (times.low, times.nominal, times.high)]
        factor = [by_factor[0] * NANO, seconds[1], by_factor[1] * NANO]
        at_speed = [bound.sum(axis=0) for bound in seconds]
        return cls(
            period=period,
            samples=samples,
            steps=steps * samples,
            busy_time=Range(*(float(bound.sum()) for bound in at_speed)),
            real_time=Range(*(float(np.maximum(bound, period).sum()) for bound in seconds)),
            factor_busy_time=Range(*(float(bound.sum()) for bound in factor)),
            factor_real_time=Range(*(float(np.maximum(bound, period).sum()) for bound in factor)),
            worst_step=Range(*(float(bound.max()) for bound in seconds)),
            worst_sample=Range(*(float(bound.max()) for bound in at_speed)),
            late_steps=int((seconds[1] > period).sum()),
            late_samples=int((at_speed[1] > period * steps).sum()),
            decided=np.bincount(times.longest.reshape(-1), minlength=len(times.busy)),
            busy=times.busy * NANO,
        )

    def __add__(self, other: "Timing") -> "Timing":
        return Timing(
            period=self.period,
            samples=self.samples + other.samples,
            steps=self.steps + other.steps,
            busy_time=self.busy_time + other.busy_time,
            real_time=self.real_time + other.real_time,
            factor_busy_time=self.factor_busy_time + other.factor_busy_time,
            factor_real_time=self.factor_real_time + other.factor_real_time,
            worst_step=self.worst_step.larger(other.worst_step),
            worst_sample=self.worst_sample.larger(other.worst_sample),
            late_steps=self.late_steps + other.late_steps,
            late_samples=self.late_samples + other.late_samples,
            decided=self.decided + other.decided,
            busy=self.busy + other.busy,
        )
