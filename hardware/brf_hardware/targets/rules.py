"""Design rules: does a network fit a target, place by place. A rule is a function; its docstring is its message and its
page in the manual (docs/design-rules.md)."""

from dataclasses import dataclass

from brf_deploy.errors import InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_hardware.targets import core_rules, word_rules
from brf_hardware.targets.demand import Case, Demand, Rule, title
from brf_hardware.targets.target import Target

RULES: tuple[Rule, ...] = (
    core_rules.operations,
    word_rules.state_bits,
    word_rules.weight_bits,
    word_rules.coefficient_bits,
    word_rules.accumulator_bits,
    word_rules.product_bits,
    word_rules.message_bits,
    core_rules.neuron_state,
    core_rules.neuron_memory,
    core_rules.fan_in,
    core_rules.fan_out,
    core_rules.delays,
    core_rules.neuron_total,
    core_rules.memory_total,
    core_rules.mapping,
)


@dataclass(frozen=True)
class Verdict:
    """What one rule found: every comparison that it made."""

    rule: str
    message: str
    demands: tuple[Demand, ...]

    @property
    def violations(self) -> tuple[Demand, ...]:
        """Comparisons that do not hold."""
        return tuple(demand for demand in self.demands if not demand.holds)

    @property
    def tightest(self) -> Demand | None:
        """The comparison nearest to its limit, or furthest beyond; None where nothing was to compare."""
        return max(self.demands, key=lambda demand: demand.share, default=None)


def check_rules(network: IntegerNetwork, target: Target, allocation: str = "assumed") -> tuple[Verdict, ...]:
    """Every rule's verdict, in the order of the manual.

    Raises `InvalidInput` for a target that is a bare price table, or an allocation that it does not have.
    """
    if target.limits is None:
        raise InvalidInput(
            f"target '{target.name}' is a table of prices without limits: nothing can be checked against it; name a "
            "chip, or give your own file a table [limits]"
        )
    if allocation not in target.allocations:
        raise InvalidInput(
            f"target '{target.name}' has no allocation '{allocation}'; there are: {', '.join(target.allocations)}"
        )
    case = Case(network, target, target.limits, allocation)
    return tuple(Verdict(rule.__name__, title(rule), tuple(rule(case))) for rule in RULES)
