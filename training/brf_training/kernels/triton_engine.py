"""The engine for NVIDIA GPUs: what is sequential runs in Triton, one launch a layer, what is not in torch.

A span of steps at a time, so that what every neuron receives fits memory: that is one large product, then the kernel
of `triton_sequence` goes through the span's steps. Backwards the kernel gives the gradient of what every neuron
receives, and large products of that give the gradients of the weights.
"""

import os
from importlib.util import find_spec

import torch
from torch import Tensor

from brf_training.kernels.problem import Gradients, Outcome, Problem

INTERVAL = 32  # steps between the states that are kept
SPAN_BYTES = 2**28  # of a span's widest sequence: the input, what the neurons of a layer receive, or the readout
MOST_RECURRENT = 512  # neurons of a recurrent layer: a program holds the states of them all
MOST_NUMBERS = 2**31  # the kernels count in 32 bits
STATES = 3  # of a neuron, at most
CAPABILITY = (8, 0)  # bfloat16 and tf32 on tensor cores
OLDEST = (3, 4)  # Triton that the kernels are known to compile with


class TritonEngine:
    """The engine of this module; interval: steps between the states that are kept. span_bytes: see `SPAN_BYTES`."""

    name = "triton"

    def __init__(self, interval: int = INTERVAL, span_bytes: int = SPAN_BYTES) -> None:
        self.interval, self.span_bytes = interval, span_bytes

    def obstacle(self, problem: Problem) -> str | None:
        """Not float32 on one capable GPU, no Triton, a neuron it has not, or sizes beyond the limits above."""
        tensors = [problem.values, *(tensor for tensor in problem.tensors() if tensor is not None)]
        found = {(tensor.dtype, tensor.device) for tensor in tensors}
        if len(found) > 1 or problem.values.dtype != torch.float32:
            listed = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in found))
            return f"{listed} found; all must be float32 on one CUDA device"
        return device_obstacle(problem.values.device) or self.size_obstacle(problem)

    def size_obstacle(self, problem: Problem) -> str | None:
        """What of the layers it cannot take."""
        from brf_training.kernels.triton_neurons import NEURONS

        for kind, layer in zip(problem.kinds, problem.layers, strict=True):
            neurons = len(layer.input_weight)
            if kind.neuron.kind not in NEURONS:
                return f"{kind.neuron.kind} neurons are not written in Triton"
            if layer.recurrent_weight is not None and neurons > MOST_RECURRENT:
                return f"a recurrent layer of {neurons} neurons found, the limit is {MOST_RECURRENT}"
            if (numbers := self.interval * STATES * problem.batch * neurons) >= MOST_NUMBERS:
                return f"{numbers} states between two that are kept, the limit is {MOST_NUMBERS}; use smaller batches"
        return None

    @torch.no_grad()
    def forward(self, problem: Problem, keep: bool) -> tuple[Outcome, tuple[Tensor, ...]]:
        """Span by span, layer by layer."""
        from brf_training.kernels.triton_forward import Forward

        with torch.cuda.device_of(problem.values):  # type: ignore[no-untyped-call]
            span = self.span(problem)
            run = Forward(problem, keep, self.interval, span)
            for start in range(0, problem.steps, span):
                run.advance(start, min(problem.steps, start + span))
            return run.outcome(), run.tape()

    @torch.no_grad()
    def backward(
        self, problem: Problem, readout: Tensor | None, tape: tuple[Tensor, ...], upstream: Outcome, inputs: bool
    ) -> Gradients:
        """Span by span from the end, layer by layer from the top."""
        from brf_training.kernels.triton_backward import Backward

        with torch.cuda.device_of(problem.values):  # type: ignore[no-untyped-call]
            span = self.span(problem)
            run = Backward(problem, readout, tape, upstream, inputs, self.interval)
            for start in reversed(range(0, problem.steps, span)):
                run.retreat(start, min(problem.steps, start + span))
            return run.gradients()

    def span(self, problem: Problem) -> int:
        """Steps of a span: a whole number of intervals, at least one."""
        outputs = 0 if problem.readout is None else len(problem.readout.alpha)
        widest = max(problem.inputs.shape[2], outputs, *(len(layer.input_weight) for layer in problem.layers))
        each = 4 * max(1, problem.batch * widest) * self.interval
        return max(1, min(self.span_bytes // each, -(-problem.steps // self.interval))) * self.interval


def device_obstacle(device: torch.device) -> str | None:
    """Why there are no kernels for a device, or None."""
    if device.type != "cuda" and not (device.type == "cpu" and os.environ.get("TRITON_INTERPRET") == "1"):
        return f"tensors on {device} found; it needs a CUDA device, or TRITON_INTERPRET=1 to try it slowly on the CPU"
    if find_spec("triton") is None:
        return "Triton is not installed; it comes with torch for CUDA on Linux, or: pip install triton"
    import triton

    if tuple(int(number) for number in triton.__version__.split(".")[:2]) < OLDEST:
        return f"Triton {triton.__version__} found, {'.'.join(map(str, OLDEST))} or later is needed; use a later torch"
    if device.type == "cuda":
        if torch.version.hip is not None:
            return "an AMD device found; it needs an NVIDIA one"
        capability = torch.cuda.get_device_capability(device)
        if capability < CAPABILITY:
            return f"{device} has compute capability {capability}, {CAPABILITY} is needed"
    return None
