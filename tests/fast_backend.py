"""What the tests of the fast backend share: skipping where it was not built, and exact equality of traces."""

import numpy as np
import pytest

from brf_hardware.fast.backend import FAST
from brf_hardware.fast.native import LEVEL, STEM, VERSION

FOUND = FAST.availability()
needs_fast = pytest.mark.skipif(not FOUND.present, reason=FOUND.detail)


def cpu_levels():
    """The x86-64 levels whose builds this processor runs; None where there is only one build."""
    from brf_deploy.native_library import load_native

    best = load_native(STEM, VERSION).brf_cpu_level() if FOUND.present else 0
    return [str(level) for level in range(2, best + 1)] or [None]


def use_level(monkeypatch, level):
    """Run on the build of that level from here on."""
    if level is not None:
        monkeypatch.setenv(LEVEL, level)


def assert_equal(found, expected):
    """Every array of two traces, in value and type."""
    found, expected = found.fields(), expected.fields()
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array, err_msg=name)
