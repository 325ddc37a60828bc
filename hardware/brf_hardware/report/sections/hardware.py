"""The network as C and as hardware."""

from collections.abc import Mapping
from typing import Any

from brf_hardware.report.content import ReportContent
from brf_hardware.report.hardware_cost import FAMILY
from brf_hardware.report.layout import Block, Missing, Section, Table
from brf_hardware.report.numbers import count
from brf_hardware.verilog.synthesis import Synthesis


def hardware(content: ReportContent) -> Section:
    """What the exports need: memory and operations of the C, memories and cycles of the core, cells by yosys."""
    cost = content.hardware
    return Section(
        "hardware",
        "As C and as hardware",
        (
            _facts("C: known before it is compiled.", cost.c),
            _facts("Verilog, one event-driven core: known before it is synthesised.", cost.verilog),
            _synthesis(cost.synthesis),
        ),
    )


def _facts(caption: str, facts: Mapping[str, Any] | str) -> Block:
    if isinstance(facts, str):
        return f"{caption} None: {facts}."
    rows = tuple((name, count(value) if isinstance(value, int) else str(value)) for name, value in facts.items())
    return Table(caption, ("fact", "value"), rows, numeric=frozenset({1}))


def _synthesis(found: Synthesis | str | None) -> Block:
    if found is None:
        return Missing(
            "Cells were not counted: synthesis takes from seconds to minutes.", "brf-deploy report ... --synthesis"
        )
    if isinstance(found, str):
        return f"Synthesis by yosys: none, {found}."
    rows = (
        ("cells", count(found.cells)),
        ("look-up tables", count(found.luts)),
        ("flip-flops", count(found.flip_flops)),
        ("DSP blocks", count(found.multipliers)),
        ("memory, bits", count(found.memory_bits)),
        ("block RAMs of 4 kbit", count(found.block_rams)),
    )
    caption = f"Synthesis by yosys for {FAMILY}, without placement and timing."
    return Table(caption, ("resource", "count"), rows, numeric=frozenset({1}))
