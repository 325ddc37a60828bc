"""A target with other figures or limits: ``KEY=VALUE``, for what is not public or is different on the user's board."""

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import NoReturn

from brf_deploy.errors import InvalidInput
from brf_hardware.targets.figure import Figure, Grade
from brf_hardware.targets.limit_values import LARGEST, LIMITS, NO_LIMIT, limit_from_text
from brf_hardware.targets.target import Allocation, Origin, Target
from brf_hardware.targets.terms import ENERGY_TERMS, TIME_TERMS

SOURCE, SET = "--set", "set by the user"
FORMS = (
    "limits.NAME=VALUE, energy.TERM=PJ, time.TERM=NS, static_power=W, host_power=W, neuron_factor=MULTIPLE or "
    "allocations.NAME.PART=BYTES; a figure is one number, LOW:NOMINAL:HIGH, or 'none' for unpriced"
)


def override(target: Target, *settings: str) -> Target:
    """`target` with ``KEY=VALUE`` in force, in order; each is graded as assumed and stands among the assumptions.

    Keys: ``limits.axons_in_per_core=2048``, ``energy.barriers=0:200:2000``, ``time.spikes=30``, ``static_power=0.2``,
    ``neuron_factor=1``, ``allocations.assumed.synapse=2``. Raises `InvalidInput` naming target, setting and what is
    expected.
    """
    for setting in settings:
        target = _with(target, setting)
    return target


def _with(target: Target, setting: str) -> Target:
    key, equals, text = setting.partition("=")
    key, text = key.strip(), text.strip()
    if not equals or not text:
        _refuse(target, setting, f"expected {FORMS}")
    try:
        changed = _changed(target, key, text)
    except InvalidInput as error:
        _refuse(target, setting, str(error))
    return replace(changed, assumptions=(*changed.assumptions, f"Set by the user: {key} = {text}."))


def _changed(target: Target, key: str, text: str) -> Target:
    match key.split("."):
        case ["limits", name] if target.limits is not None:
            _check(name, LIMITS, "limit")
            limits = replace(target.limits, **{name: limit_from_text(name, text)})
            return replace(
                target,
                limits=limits,
                origins={**target.origins, name: Origin(SOURCE, Grade.ASSUMED, "set by the user")},
            )
        case ["energy", term]:
            return replace(target, energy=_priced(target.energy, term, ENERGY_TERMS, "pJ", text))
        case ["time", term]:
            # What refines the barrier refines the file's own figure, not the user's.
            changed = replace(target, time=_priced(target.time, term, TIME_TERMS, "ns", text))
            return (
                replace(changed, barriers_by_routers=(), barriers_across_chips=None) if term == "barriers" else changed
            )
        case ["static_power"]:
            return replace(target, static_power=_figure(text, "W"))
        case ["host_power"]:
            return replace(target, host_power=_figure(text, "W"))
        case ["neuron_factor"]:
            return replace(target, neuron_factor=_neuron_factor(target, text))
        case ["allocations", name, part]:
            _check(name, target.allocations, "allocation")
            _check(part, tuple(field.name for field in fields(Allocation)), "part of an allocation")
            allocation = replace(target.allocations[name], **{part: _number(text)})
            return replace(target, allocations={**target.allocations, name: allocation})
    raise InvalidInput(f"key '{key}' is unknown, or not of this target; expected {FORMS}")


def _priced(
    figures: Mapping[str, Figure], term: str, terms: tuple[str, ...], unit: str, text: str
) -> Mapping[str, Figure]:
    _check(term, terms, "term")
    others = {name: figure for name, figure in figures.items() if name != term}
    figure = _figure(text, unit)
    return others if figure is None else {**others, term: figure}


def _figure(text: str, unit: str) -> Figure | None:
    if text == NO_LIMIT:
        return None
    parts = [_number(part) for part in text.split(":")]
    if len(parts) == 1:
        parts *= 3
    if len(parts) != 3 or sorted(parts) != parts:
        raise InvalidInput(f"'{text}' found, expected one number, or three that rise: LOW:NOMINAL:HIGH")
    low, nominal, high = parts
    return Figure(low, nominal, high, unit, SOURCE, Grade.ASSUMED, note=SET)


def _neuron_factor(target: Target, text: str) -> Figure:
    if target.neuron_factor is None:
        raise InvalidInput("prices of neuron updates are BRF's own here, no factor applies; set the prices themselves")
    factor = _figure(text, "LIF updates")
    if factor is None:
        raise InvalidInput("a factor cannot be unpriced, it multiplies prices; set those of the neuron updates to none")
    return factor


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= LARGEST:
        raise InvalidInput(f"'{text}' found, expected a number in 0..2^62")
    return value


def _check(name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        raise InvalidInput(f"{what} '{name}' is unknown; there are: {', '.join(known) or 'none'}")


def _refuse(target: Target, setting: str, reason: str) -> NoReturn:
    raise InvalidInput(f"target '{target.name}', setting '{setting}': {reason}")
