"""Where the network lies on each target, and which design rules it breaks there."""

from collections.abc import Callable, Iterator

from brf_hardware.cost.estimate import Estimate
from brf_hardware.mapping.mapping import Mapping
from brf_hardware.report.content import ReportContent
from brf_hardware.report.cost_cells import NONE, side_by_side
from brf_hardware.report.decision import fit, fullest, placed
from brf_hardware.report.figures.mapping import CHIPS_DRAWN, mapping_picture
from brf_hardware.report.layout import Block, Cell, Picture, Section, Table
from brf_hardware.report.numbers import count, plural
from brf_hardware.targets.target import Limits

HOPS = {
    "hops east-west": "hops_east_west",
    "hops north-south": "hops_north_south",
    "messages within a router": "messages_within_router",
    "chip crossings": "chip_crossings",
}


def mapping(content: ReportContent) -> Section:
    """A picture a target, then places and hops side by side, then what does not fit."""
    blocks: list[Block] = list(_pictures(content))
    blocks += [
        f"{cost.target.name}: no mapping. {cost.placement.refusal}."
        for cost in content.targets
        if cost.placement.refusal
    ]
    return Section("mapping", "Mapping onto cores", (*blocks, _table(content), *_rules(content)))


def _pictures(content: ReportContent) -> Iterator[Picture]:
    for index, cost in enumerate(content.targets):
        if cost.mapping is None or cost.target.limits is None or not cost.utilisation:
            continue  # nothing is placed, or no limit is known to hold it against
        yield Picture(
            mapping_picture(cost.mapping, cost.target.limits, cost.utilisation, index),
            f"Cores of {cost.target.name} on their mesh, coloured by load, and the share of each limit they take.",
            f"{cost.target.title}: {placed(cost)}.{_mesh(cost.mapping, cost.target.limits)}",
        )


def _mesh(found: Mapping, limits: Limits) -> str:
    if limits.cores_per_chip == 1:
        return ""
    more = found.chips - CHIPS_DRAWN
    left_out = f"; {plural(more, 'chip')} more not drawn" if more > 0 else ""
    return (
        " Left: routers with their cores; the fuller the colour, the nearer to the tightest limit; grey outlines are "
        f"cores not in use{left_out}. Right: each limit of a core."
    )


def _table(content: ReportContent) -> Table:
    targets = content.targets
    above: list[tuple[Cell, ...]] = [
        ("design rules", *(fit(cost) for cost in targets)),
        ("cores and chips", *(placed(cost) for cost in targets)),
        ("fullest core", *(fullest(cost) for cost in targets)),
    ]
    below = side_by_side(
        "Hops and messages are counted from the run, mean per sample, XY routing. Links passed: by the messages of "
        "all neurons when each fires once; in order: with neurons and cores placed as they come.",
        targets,
        [
            ("found by", lambda estimate: _mapped(estimate, lambda found: found.method)),
            ("links passed", lambda estimate: _mapped(estimate, lambda found: count(round(found.links)))),
            (
                "links passed, in order",
                lambda estimate: _mapped(estimate, lambda found: count(round(found.links_in_order))),
            ),
            *((name, _hops(term)) for name, term in HOPS.items()),
        ],
    )
    return Table(below.caption, below.head, (*above, *below.rows))


def _mapped(estimate: Estimate, cell: Callable[[Mapping], str]) -> str:
    placement = estimate.costing.mapping
    return NONE if placement is None else cell(placement)


def _hops(term: str) -> Callable[[Estimate], str]:
    return lambda estimate: count(getattr(estimate.ledger, term) / estimate.work.samples)


def _rules(content: ReportContent) -> Iterator[Block]:
    """The tightest violation of each broken rule."""
    rows = [
        (cost.target.name, verdict.message, worst.where, worst.found, worst.limit, worst.remedy)
        for cost in content.targets
        for verdict in cost.broken
        if (worst := verdict.tightest) is not None
    ]
    if rows:
        yield Table(
            "Design rules that do not hold, each with its worst place. Costs of such a target are those of a chip of "
            "its technology that could run the network.",
            ("target", "rule", "worst place", "found", "limit", "way out"),
            tuple(rows),
            numeric=frozenset({3, 4}),
        )
