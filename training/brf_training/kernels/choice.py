"""Which way a run takes: the native kernel, the one for GPUs, BPTT by hand in torch, or autograd through the loop."""

import torch

from brf_deploy.errors import InvalidInput, Unsupported
from brf_training.kernels.function import run
from brf_training.kernels.loop import run_loop
from brf_training.kernels.manual import ManualEngine
from brf_training.kernels.native import NativeEngine
from brf_training.kernels.problem import Engine, Outcome, Problem
from brf_training.kernels.triton_engine import TritonEngine

LOOP = "loop"
ENGINES: dict[str, Engine] = {engine.name: engine for engine in (NativeEngine(), TritonEngine(), ManualEngine())}


def run_problem(problem: Problem, engine: Engine | str | None = None) -> Outcome:
    """Run a problem on the engine asked for, or on the first that can, the plain loop last.

    engine: "native", "triton", "torch", "loop", an engine object, or None. Raises `Unsupported` where the one asked
    for cannot run it, `InvalidInput` for an unknown name, and for integer arithmetic in less than float64.
    """
    if problem.exact and problem.values.dtype != torch.float64:
        raise InvalidInput(
            f"input sequence: {problem.values.dtype} found; a network of fixed-point neurons or readout is exact in "
            "torch.float64 only, convert everything to it"
        )
    if engine == LOOP:
        return run_loop(problem)
    if engine is None:
        able = next((candidate for candidate in ENGINES.values() if candidate.obstacle(problem) is None), None)
        return run_loop(problem) if able is None else run(problem, able)
    if isinstance(engine, str):
        if engine not in ENGINES:
            raise InvalidInput(f"engine '{engine}' is unknown; there are {', '.join((*ENGINES, LOOP))}")
        engine = ENGINES[engine]
    if reason := engine.obstacle(problem):
        raise Unsupported(f"engine '{engine.name}' cannot run this: {reason}; leave the choice to the program")
    return run(problem, engine)
