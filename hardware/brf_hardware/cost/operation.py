"""Energy of one sample at one speed: dynamic energy, and static and host power over the time that it takes."""

from dataclasses import dataclass

from brf_hardware.cost.range import Range
from brf_hardware.cost.timing import Timing
from brf_hardware.targets.target import Target

MAXIMUM_SPEED, REAL_TIME = "maximum speed", "real time"


@dataclass(frozen=True)
class Operation:
    """One sample in seconds, joules and watts; None where something it needs has no price or time.

    dynamic_energy: of what the sample did. static_power: of all chips in use; static_energy: the same over
    `execution_time`. host_energy: of what stands beside the chips. Names as in Lava's profiler.
    """

    speed: str
    execution_time: Range | None
    dynamic_energy: Range | None
    static_power: Range | None
    static_energy: Range | None
    host_energy: Range | None

    @property
    def total_energy(self) -> Range | None:
        """Dynamic and static energy of the chips, the host apart."""
        if self.dynamic_energy is None or self.static_energy is None:
            return None
        return self.dynamic_energy + self.static_energy

    @property
    def dynamic_power(self) -> Range | None:
        """Dynamic energy over execution time, one sample after the other."""
        if self.dynamic_energy is None or self.inferences_per_second is None:
            return None
        return self.dynamic_energy * self.inferences_per_second

    @property
    def total_power(self) -> Range | None:
        """Static and dynamic power of the chips, the host apart."""
        if self.dynamic_power is None or self.static_power is None:
            return None
        return self.dynamic_power + self.static_power

    @property
    def inferences_per_second(self) -> Range | None:
        """Samples a second, one after the other; None where a step takes no time."""
        time = self.execution_time
        return Range(1 / time.high, 1 / time.nominal, 1 / time.low) if time is not None and time.low else None


def operations(target: Target, chips: int, dynamic: Range | None, timing: Timing | None) -> tuple[Operation, ...]:
    """At maximum speed and in real time; `dynamic`: joules a sample."""
    static = None if target.static_power is None else Range.of(target.static_power) * chips
    host = None if target.host_power is None else Range.of(target.host_power) * chips
    if timing is None:
        return tuple(Operation(speed, None, dynamic, static, None, None) for speed in (MAXIMUM_SPEED, REAL_TIME))
    times = {MAXIMUM_SPEED: timing.busy_time, REAL_TIME: timing.real_time}
    return tuple(
        Operation(
            speed=speed,
            execution_time=(a_sample := time * (1 / timing.samples)),
            dynamic_energy=dynamic,
            static_power=static,
            static_energy=None if static is None else static * a_sample,
            host_energy=None if host is None else host * a_sample,
        )
        for speed, time in times.items()
    )
