"""The native training library as tests meet it: its levels on this processor, and a mark for what needs it."""

import pytest

from brf_deploy.errors import Unavailable
from brf_training.kernels.library import load

try:
    LEVELS = list(range(2, max(2, load().brf_cpu_level()) + 1))
except Unavailable:
    LEVELS = []
native = pytest.mark.skipif(not LEVELS, reason="no native library: no C++ compiler when this was installed")
BOTH = [pytest.param("torch", id="torch"), pytest.param("native", id="native", marks=native)]
