"""Dynamic energy: the ledger times the prices, term by term; a term that occurred and has no price is named, not 0."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from brf_hardware.cost.ledger import Ledger
from brf_hardware.cost.range import Range, total

PICO = 1e-12


@dataclass(frozen=True)
class EnergyTerm:
    """One term of one layer or the readout: how often it occurred, and joules; None where it has no price."""

    population: str
    term: str
    count: int
    energy: Range | None


def energy_terms(
    populations: tuple[str, ...], ledgers: tuple[Ledger, ...], prices: Mapping[str, Range]
) -> tuple[EnergyTerm, ...]:
    """Every term that occurred, by layer and readout; `prices` in pJ."""
    return tuple(
        EnergyTerm(population, field.name, count, _energy(count, prices.get(field.name)))
        for population, ledger in zip(populations, ledgers, strict=True)
        for field in fields(Ledger)
        if (count := getattr(ledger, field.name))
    )


def unpriced(terms: Sequence[EnergyTerm]) -> tuple[str, ...]:
    """Terms that occurred and have no price."""
    return tuple(dict.fromkeys(term.term for term in terms if term.energy is None))


def dynamic_energy(terms: Sequence[EnergyTerm]) -> Range | None:
    """Joules of all terms; None while one of them is unpriced."""
    found = [term.energy for term in terms if term.energy is not None]
    return total(found) if len(found) == len(terms) else None


def by_term(terms: Sequence[EnergyTerm]) -> Mapping[str, Range | None]:
    """Joules of each term over all layers; None where it is unpriced."""
    names = dict.fromkeys(term.term for term in terms)
    return {name: dynamic_energy([term for term in terms if term.term == name]) for name in names}


def _energy(count: int, price: Range | None) -> Range | None:
    return None if price is None else price * (count * PICO)
