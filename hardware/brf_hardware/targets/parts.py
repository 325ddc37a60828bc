"""The parts of a target file: figures, limits, allocations and anchors, each refused with its key."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from brf_deploy.errors import InvalidFile, InvalidInput
from brf_deploy.toml_table import Table
from brf_hardware.targets.figure import Figure, Grade
from brf_hardware.targets.limit_values import LARGEST, LIMITS, REQUIRED_LIMITS, limit_value
from brf_hardware.targets.target import Allocation, Anchor, Limits, Origin
from brf_hardware.targets.terms import ALLOCATIONS, ENERGY_TERMS, TIME_TERMS

GRADES = tuple(grade.value for grade in Grade)


@dataclass(frozen=True)
class PartReader:
    """What holds for every figure of a file: its sources by short name, and the technology where a figure names none.

    A figure is ``{ pJ = [low, nominal, high], source = "...", grade = "...", note = "..." }`` under its unit; one
    number stands for all three. A text in the place of a figure is a cost of 0 and says which other figure holds it.
    """

    sources: Mapping[str, str]
    node: str | None
    voltage: float | None

    @classmethod
    def of(cls, file: Table) -> "PartReader":
        """Read what the whole file shares."""
        sources = file.table("sources")
        return cls(
            {name: sources.text(name) for name in sources.rest()},
            file.text("node") if "node" in file else None,
            file.number("voltage", 0.01, 100) if "voltage" in file else None,
        )

    def energy(self, table: Table) -> Mapping[str, Figure]:
        """pJ for each count."""
        return self._figures(table, ENERGY_TERMS, "pJ")

    def time(self, table: Table) -> Mapping[str, Figure]:
        """ns for each count."""
        return self._figures(table, TIME_TERMS, "ns")

    def power(self, file: Table, key: str) -> Figure | None:
        """W, None where the file has none."""
        return self._figure(file, key, "W") if key in file else None

    def limits(self, file: Table) -> tuple[Limits | None, Mapping[str, Origin]]:
        """The limits and where each comes from; None for a bare price table."""
        if "limits" not in file:
            return None, {}
        table = file.table("limits")
        values, origins = {}, {}
        for name in LIMITS:
            if name in REQUIRED_LIMITS or name in table:
                entry = table.table(name)
                values[name] = _value(entry, name)
                origins[name] = Origin(self._source(entry), _grade(entry), entry.text("note", ""))
                entry.close()
        table.close()
        try:
            return Limits(**values), origins
        except InvalidInput as error:
            raise InvalidFile(f"{file.file}: {error}") from error

    def allocations(self, file: Table) -> Mapping[str, Allocation]:
        """Both allocations; none for a bare price table."""
        if "allocations" not in file:
            return {}
        table, found = file.table("allocations"), {}
        for name in ALLOCATIONS:
            entry = table.table(name)
            found[name] = Allocation(*(entry.number(field.name, 0, LARGEST) for field in fields(Allocation)))
            entry.close()
        table.close()
        return found

    def barriers(self, file: Table) -> tuple[tuple[int, float], ...]:
        """(routers, ns) by rising number of routers; empty where the file has none."""
        pairs = file.pairs("barriers_by_routers")
        routers = [count for count, _ in pairs]
        if routers != sorted(set(routers)) or any(count < 1 or count % 1 or time < 0 for count, time in pairs):
            file.fail("barriers_by_routers", pairs, "pairs of routers and ns, by rising whole number of routers")
        return tuple((int(count), time) for count, time in pairs)

    def barrier_across_chips(self, file: Table) -> Figure | None:
        """ns, None where the file has none."""
        key = "barriers_across_chips"
        return self._figure(file, key, "ns") if key in file else None

    def anchor(self, entry: Table) -> Anchor:
        """One published measurement."""
        low, high = entry.number("low", 0, LARGEST), entry.number("high", 0, LARGEST)
        if high < low:
            entry.fail("high", high, f"no less than low, {low:g}")
        anchor = Anchor(entry.text("label"), low, high, entry.text("unit"), self._source(entry))
        entry.close()
        return anchor

    def _figures(self, table: Table, terms: tuple[str, ...], unit: str) -> Mapping[str, Figure]:
        found = {term: self._figure(table, term, unit) for term in terms if term in table}
        table.close()
        return found

    def _figure(self, table: Table, key: str, unit: str) -> Figure:
        if isinstance(table.left.get(key), str):
            return Figure(0, 0, 0, unit, "this file", Grade.ASSUMED, note=table.text(key))
        entry = table.table(key)
        low, nominal, high = _bounds(entry, unit)
        node = entry.text("node") if "node" in entry else self.node
        voltage = entry.number("voltage", 0.01, 100) if "voltage" in entry else self.voltage
        source, grade, note = self._source(entry), _grade(entry), entry.text("note", "")
        entry.close()
        return Figure(low, nominal, high, unit, source, grade, node, voltage, note)

    def _source(self, entry: Table) -> str:
        return entry.choice("source", tuple(self.sources))


def _grade(entry: Table) -> Grade:
    return Grade(entry.choice("grade", GRADES))


def _bounds(entry: Table, unit: str) -> tuple[float, float, float]:
    value = entry.value(unit)
    bounds = value if isinstance(value, list) else [value] * 3
    if len(bounds) != 3 or not all(_is_cost(item) for item in bounds) or sorted(bounds) != bounds:
        entry.fail(unit, value, "a number of 0 or more, or three that rise: [low, nominal, high]")
    low, nominal, high = map(float, bounds)
    return low, nominal, high


def _is_cost(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST


def _value(entry: Table, name: str) -> Any:
    try:
        return limit_value(name, entry.value("value"))
    except InvalidInput as error:
        raise InvalidFile(f"{entry.file}: {entry.name}value: {error}") from error
