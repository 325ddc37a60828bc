"""The onnx backend: the exported integer graph, with the states of every step as further outputs, in ONNX Runtime."""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability, check_inputs, require_present
from brf_deploy.errors import BackendFailure, BrfError, InvalidInput
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import how_to_install
from brf_deploy.trace import LayerTrace, Record, Trace, join_samples

if TYPE_CHECKING:
    import onnx

    from brf_export.onnx.runtime import Runner

CHUNK_BYTES = 1 << 30

Build = Callable[[IntegerNetwork, bool], "onnx.ModelProto"]
Runtime = Callable[["onnx.ModelProto", int], "Runner"]


class OnnxBackend:
    """Runs integer networks in ONNX Runtime on the CPU.

    threads: of one operator. chunk_bytes: samples are run in chunks whose messages and records fit in this much memory.
    build: makes the model of a network, with states where the second argument says so; None takes the exporter's.
    runtime: makes a model run; None takes ONNX Runtime.
    """

    name = "onnx"
    slow = False
    slow = False

    def __init__(
        self,
        threads: int = 1,
        chunk_bytes: int = CHUNK_BYTES,
        build: Build | None = None,
        runtime: Runtime | None = None,
    ) -> None:
        if threads < 1:
            raise InvalidInput(f"backend 'onnx': {threads} threads found, at least 1 needed")
        self.threads, self.chunk_bytes = threads, chunk_bytes
        self._build, self._runtime = build or _exported, runtime or _onnxruntime
        self._sessions: WeakKeyDictionary[IntegerNetwork, dict[Record, _Session]] = WeakKeyDictionary()

    def availability(self) -> Availability:
        """Whether onnx and ONNX Runtime are installed, found without importing them."""
        for module in ("onnx", "onnxruntime"):
            if find_spec(module) is None:
                return Availability(False, f"{module} is not installed: {how_to_install(module)}")
        return Availability(True, f"onnxruntime {_version('onnxruntime')}, onnx {_version('onnx')}")

    def run(self, network: IntegerNetwork, inputs: Ints, record: Record = Record.STATES) -> Trace:
        """Run messages (time, batch, inputs) from silence."""
        messages = check_inputs(network, inputs)
        require_present(self)
        steps, batch, _ = messages.shape
        if steps * batch == 0:
            return _nothing(network, steps, batch, record)
        size = max(1, self.chunk_bytes // _bytes_a_sample(network, steps, record))
        try:
            session = self._session(network, record)
            return join_samples([session.run(messages[:, at : at + size]) for at in range(0, batch, size)])
        except BrfError:
            raise
        except Exception as error:  # ONNX Runtime's errors have no class in common
            raise BackendFailure(f"backend 'onnx': {type(error).__name__}: {error}") from error

    def _session(self, network: IntegerNetwork, record: Record) -> "_Session":
        sessions = self._sessions.setdefault(network, {})
        if record not in sessions:
            model = self._build(network, record is Record.STATES)
            sessions[record] = _Session(model, self._runtime(model, self.threads))
        return sessions[record]


class _Session:
    """A model ready to run; keeps what its inputs need, not its weights."""

    def __init__(self, model: "onnx.ModelProto", runner: "Runner") -> None:
        from brf_export.onnx.runtime import message_type, silence

        self.runner, self.message_type, self.silence = runner, message_type(model), silence(model)

    def run(self, messages: Ints) -> Trace:
        first = {name: np.repeat(state, messages.shape[1], axis=1) for name, state in self.silence.items()}
        found = self.runner({"messages": messages.astype(self.message_type), **first})
        return Trace.from_fields({name: array for name, array in found.items() if not name.endswith(".last")})


def _exported(network: IntegerNetwork, record: bool) -> "onnx.ModelProto":
    from brf_export.onnx.integer_model import integer_model

    return integer_model(network, "network", record=record)


def _onnxruntime(model: "onnx.ModelProto", threads: int) -> "Runner":
    from brf_export.onnx.runtime import in_onnxruntime

    return in_onnxruntime(model, threads)


def _bytes_a_sample(network: IntegerNetwork, steps: int, record: Record) -> int:
    """Messages, the first layer's input in two words, and twice what every step gives, a word a state."""
    neurons, states = sum(layer.count for layer in network.layers), 3 * (record is Record.STATES)
    a_step = 12 * network.inputs + 24 * network.layers[0].count + 2 * neurons * (1 + 4 * states) + 8 * network.outputs
    return steps * a_step


def _nothing(network: IntegerNetwork, steps: int, batch: int, record: Record) -> Trace:
    """The trace of no step or no sample; a Scan needs one of each."""
    states = ("u", "v", "q") if record is Record.STATES else ()
    layers = []
    for layer in network.layers:
        shape = (steps, batch, layer.count)
        layers.append(LayerTrace(np.zeros(shape, bool), {name: np.zeros(shape, np.int32) for name in states}))
    return Trace(tuple(layers), np.zeros((steps, batch, network.outputs), np.int32))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"  # another distribution of the same module, such as onnxruntime-gpu


ONNX = OnnxBackend()
