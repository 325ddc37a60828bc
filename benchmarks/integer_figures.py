"""Tables and plot of the integer engine's benchmark."""

from pathlib import Path
from typing import Any

from rich.console import Group
from rich.table import Table


def speed_table(rows: list[dict[str, Any]]) -> Table:
    """Millions of neuron-steps a second, one row a rate and batch."""
    shown = Table(title="million neuron-steps a second, medians by the wall (best)", title_justify="left")
    names = list(dict.fromkeys(row["backend"] for row in rows))
    for name in ("rate", "batch", *names, "fast, 1 thread, of CPU time"):
        shown.add_column(name, justify="right")
    for key in dict.fromkeys((row["rate"], row["batch"]) for row in rows):
        cells = {row["backend"]: row for row in rows if (row["rate"], row["batch"]) == key}
        texts = [
            "absent"
            if "absent" in row
            else f"{row['neuron_steps_per_second'] / 1e6:.1f} ({row['best_neuron_steps_per_second'] / 1e6:.1f})"
            for row in cells.values()
        ]
        alone = cells[names[0]]["neuron_steps_per_cpu_second"] / 1e6
        shown.add_row(f"{key[0]:.1%}", f"{key[1]}", *texts, f"{alone:.1f}")
    return shown


def lava_table(rows: list[dict[str, Any]]) -> Table:
    """Cost of a step and of a whole run, and how many times the fast backend's."""
    shown = Table(title="S-MNIST network: Lava, and the fast backend on all cores", title_justify="left")
    for name in ("backend", "batch", "a step", "fast", "ratio", "of CPU time", "a whole run", "fast", "ratio"):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            row["backend"], f"{row['batch']}",
            f"{row['seconds_per_step'] * 1e3:.3f} ms", f"{row['fast_seconds_per_step'] * 1e6:.2f} us",
            f"{row['ratio']:,.0f} x", f"{row['ratio_of_cpu_time']:,.0f} x",
            f"{row['seconds_of_a_run']:.1f} s", f"{row['fast_seconds_of_a_run'] * 1e3:.2f} ms",
            f"{row['ratio_of_runs']:,.0f} x",
        )  # fmt: skip
    return shown


def image_table(found: dict[str, dict[str, float]]) -> Table:
    """Float and integer beside what is expected."""
    shown = Table(title="all S-MNIST test images", title_justify="left")
    for name in ("network", "accuracy %", "expected", "spikes a sample", "expected", "seconds", "of CPU time"):
        shown.add_column(name, justify="right")
    for kind, row in found.items():
        shown.add_row(
            kind, f"{row['accuracy_percent']:.2f}", f"{row['expected_accuracy_percent']:.2f}",
            f"{row['spikes_per_sample']:,.2f}", f"{row['expected_spikes_per_sample']:,.1f}",
            f"{row['seconds']:.2f}", f"{row['cpu_seconds']:.2f}",
        )  # fmt: skip
    return shown


def scaling_tables(found: dict[str, Any]) -> Group:
    """Time and speed of every size, of 32-bit words against doubles, and the shares of the machine's limits."""
    sizes = Table(title="one size varied, the others as S-MNIST: medians (best)", title_justify="left")
    for name in ("varied", "to", "spike rate", "milliseconds", "million neuron-steps a second", "of CPU time"):
        sizes.add_column(name, justify="right")
    for row in found["rows"]:
        to = f"{row['value']:.0%}" if row["varied"] == "rate" else f"{row['value']}"
        sizes.add_row(
            row["varied"], to if "batch" not in row else f"{to}, batch {row['batch']}", f"{row['rate']:.1%}",
            f"{row['seconds'] * 1e3:.2f} ({row['best_seconds'] * 1e3:.2f})",
            f"{row['neuron_steps_per_second'] / 1e6:.0f} ({row['best_neuron_steps_per_second'] / 1e6:.0f})",
            f"{row['neuron_steps_per_cpu_second'] / 1e6:.0f}",
        )  # fmt: skip
    limits = found["limits"]
    return Group(
        sizes,
        f"Arithmetic: {limits['vector_operations_per_neuron_step']:.2f} vector operations a neuron-step, "
        f"{limits['vector_operations_per_second'] / 1e9:.2f} G a second, {limits['share_of_arithmetic']:.0%} of the "
        f"{limits['dense_vector_operations_per_second'] / 1e9:.2f} G fused multiply-adds of a dense product.",
        f"Memory: {limits['bytes_per_neuron_step']:.2f} bytes a neuron-step, "
        f"{limits['share_of_memory_bandwidth']:.0%} of a STREAM triad's traffic.",
    )


def plot_scaling(rows: list[dict[str, Any]], path: Path) -> None:
    """Time over every varied size, beside a line of proportional growth."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in dict.fromkeys(row["varied"] for row in rows) if name != "words"]
    figure = Figure(figsize=(3 * len(names), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        points = [row for row in rows if row["varied"] == name]
        values = [row["rate" if name == "rate" else "value"] for row in points]
        times = [row["seconds"] * 1e3 for row in points]
        axes.plot(values, times, marker="o", label="measured")
        direction = -1 if name == "threads" else 1
        line = [times[-1] * (value / values[-1]) ** direction for value in values]
        axes.plot(values, line, color="black", linewidth=0.8, linestyle="dashed", label="in proportion")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(values, [f"{value:.1%}" if name == "rate" else f"{value}" for value in values], rotation=45)
        axes.minorticks_off()
        axes.set_xlabel({"rate": "spike rate", "batch": "samples"}.get(name, name))
    figure.axes[0].set_ylabel("milliseconds")
    figure.axes[0].legend(fontsize="small")
    figure.savefig(path)


def plot(rows: list[dict[str, Any]], path: Path) -> None:
    """Neuron-steps a second of every backend, one group of bars a rate and batch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = [row for row in rows if "absent" not in row]
    names = list(dict.fromkeys(row["backend"] for row in rows))
    groups = list(dict.fromkeys((row["rate"], row["batch"]) for row in rows))
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for index, name in enumerate(names):
        heights = [row["neuron_steps_per_second"] / 1e6 for row in rows if row["backend"] == name]
        axes.bar(
            [group + index * 0.8 / len(names) for group in range(len(groups))], heights, 0.8 / len(names), label=name
        )
    axes.axhline(300, color="black", linewidth=0.8, linestyle="dashed", label="target, 1 thread at 5 %")
    axes.set_xticks([group + 0.35 for group in range(len(groups))], [f"{rate:.1%}, batch {n}" for rate, n in groups])
    axes.set_yscale("log")
    axes.set_ylabel("million neuron-steps a second")
    axes.set_title("S-MNIST network (256 neurons, 784 steps), spikes and readout recorded")
    axes.legend(fontsize="small", ncols=2)
    figure.savefig(path)
