"""The sections of the report in their order. A new one is a function from content to `Section`, and a line here."""

from collections.abc import Callable

from brf_hardware.report.content import ReportContent
from brf_hardware.report.layout import Section
from brf_hardware.report.sections.activity import sample, spikes, states
from brf_hardware.report.sections.equivalence import backends, equivalence
from brf_hardware.report.sections.hardware import hardware
from brf_hardware.report.sections.network import network
from brf_hardware.report.sections.operations import operations
from brf_hardware.report.sections.origin import origin
from brf_hardware.report.sections.stability import loss, poles

Drawing = Callable[[ReportContent], Section]
MEASURED: tuple[Drawing, ...] = (network, spikes, sample, states, poles, loss, equivalence, backends, operations)
EXPORTED: tuple[Drawing, ...] = (hardware,)
MADE: tuple[Drawing, ...] = (origin,)


def all_sections(content: ReportContent) -> tuple[Section, ...]:
    """Every section of a page; those about chips only where targets were asked for."""
    chips, cited = _chips() if content.targets else ((), ())
    return tuple(draw(content) for draw in (*MEASURED, *chips, *EXPORTED, *cited, *MADE))


def _chips() -> tuple[tuple[Drawing, ...], tuple[Drawing, ...]]:
    """What chips cost, and the sources of it; they need packages that a report without chips does not."""
    from brf_hardware.report.sections.budget import budget
    from brf_hardware.report.sections.energy import energy
    from brf_hardware.report.sections.latency import latency
    from brf_hardware.report.sections.mapping import mapping
    from brf_hardware.report.sections.sources import sources

    return (mapping, latency, energy, budget), (sources,)
