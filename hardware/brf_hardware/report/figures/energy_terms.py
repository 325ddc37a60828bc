"""Dynamic energy of a sample, stacked by groups of terms, at low, nominal and high prices."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from brf_hardware.cost.energy import dynamic_energy
from brf_hardware.cost.estimate import Estimate
from brf_hardware.cost.range import Range, total
from brf_hardware.cost.tables import quantity
from brf_hardware.report.content import ReportContent
from brf_hardware.report.figures.theme import CLASSES, INK, MUTED, grid, literal, themed_svg

# As many groups as there are colours of classes.
GROUPS: Mapping[str, tuple[str, ...]] = {
    "synapses": ("synaptic_operations", "graded_operations", "zero_operations", "synaptic_words"),
    "neuron updates": ("neuron_updates_idle", "neuron_updates_driven"),
    "readout updates": ("readout_updates",),
    "spikes and messages": ("spikes", "axon_messages", "empty_steps"),
    "mesh": ("hops_east_west", "hops_north_south", "messages_within_router", "chip_crossings"),
    "barriers": ("barriers",),
    "host": ("host_bytes_in", "host_bytes_out"),
}
BOUNDS = ("low", "nominal", "high")


def energy_terms(content: ReportContent) -> str:
    """A panel a target whose terms all have a price."""
    estimates = [cost.estimate for cost in content.targets if cost.estimate and dynamic_energy(cost.estimate.terms)]

    def draw(figure: Figure) -> None:
        every = figure.subplots(len(estimates), 1, squeeze=False)[:, 0]
        for axes, estimate in zip(every, estimates, strict=True):
            _panel(axes, estimate)
        there = {group for estimate in estimates for group, energy in grouped(estimate).items() if energy.high}
        keys = zip(*every[0].get_legend_handles_labels(), strict=True)
        found = {label: handle for handle, label in keys if label in there}
        figure.legend(found.values(), found.keys(), loc="outside upper left", ncols=len(GROUPS), handlelength=1.0)

    return themed_svg("energy-terms", 0.5 + 1.35 * len(estimates), draw)


def grouped(estimate: Estimate) -> Mapping[str, Range]:
    """Joules of a sample by group."""
    found = {name: energy for name, energy in estimate.energy_by_term.items() if energy is not None}
    return {
        group: total(found[name] for name in names if name in found) * (1 / estimate.work.samples)
        for group, names in GROUPS.items()
    }


def _panel(axes: Axes, estimate: Estimate) -> None:
    groups = grouped(estimate)
    for row in range(len(BOUNDS)):
        left = 0.0
        for colour, (name, energy) in zip(CLASSES, groups.items(), strict=True):
            width = energy.bounds[row]
            axes.barh(row, width, left=left, height=0.62, color=colour, linewidth=0, label=name if not row else None)
            left += width
        axes.annotate(
            quantity(left, "J"), (left, row), xytext=(5, 0), textcoords="offset points", va="center", color=MUTED,
            fontsize=8.5,
        )  # fmt: skip
    axes.set_yticks(range(len(BOUNDS)), BOUNDS)
    axes.set_ylim(len(BOUNDS) - 0.5, -0.5)
    axes.set_xlim(0, 1.1 * sum(energy.high for energy in groups.values()) or 1.0)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8))
    axes.xaxis.set_major_formatter(EngFormatter("J"))
    axes.set_title(literal(estimate.target.title))
    grid(axes, "x")
    axes.tick_params(axis="y", length=0, labelcolor=INK)
