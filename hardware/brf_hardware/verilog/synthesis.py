"""What a network costs in hardware, as yosys counts it."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from brf_deploy.errors import BackendFailure, InvalidInput, Unavailable
from brf_deploy.network import IntegerNetwork
from brf_hardware.tools import Tools, run_tool
from brf_hardware.verilog.exporter import EXPORTER, sources

Family = Literal["ice40", "generic"]
YOSYS = Tools({"yosys": "yosys"})
SECONDS = 1800
NAME = "network"
# As `synth`, but memories stay memories: as gates and flip-flops, those of a large network would not end.
GENERIC = "synth -run coarse:fine; opt -full; techmap; opt -fast; abc -fast; opt_clean"


@dataclass(frozen=True)
class Synthesis:
    """Counts after synthesis, without placement and timing.

    cells: of every kind, memories included. luts: look-up tables; 0 for "generic", whose logic is gates. multipliers:
    DSP blocks for "ice40", whole multipliers for "generic", where their gates are among the cells. memory_bits: of all
    memories before they are mapped. block_rams: blocks of 4 kbit for "ice40", memories for "generic".
    """

    family: Family
    cells: int
    luts: int
    flip_flops: int
    multipliers: int
    memory_bits: int
    block_rams: int
    cells_by_type: Mapping[str, int]


def synthesize(network: IntegerNetwork, family: Family = "generic", seconds: float = SECONDS) -> Synthesis:
    """Synthesise the exported core of `network` for a family with yosys.

    Raises `InvalidInput` for an unknown family, `Unavailable` without yosys or jinja2, `Unsupported` for what the
    exporter refuses, `BackendFailure` where yosys fails or takes longer than `seconds`.
    """
    if family not in get_args(Family):
        raise InvalidInput(f"synthesis family '{family}': unknown; name one of {', '.join(get_args(Family))}")
    for found in (EXPORTER.availability(), YOSYS.availability()):
        if not found.present:
            raise Unavailable(f"synthesis is not available: {found.detail}")
    with tempfile.TemporaryDirectory(prefix="brf-deploy-yosys-") as name:
        folder = Path(name)
        for file, data in EXPORTER.render(network, NAME).files.items():
            (folder / file).write_bytes(data)
        script = synthesis_script(f"{NAME}_core", sources(NAME), family)
        run_tool(["yosys", "-q", "-p", script], folder, seconds, f"synthesis for '{family}'")
        parsed, mapped = (_read_counts(folder / file) for file in ("parsed.json", "mapped.json"))
    return _synthesis(family, parsed, mapped)


def synthesis_script(top: str, files: list[str], family: Family) -> str:
    """The commands of yosys; counts go to ``parsed.json`` and, after mapping, to ``mapped.json``."""
    steps = [
        f"read_verilog -sv {' '.join(files)}",
        f"hierarchy -check -top {top}",
        "proc; flatten; opt_clean",
        "tee -q -o parsed.json stat -json",
        "synth_ice40 -dsp" if family == "ice40" else GENERIC,
        "tee -q -o mapped.json stat -json",
    ]
    return "; ".join(steps)


def _read_counts(path: Path) -> dict[str, Any]:
    try:
        counts: dict[str, Any] = json.loads(path.read_text())["design"]
    except (OSError, ValueError, KeyError) as error:
        raise BackendFailure(
            f"synthesis: yosys left no counts in {path.name} ({error}); use yosys 0.23 or newer"
        ) from None
    return counts


def _synthesis(family: Family, parsed: dict[str, Any], mapped: dict[str, Any]) -> Synthesis:
    cells: dict[str, int] = mapped["num_cells_by_type"]
    multipliers = parsed["num_cells_by_type"].get("$mul", 0) if family == "generic" else cells.get("SB_MAC16", 0)
    return Synthesis(
        family=family,
        cells=int(mapped["num_cells"]),
        luts=cells.get("SB_LUT4", 0),
        flip_flops=sum(count for kind, count in cells.items() if "DFF" in kind),
        multipliers=multipliers,
        memory_bits=int(parsed["num_memory_bits"]),
        block_rams=cells.get("SB_RAM40_4K", 0) + cells.get("$mem_v2", 0),
        cells_by_type=cells,
    )
