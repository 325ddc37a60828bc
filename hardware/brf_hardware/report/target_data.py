"""What a report says about one target, as plain data."""

from typing import Any

from brf_hardware.cost.as_data import as_dict
from brf_hardware.cost.price_grades import graded
from brf_hardware.cost.range import Range
from brf_hardware.cost.sensitivity import Influence, influences
from brf_hardware.mapping.mapping import Mapping
from brf_hardware.report.sections.sources import used_figures
from brf_hardware.report.target_cost import TargetCost
from brf_hardware.targets.figure import Figure


def target_data(cost: TargetCost) -> dict[str, Any]:
    """Design rules, limits, mapping, estimate and its figures; None for what a network that fits nowhere, or a price
    table, does not have."""
    found, estimate, mapping = cost.placement, cost.estimate, cost.mapping
    return {
        "target": cost.target.name,
        "title": cost.target.title,
        "allocation": found.allocation,
        "fits": not cost.broken and not found.refusal,
        "refusal": found.refusal or None,
        "rules": [
            {"rule": verdict.rule, "message": verdict.message, "violations": [vars(d) for d in verdict.violations]}
            for verdict in found.verdicts
        ],
        "mapping": None if mapping is None else _mapping(mapping) | {"utilisation": cost.utilisation},
        "estimate": None if estimate is None else as_dict(estimate),
        "sensitivity": None
        if estimate is None
        else {
            operation.speed: [_influence(one) for one in influences(estimate, operation)]
            for operation in estimate.operations
        },
        "grades": None if estimate is None else {grade.value: share for grade, share in graded(estimate).items()},
        "figures": None if estimate is None else [_figure(*used) for used in used_figures(estimate)],
        "limits": None
        if cost.target.limits is None
        else {
            name: {"value": _value(getattr(cost.target.limits, name)), **_plain(vars(origin))}
            for name, origin in cost.target.origins.items()
        },
    }


def _mapping(found: Mapping) -> dict[str, Any]:
    return {
        "method": found.method,
        "mesh": found.mesh,
        "links": found.links,
        "links_in_order": found.links_in_order,
        "cores": [vars(core) for core in found.cores],
        "placement": found.placement,
        "load": vars(found.load),
    }


def _influence(one: Influence) -> dict[str, Any]:
    return {"figure": one.figure, "unit": one.unit, "values": vars(one.values), "total_energy": vars(one.total)}


def _figure(name: str, figure: Figure, force: Range) -> dict[str, Any]:
    return {"figure": name, **_plain(vars(figure)), **vars(force)}


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return fields | {"grade": fields["grade"].value}


def _value(limit: object) -> object:
    return sorted(limit) if isinstance(limit, frozenset) else limit
