"""The native kernels execute no more instructions than was recorded, as Valgrind counts them."""

import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


@pytest.mark.needs("g++", "valgrind")
def test_no_more_instructions_than_recorded(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    from instruction_counts import SLACK, measure, recorded

    found, before = measure(), recorded()
    assert set(found) == set(before)
    ratios = {case: found[case] / before[case] for case in found}
    assert max(ratios.values()) <= SLACK, ratios
