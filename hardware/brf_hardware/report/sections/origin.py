"""How each number was made."""

from brf_hardware.report.content import ReportContent
from brf_hardware.report.layout import Section, Table
from brf_hardware.report.numbers import plural
from brf_hardware.report.state_range import BINS_PER_OCTAVE


def origin(content: ReportContent) -> Section:
    """Method by method, then date, command and versions."""
    return Section("origin", "How the numbers were made", (_methods(content), _record(content)))


def _methods(content: ReportContent) -> Table:
    samples = plural(content.evaluation.samples, "sample")
    rows = [
        ("accuracy, spikes", f"counted in one run of the reference backend over {samples}, each from silence"),
        ("operations", "counted exactly from the same run"),
        (
            "state ranges",
            f"extremes and saturations exact; quantiles from a histogram with {BINS_PER_OCTAVE} bins an octave",
        ),
        ("pole radii, violations", "the certificate in exact integers, at rest and at the largest refractory damping"),
        ("bytes", "word widths times the number of weights, coefficients and states"),
        ("C, Verilog", "sizes of the exported tables and states; cycles by the core's formula; cells counted by yosys"),
    ]
    if content.losses:
        rows.append(("quantisation loss", "deployed integers against the trained model in float64"))
    if content.verification is not None:
        rows.append(("equivalence, backends", f"verified on {plural(content.verification.samples, 'sample')}"))
    return Table("", ("number", "made by"), tuple(rows))


def _record(content: ReportContent) -> Table:
    made = content.provenance
    versions = ", ".join(f"{name} {number}" for name, number in made.versions.items())
    rows = (("date", made.date), ("command", made.command), ("versions", versions))
    return Table("", ("record", "of this page"), rows)
