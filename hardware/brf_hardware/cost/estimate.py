"""What a network costs on a target: the ledger of a run, its latency and energy, and what they are held against."""

from collections.abc import Mapping as Table
from dataclasses import dataclass

from brf_deploy.arrays import Ints
from brf_deploy.backend import check_inputs
from brf_deploy.errors import InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_deploy.trace import Trace
from brf_hardware.cost.baseline import Baseline, baselines
from brf_hardware.cost.budget import LayerBudget, spike_budgets
from brf_hardware.cost.energy import EnergyTerm, by_term, dynamic_energy, energy_terms, unpriced
from brf_hardware.cost.fabric import Fabric, check_fits, fabric_of, one_core
from brf_hardware.cost.latency import resource_names
from brf_hardware.cost.ledger import Ledger
from brf_hardware.cost.operation import Operation, operations
from brf_hardware.cost.prices import Prices
from brf_hardware.cost.range import Range
from brf_hardware.cost.work import Work, measure
from brf_hardware.mapping.mapping import Mapping
from brf_hardware.targets.target import Target


@dataclass(frozen=True, eq=False)
class Costing:
    """A network placed on a target, ready to price runs; chunks of samples are measured apart and added.

    mapping: None for a bare price table, which has no cores to place neurons on. period: seconds of a step in real
    time.
    """

    network: IntegerNetwork
    target: Target
    mapping: Mapping | None
    fabric: Fabric
    prices: Prices
    period: float

    @classmethod
    def of(
        cls, network: IntegerNetwork, target: Target, mapping: Mapping | None = None, period: float | None = None
    ) -> "Costing":
        """Where no mapping is given, `map_network` finds one; `period` is by default the step of the training.

        Raises `InvalidInput` for a mapping onto another target or a period that is none, and what `map_network` raises
        where the network fits nowhere.
        """
        step = max(layer.dt for layer in network.layers) if period is None else period
        if not 0 < step < float("inf"):
            raise InvalidInput(f"period: {step} s found, a positive number of seconds is needed")
        if mapping is None:
            mapping = place(network, target)
        fabric = _fabric(network, target, mapping)
        return cls(network, target, mapping, fabric, Prices.of(target, fabric), step)

    def measure(self, messages: Ints, trace: Trace) -> Work:
        """The work of one run; messages (time, batch, inputs) in the order of the data set."""
        checked = check_inputs(self.network, messages)
        return measure(self.network, checked, trace, self.fabric, self.prices, self.period)

    def estimate(self, work: Work) -> "Estimate":
        """Price the work of one run, or the sum of several."""
        terms = energy_terms(self.populations, work.ledgers, self.prices.energy)
        dynamic = dynamic_energy(terms)
        a_sample = None if dynamic is None else dynamic * (1 / work.samples)
        return Estimate(
            costing=self,
            work=work,
            terms=terms,
            operations=operations(self.target, self.fabric.chips, a_sample, work.timing),
            budgets=spike_budgets(self.network, work, self.fabric, self.prices),
            baselines=baselines(self.network, work.steps, sum(work.ledgers, Ledger()), work.samples),
        )

    @property
    def populations(self) -> tuple[str, ...]:
        """Names of the layers, then ``readout``: the order of ledgers and placement."""
        return (*(layer.name for layer in self.network.layers), "readout")


@dataclass(frozen=True, eq=False)
class Estimate:
    """The cost of a run of a network on a target.

    work: ledgers and times over all samples, terms: energies of the same. operations: one sample at each speed.
    budgets: of each layer, none where times are missing.
    """

    costing: Costing
    work: Work
    terms: tuple[EnergyTerm, ...]
    operations: tuple[Operation, ...]
    budgets: tuple[LayerBudget, ...]
    baselines: tuple[Baseline, ...]

    @property
    def target(self) -> Target:
        """What was priced."""
        return self.costing.target

    @property
    def ledger(self) -> Ledger:
        """Counts of the whole run."""
        return sum(self.work.ledgers, Ledger())

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Terms that occurred and have no energy, and ``static_power`` where that is missing; then totals are None."""
        missing = () if self.target.static_power is not None else ("static_power",)
        return (*unpriced(self.terms), *missing)

    @property
    def untimed(self) -> tuple[str, ...]:
        """Terms that occurred and have no time; then latency, static energy and totals are None."""
        return self.work.untimed

    @property
    def energy_by_term(self) -> Table[str, Range | None]:
        """Joules of each term over all layers and samples; None where it is unpriced."""
        return by_term(self.terms)

    def share(self, energy: Range | None) -> float | None:
        """Nominal share of an energy over all samples in the dynamic energy; None where one of them is not known."""
        dynamic = dynamic_energy(self.terms)
        return energy.nominal / dynamic.nominal if energy and dynamic and dynamic.nominal else None

    @property
    def bound_by(self) -> Table[str, float]:
        """Share of steps that each stage decides, at nominal figures; empty where times are missing."""
        shares: dict[str, float] = {}
        if self.work.timing is not None:
            names = resource_names(self.costing.fabric, self.costing.prices)
            for (stage, _), steps in zip(names, self.work.timing.decided, strict=True):
                shares[stage] = shares.get(stage, 0.0) + float(steps) / self.work.timing.steps
        return shares

    @property
    def over_budget(self) -> bool | None:
        """Whether a layer fires more than there is time for, or a sample takes longer than its steps in real time, at
        nominal figures; None where times are missing."""
        return None if self.work.timing is None else bool(self.budget_failures)

    @property
    def budget_failures(self) -> tuple[str, ...]:
        """What is over budget, a sentence each."""
        timing = self.work.timing
        layers = tuple(
            f"{budget.layer}: {budget.spent:.4g} spikes a step, there is time for {budget.budget:.4g} "
            f"({budget.limited_by})"
            for budget in self.budgets
            if budget.exceeded
        )
        if timing is None or not timing.late_samples:
            return layers
        return (*layers, f"{timing.late_samples:,} of {timing.samples:,} samples take longer than their steps last")


def place(network: IntegerNetwork, target: Target, allocation: str = "assumed") -> Mapping | None:
    """The network mapped onto `target`; None onto a bare price table."""
    if target.limits is None:
        return None
    from brf_hardware.mapping import map_network

    return map_network(network, target, allocation)


def _fabric(network: IntegerNetwork, target: Target, mapping: Mapping | None) -> Fabric:
    if mapping is None:
        return one_core(network)
    if mapping.target != target.name:
        raise InvalidInput(
            f"mapping: made for target '{mapping.target}', the estimate is for '{target.name}'; map onto that one"
        )
    fabric = fabric_of(mapping)
    check_fits(fabric, network)
    return fabric


def estimate(
    network: IntegerNetwork,
    trace: Trace,
    target: Target,
    *,
    messages: Ints,
    mapping: Mapping | None = None,
    period: float | None = None,
) -> Estimate:
    """What the run that `trace` recorded costs on `target`.

    messages (time, batch, inputs): what ran, in the order of the data set. mapping: None lets `map_network` place the
    network. period: seconds of a step in real time, by default the network's own. Raises `InvalidInput` where they do
    not belong together or nothing ran.
    """
    costing = Costing.of(network, target, mapping, period)
    return costing.estimate(costing.measure(messages, trace))
