"""How torch's operators use the processor while a sequence runs: denormal numbers, and threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

GRAIN = 32_768  # elements that are worth a thread; with fewer, threads wait for each other longer than they work


@contextmanager
def processor_for(elements: int) -> Iterator[None]:
    """Within: as loops of operators on so many elements run fastest, on no more threads than the caller has.

    Denormal numbers, slow and worth nothing, are zeros in this thread, where the processor can do that.
    """
    threads, flushes = torch.get_num_threads(), flushes_denormals()
    torch.set_num_threads(max(1, min(threads, elements // GRAIN)))
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushes)
        torch.set_num_threads(threads)


def flushes_denormals() -> bool:
    """Whether denormal numbers are zeros in this thread."""
    smallest_normal = torch.full((1,), torch.finfo(torch.float32).tiny)
    return not bool(smallest_normal / 2)
