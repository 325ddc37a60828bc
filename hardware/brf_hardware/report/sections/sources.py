"""Every figure that was used with where it comes from, the assumptions, and what nobody measured."""

from collections.abc import Iterator

from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.prices import BARRIERS
from brf_hardware.cost.range import Range
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import NONE, words
from brf_hardware.report.layout import Block, Points, Section, Table
from brf_hardware.report.target_cost import TargetCost
from brf_hardware.targets.figure import Figure
from brf_hardware.targets.target import Limits

NOT_MEASURED = (
    "No chip ran this network. Counts are exact, of the reference that every backend equals bit for bit; times and "
    "energies are these counts times the figures above.",
    "Spread between chips, temperature, supply voltage and idle cores' own power are in no figure but static power.",
    "Encoding of the input before it reaches the host's interface, and the time of transfers between host and chip.",
    "Programs: their length, and whether a compiler places neurons as the mapping here does.",
    "Accuracy of the dense networks that stand beside it: they have the same size and were not trained.",
)


def sources(content: ReportContent) -> Section:
    """Target by target: prices and times, limits, assumptions, citations; then what was not measured."""
    blocks: list[Block] = [
        "Grades, best first: measured silicon, documented, SPICE, derived, assumed. Figures marked “assumption” are "
        "not public; --set replaces any of them."
    ]
    for cost in content.targets:
        blocks += _of_target(cost)
    blocks.append(Points("What was not measured", NOT_MEASURED))
    return Section("sources", "Sources and assumptions", tuple(blocks))


def _of_target(cost: TargetCost) -> Iterator[Block]:
    target = cost.target
    if cost.estimate is not None:
        yield Table(
            f"{target.title}: figures used for {target.name}. {plain(target.description)}",
            ("figure", "low, nominal, high", "technology", "source, grade", "note"),
            tuple(_figure(*used) for used in used_figures(cost.estimate)),
            numeric=frozenset({1}),
        )
    if target.limits is not None:
        yield Table(
            f"Limits of {target.name} that the design rules and the mapping keep.",
            ("limit", "value", "source, grade", "note"),
            tuple(_limits(cost, target.limits)),
        )
    yield Points(f"Assumptions of {target.name}", (*target.assumptions, _allocation(cost)))
    yield Points(f"Sources of {target.name}", target.sources)


def used_figures(estimate: Estimate) -> Iterator[tuple[str, Figure, Range]]:
    """Name, figure and the range in force of everything that the estimate multiplied; unpriced terms have none."""
    target, ledger, prices = estimate.target, estimate.ledger, estimate.costing.prices
    for term, figure in target.energy.items():
        if term in estimate.energy_by_term:
            # A barrier's by the layers, routers and chips in use.
            yield f"energy: {words(term)}", figure, prices.energy[term] if term == BARRIERS else Range.of(figure)
    barrier = target.barrier_time(estimate.costing.fabric.chips)
    times = target.time if barrier is None else {**target.time, BARRIERS: barrier}
    for term, figure in times.items():
        if getattr(ledger, term, ledger.axon_messages):
            yield f"time: {words(term)}", figure, prices.time[term] if term == BARRIERS else Range.of(figure)
    rest = {"BRF update": target.neuron_factor, "static power": target.static_power, "host power": target.host_power}
    for name, power in rest.items():
        if power is not None:
            yield name, power, Range.of(power)


def plain(text: str) -> str:
    """A description without the marks of the manual's pages."""
    return " ".join(text.replace("`", "").split())


def _figure(name: str, figure: Figure, force: Range) -> tuple[str, ...]:
    node = [] if figure.node is None else [figure.node]
    volt = [] if figure.voltage is None else [f"{figure.voltage:g} V"]
    bounds = (force.nominal,) if force.low == force.high else force.bounds
    values = f"{', '.join(f'{bound:,.5g}' for bound in bounds)} {figure.unit}"
    # A cost of 0 that another figure holds is no assumption about a chip.
    origin = f"{figure.source}, {figure.grade.value}" if force.high else NONE
    return name, values, ", ".join(node + volt) or NONE, origin, figure.note


def _limits(cost: TargetCost, limits: Limits) -> Iterator[tuple[str, ...]]:
    for name, origin in cost.target.origins.items():
        yield words(name), _value(getattr(limits, name)), f"{origin.source}, {origin.grade.value}", origin.note


def _value(value: object) -> str:
    match value:
        case None:
            return "no limit"
        case int():
            return f"{value:,}"
        case (columns, rows):
            return f"{columns} × {rows}"
        case frozenset():
            return ", ".join(sorted(value))
    return str(value)


def _allocation(cost: TargetCost) -> str:
    allocation = cost.target.allocations.get(cost.placement.allocation)
    if allocation is None:
        return "No cores: the network is not placed, and counts are those of a single core without limits."
    sizes = ", ".join(f"{size:g} a {name}" for name, size in vars(allocation).items())
    return f"Allocation in use: {cost.placement.allocation}, in bytes {sizes}."
