"""A network on one target: design rules, where it lies, and what the run of a report's samples costs there."""

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass

from brf_deploy.arrays import Floats, Ints
from brf_deploy.errors import Unsupported
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace
from brf_hardware.cost.estimate import Costing, Estimate, place
from brf_hardware.cost.work import Work
from brf_hardware.mapping.mapping import Mapping
from brf_hardware.mapping.utilisation import utilisation
from brf_hardware.targets.rules import Verdict, check_rules
from brf_hardware.targets.target import Target


@dataclass(frozen=True, eq=False)
class Placement:
    """A network against a target, before anything runs.

    verdicts: of the design rules, none for a bare price table. costing: None where no mapping exists, for the reason
    that `refusal` gives.
    """

    target: Target
    allocation: str
    verdicts: tuple[Verdict, ...]
    costing: Costing | None
    refusal: str = ""

    @classmethod
    def of(
        cls, network: IntegerNetwork, target: Target, allocation: str = "assumed", period: float | None = None
    ) -> "Placement":
        """Check, map and prepare to price; a network that fits nowhere is an answer, no error."""
        verdicts = () if target.limits is None else check_rules(network, target, allocation)
        try:
            mapping = place(network, target, allocation)
        except Unsupported as error:
            return cls(target, allocation, verdicts, None, str(error))
        return cls(target, allocation, verdicts, Costing.of(network, target, mapping, period))

    def measure(self, messages: Ints, trace: Trace) -> Work | None:
        """The work of one run there; messages (time, batch, inputs) in the order of the data set."""
        return None if self.costing is None else self.costing.measure(messages, trace)

    def cost(self, works: Sequence[Work | None]) -> "TargetCost":
        """Price all runs together."""
        found = [work for work in works if work is not None]
        if self.costing is None or not found:
            return TargetCost(self, None)
        return TargetCost(self, self.costing.estimate(sum(found[1:], start=found[0])))


@dataclass(frozen=True, eq=False)
class TargetCost:
    """What a report says about one target; estimate: None where the network fits nowhere."""

    placement: Placement
    estimate: Estimate | None

    @property
    def target(self) -> Target:
        """The target."""
        return self.placement.target

    @property
    def broken(self) -> tuple[Verdict, ...]:
        """Design rules that do not hold."""
        return tuple(verdict for verdict in self.placement.verdicts if verdict.violations)

    @property
    def mapping(self) -> Mapping | None:
        """Where the network lies; None where it fits nowhere, and on a bare price table."""
        return None if self.estimate is None else self.estimate.costing.mapping

    @property
    def utilisation(self) -> Table[str, Floats]:
        """Share of each limit of a core that is taken (cores,); empty without cores, and without what has no limit."""
        if self.mapping is None or self.target.limits is None:
            return {}
        return utilisation(self.mapping.load, self.target.limits)
