"""Manual pages written from the data: a page for each target, and the design rules from their docstrings.

``python -m brf_hardware.targets.pages DOCS`` writes ``DOCS/targets/*.md`` and ``DOCS/design-rules.md``.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from brf_deploy.whole_file import write_whole
from brf_hardware.targets.demand import Rule, explanation, title
from brf_hardware.targets.figure import Figure
from brf_hardware.targets.load import load_target, target_names
from brf_hardware.targets.rules import RULES
from brf_hardware.targets.target import Target
from brf_hardware.targets.terms import ENERGY_TERMS, TIME_TERMS

MADE_BY = "<!-- Made by `python -m brf_hardware.targets.pages docs`; change the data, not this page. -->"


def pages() -> Mapping[str, str]:
    """Every page, by path relative to the manual."""
    targets = [load_target(name) for name in target_names()]
    return {
        "design-rules.md": rules_page(targets),
        "targets/README.md": index_page(targets),
        **{f"targets/{target.name}.md": target_page(target) for target in targets},
    }


def target_page(target: Target) -> str:
    """All that is known of one target."""
    return _join(
        f"# {target.name}: {target.title}",
        MADE_BY,
        target.description,
        *_limits(target),
        *_prices("Energy, pJ for each count", target.energy, ENERGY_TERMS, bool(target.energy)),
        *_prices("Time, ns for each count on the busiest core", target.time, TIME_TERMS, bool(target.time)),
        *_barriers(target),
        *_rest(target),
        *_anchors(target),
        "## Assumptions",
        _bullets(target.assumptions),
        "## Sources",
        _bullets(target.sources),
    )


def index_page(targets: Iterable[Target]) -> str:
    """All targets, and how to make one's own."""
    rows = [
        [f"[{target.name}]({target.name}.md)", target.title, _runs_brf(target), _unpriced(target.energy, ENERGY_TERMS)]
        for target in targets
    ]
    return _join(
        "# Targets",
        MADE_BY,
        "A target is a TOML file of `hardware/brf_hardware/targets/`: limits, prices and times, each with source and "
        "grade. Grades, best first: measured silicon, documented, SPICE, derived, assumed. What is not public stands "
        "there as an assumption with its reason, or is unpriced, and a total that needs an unpriced term is refused.",
        _table(["target", "what", "runs BRF", "unpriced energies"], rows),
        "## Another figure, another chip",
        "`--set KEY=VALUE` of `check`, `map`, `estimate` and `report` replaces a figure or a limit: "
        "`--set limits.axons_in_per_core=2048`, `--set energy.barriers=0:200:2000`, `--set neuron_factor=1`. "
        "A file of your own is named by its path, `--target my-board.toml`. It has every key, or the line "
        '`based_on = "loihi2"` and the keys that differ: tables `limits` and `sources` are merged key by key, any '
        "other key replaces the whole of the base's.",
        "```toml\n"
        'title = "My board"\n'
        'description = "Loihi 2 with a measured static power."\n'
        'based_on = "loihi2"\n'
        'static_power = { W = [0.6, 0.7, 0.8], source = "lab", grade = "measured silicon" }\n\n'
        "[sources]\n"
        'lab = "our own measurement, June"\n\n'
        "[limits]\n"
        'chips = { value = 1, source = "lab", grade = "documented" }\n'
        "```",
        "A figure is `{ pJ = [low, nominal, high], source, grade, note }` under its unit, one number for all three; a "
        "text in its place is a cost of 0 that says which other figure holds it.",
        'A core that does one thing after another has `stages = "sequential"`, a chip where each layer has a barrier '
        'has `barriers_are_of = "layer"`, and `barriers_across_chips = { ns = 13000, source, grade, note }` is the '
        "time of a barrier at which several chips meet.",
    )


def rules_page(targets: Iterable[Target]) -> str:
    """The rules in order, with every chip's limits."""
    chips = [target for target in targets if target.limits is not None]
    names = ("state_bits", "weight_bits", "coefficient_bits", "accumulator_bits", "product_bits", "message_bits")
    rows = [[f"[{t.name}](targets/{t.name}.md)", *(_value(getattr(t.limits, name)) for name in names)] for t in chips]
    return _join(
        "# Design rules",
        MADE_BY,
        "`brf-deploy check NET --target NAME` asks each rule in this order. A rule is a function; its docstring is "
        "what stands here. Every violation names layer, neuron or value, the limit, and a way out.",
        *(part for rule in RULES for part in _rule(rule)),
        "## Word widths of the targets",
        _table(["target", *names], rows),
    )


def _rule(rule: Rule) -> tuple[str, ...]:
    return f"## {rule.__name__}", title(rule), explanation(rule)


def _limits(target: Target) -> tuple[str, ...]:
    if target.limits is None:
        return "## Limits", "None: a table of prices, not a chip."
    rows = [
        [name, _value(getattr(target.limits, name)), origin.grade.value, origin.source, origin.note]
        for name, origin in target.origins.items()
    ]
    sizes = [
        [name, *(f"{value:g}" for value in vars(allocation).values())]
        for name, allocation in target.allocations.items()
    ]
    return (
        "## Limits",
        _table(["limit", "value", "grade", "source", "note"], rows),
        "Bytes that a core's memory gives to a thing:",
        _table(["allocation", "neuron, beside its words", "synapse", "axon", "program"], sizes),
    )


def _prices(heading: str, figures: Mapping[str, Figure], terms: Iterable[str], any_: bool) -> tuple[str, ...]:
    if not any_:
        return f"## {heading}", "Nothing is priced."
    rows = [[term, *_figure(figures[term])] for term in terms if term in figures]
    head = ["term", "low", "nominal", "high", "grade", "source", "technology", "note"]
    return f"## {heading}", _table(head, rows), f"Unpriced: {_unpriced(figures, terms)}."


def _barriers(target: Target) -> tuple[str, ...]:
    found: list[str] = []
    if target.barriers_by_routers:
        rows = [[f"{routers}", f"{time:g}"] for routers, time in target.barriers_by_routers]
        found += ["A barrier over so many routers:", _table(["routers", "ns"], rows)]
    if target.barriers_across_chips is not None:
        head = ["low", "nominal", "high", "grade", "source", "technology", "note"]
        found += ["A barrier across chips, ns:", _table(head, [[*_figure(target.barriers_across_chips)]])]
    if target.barriers_of_layers:
        found.append("A barrier is of one layer and step.")
    if target.sequential:
        found.append("A core does one thing after another: its stages do not overlap.")
    return tuple(found)


def _rest(target: Target) -> tuple[str, ...]:
    figures = {
        "static power of a chip": target.static_power,
        "host power beside a chip": target.host_power,
        "a BRF update in LIF updates": target.neuron_factor,
    }
    rows = [[name, figure.unit, *_figure(figure)] for name, figure in figures.items() if figure is not None]
    head = ["what", "unit", "low", "nominal", "high", "grade", "source", "technology", "note"]
    return ("## Power, and what a BRF neuron takes", _table(head, rows)) if rows else ()


def _anchors(target: Target) -> tuple[str, ...]:
    if not target.anchors:
        return ()
    rows = [[a.label, f"{a.low:g}", f"{a.high:g}", a.unit, a.source] for a in target.anchors]
    return "## Published measurements of whole workloads", _table(["what", "low", "high", "unit", "source"], rows)


def _figure(figure: Figure) -> list[str]:
    technology = ", ".join([*filter(None, [figure.node]), *([f"{figure.voltage:g} V"] if figure.voltage else [])])
    return [*(f"{bound:g}" for bound in figure.bounds), figure.grade.value, figure.source, technology, figure.note]


def _unpriced(figures: Mapping[str, Figure], terms: Iterable[str]) -> str:
    return ", ".join(term for term in terms if term not in figures) or "nothing"


def _runs_brf(target: Target) -> str:
    if target.limits is None:
        return "no chip"
    have = target.limits.operations
    return "yes" if have is None or "multiply" in have else "no"


def _value(value: object) -> str:
    match value:
        case None:
            return "no limit"
        case int():
            return f"{value:,}"
        case tuple():
            return " x ".join(map(str, value))
        case frozenset():
            return ", ".join(sorted(value))
    return str(value)


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"* {line}" for line in lines) or "None."


def _join(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def main(docs: Path) -> None:
    """Write every page below `docs`."""
    for name, text in pages().items():
        write_whole(docs / name, text.encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
