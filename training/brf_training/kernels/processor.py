"""How torch's operators use the processor while a sequence runs: denormal numbers, and threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

GRAIN = 32_768  # elements that torch gives a thread at least; with fewer, threads wait longer than they work


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Within: denormal numbers are zeros in this thread, where the processor can. States decay into them, slowly."""
    tiny = torch.full((1,), torch.finfo(torch.float32).tiny)
    before = not bool(tiny / 2)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


@contextmanager
def threads_for(elements: int) -> Iterator[None]:
    """Within: no more threads than operators on so many elements are worth; those of the caller's at most."""
    count = torch.get_num_threads()
    worth = max(1, min(count, elements // GRAIN))
    if worth == count:
        yield
        return
    torch.set_num_threads(worth)
    try:
        yield
    finally:
        torch.set_num_threads(count)
