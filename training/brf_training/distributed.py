"""Data parallel training: processes that `torchrun` starts, each with its share of every batch."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from brf_deploy.arrays import Ints
from brf_deploy.errors import InvalidInput
from brf_training.cell_loop import SequenceRun

# Set by torchrun for each process that it starts.
RANK, SIZE, LOCAL_RANK = "RANK", "WORLD_SIZE", "LOCAL_RANK"
ADDRESS = ("MASTER_ADDR", "MASTER_PORT")
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Ranks:
    """This process among `size` that train the same network; one alone by default."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def share(self, order: Ints) -> Ints:
        """This process's part of a batch; parts differ by one sample at most, and may be empty."""
        return order[self.rank :: self.size]

    def replica(self, model: nn.Module) -> nn.Module:
        """The model, with gradients averaged over all processes where there are several."""
        if self.size == 1:
            return model
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=devices)

    def summing(self, replica: nn.Module, last: bool) -> AbstractContextManager[None]:
        """Within: a backward pass adds to the gradients; only the last one of a batch averages over processes."""
        if last or not isinstance(replica, DistributedDataParallel):
            return nullcontext()
        quiet: AbstractContextManager[None] = replica.no_sync()
        return quiet

    def weight(self, samples: int, total: int) -> float:
        """What to scale the mean over this process's samples by, so that the average is the whole batch's mean."""
        return samples * self.size / total

    def total(self, values: Sequence[float]) -> list[float]:
        """Sums over processes, the same bits on each."""
        if self.size == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(summed)
        return [float(value) for value in summed]

    def meet(self) -> None:
        """Wait for the other processes."""
        self.total([0.0])

    def of_first(self, flag: bool) -> bool:
        """What the first process decided."""
        return bool(self.total([float(flag and self.first)])[0])

    def with_all_counts(self, run: SequenceRun, samples: int, total: int) -> SequenceRun:
        """The run with the spike counts of the whole batch; gradients flow to this process's samples."""
        if self.size == 1:
            return run
        largest = -(-total // self.size)
        counts = []
        for own in run.spike_counts:
            padded = own.new_zeros(largest, own.shape[1])
            padded[:samples] = own.detach()
            found = [torch.empty_like(padded) for _ in range(self.size)]
            dist.all_gather(found, padded)
            parts = [part[: len(range(rank, total, self.size))] for rank, part in enumerate(found)]
            parts[self.rank] = own
            counts.append(torch.cat(parts))
        return replace(run, spike_counts=tuple(counts))


@contextmanager
def joined_ranks(device: torch.device) -> Iterator[Ranks]:
    """Join the processes that torchrun started, or stay alone without it; over NCCL on CUDA devices, else gloo.

    Raises `InvalidInput` where its variables are not all there or the processes do not find each other.
    """
    if SIZE not in os.environ:
        yield Ranks(device=device)
        return
    _check_variables(device)
    try:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ[LOCAL_RANK]))
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        raise InvalidInput(
            f"process {os.environ[RANK]} of {os.environ[SIZE]}: it cannot join the others ({error}); start them with "
            "torchrun, on a machine with a device for each"
        ) from error
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()


def _check_variables(device: torch.device) -> None:
    needed = (RANK, SIZE, *ADDRESS, *((LOCAL_RANK,) if device.type == "cuda" else ()))
    if missing := [name for name in needed if name not in os.environ]:
        raise InvalidInput(
            f"environment: {SIZE}={os.environ[SIZE]} is set and {missing[0]} is not; start with torchrun, which sets "
            f"both, or unset {SIZE} to train in this process alone"
        )


def find_device(name: str) -> torch.device:
    """The device of that name, a CPU or a CUDA one; raises `InvalidInput` where torch has none such."""
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise InvalidInput(f"device '{name}': networks are trained on cpu or cuda; name one of these")
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InvalidInput(
            f"device '{name}': torch {torch.__version__} cannot use it ({str(error).splitlines()[0]}); name cpu or cuda"
        ) from error
    return device
