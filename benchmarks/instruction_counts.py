"""Instructions of the native code on small problems: guards its speed without a clock or a quiet machine.

Callgrind counts what one forward and one backward pass of the training kernels execute, built for x86-64-v3. The counts
hold for a compiler: another one may differ by some per cent. Run:

    python benchmarks/instruction_counts.py [--record]
"""

import json
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import click
from rich.table import Table

from brf_deploy.errors import Unavailable
from brf_deploy.output import console

ROOT = Path(__file__).parent.parent
RECORDED = ROOT / "benchmarks" / "results" / "instruction_counts.json"
SOURCES = (
    "benchmarks/native/training_instructions.cpp",
    "training/brf_training/kernels/training.cpp",
    "brf_deploy/native/cpu_level.cpp",
)
# Of hatch_build.py, for a program instead of a library, at a level that Valgrind knows.
FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fno-math-errno", "-march=x86-64-v3", "-pthread")
CASES = ("ecg", "shd", "smnist")
COUNTED = ("brf_training_forward", "brf_training_backward")
SLACK = 1.05  # what a count may exceed the recorded one by; other compilers of a distribution stay well within it


def measure() -> dict[str, int]:
    """Instructions by case."""
    for tool in ("g++", "valgrind"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed: apt install {tool}")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "training_instructions"
        sources = [str(ROOT / source) for source in SOURCES]
        subprocess.run(["g++", *FLAGS, "-o", str(program), *sources], check=True)
        return {case: _count(program, case) for case in CASES}


def _count(program: Path, case: str) -> int:
    toggles = [f"--toggle-collect={name}" for name in COUNTED]
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no", *toggles]
    done = subprocess.run([*command, str(program), case], capture_output=True, text=True, check=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"callgrind of '{case}' names no count:\n{done.stderr}")
    return int(found[1])


def recorded() -> dict[str, int]:
    """What `--record` wrote."""
    counts: dict[str, int] = json.loads(RECORDED.read_text())["instructions"]
    return counts


@click.command()
@click.option("--record", is_flag=True, help="Keep these counts as the ones to hold.")
def main(record: bool) -> None:
    """Count, compare with what was recorded, and exit with 1 where there are more than 5 % above it."""
    found = measure()
    if record:
        compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout
        about = {"compiler": compiler.partition("\n")[0], "machine": platform.machine(), "instructions": found}
        RECORDED.write_text(json.dumps(about, indent=1) + "\n")
    before = recorded()
    table = Table("case", "instructions", "recorded", "ratio")
    for case, count in found.items():
        table.add_row(case, f"{count:,}", f"{before[case]:,}", f"{count / before[case]:.3f}")
    console().print(table)
    click.get_current_context().exit(int(any(count > SLACK * before[case] for case, count in found.items())))


if __name__ == "__main__":
    main()
