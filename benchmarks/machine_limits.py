"""What this machine can do at most: dense products and memory traffic."""

import os
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import torch

GEMM, TRIAD = 1024, 20_000_000


def limits(threads: int) -> dict[str, Any]:
    """GFLOP/s of a float32 product of torch on one and on `threads` threads, and GB/s of a STREAM triad."""
    return {
        "gemm_gflops": {str(count): round(_gemm(count), 1) for count in sorted({1, threads})},
        "stream_gbs": round(_triad(), 1),
    }


def load() -> str:
    """The load of the last minute, where the system tells."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _gemm(threads: int) -> float:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    a, b = torch.rand(GEMM, GEMM), torch.rand(GEMM, GEMM)
    seconds = []
    for _ in range(9):
        start = perf_counter()
        a @ b
        seconds.append(perf_counter() - start)
    torch.set_num_threads(before)
    return 2 * GEMM**3 / min(seconds) / 1e9


def _triad() -> float:
    a, b, c = (np.ones(TRIAD, np.float32) for _ in range(3))
    seconds = []
    for _ in range(5):
        start = perf_counter()
        np.multiply(c, np.float32(3), out=a)
        a += b
        seconds.append(perf_counter() - start)
    return 5 * TRIAD * 4 / median(seconds) / 1e9
