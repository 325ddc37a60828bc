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

SECTIONS: tuple[Callable[[ReportContent], Section], ...] = (
    network,
    spikes,
    sample,
    states,
    poles,
    loss,
    equivalence,
    backends,
    operations,
    hardware,
    origin,
)
