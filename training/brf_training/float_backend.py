"""The float backend in torch: a float network in the kernels that train it."""

from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec

import numpy as np

from brf_deploy.backend import Availability
from brf_deploy.errors import InvalidInput
from brf_deploy.float_backend import FloatSummary
from brf_deploy.float_network import FloatNetwork
from brf_deploy.registry import how_to_install
from brf_deploy.task import Samples
from brf_training.kernels.library import finding


class TorchFloatBackend:
    """Runs float networks on the CPU: in the native library where it is built, else in torch operators."""

    name = "torch"

    def availability(self) -> Availability:
        """Whether torch is installed, found without importing it, and what runs."""
        if find_spec("torch") is None:
            return Availability(False, f"torch is not installed: {how_to_install('torch')}")
        native, detail = finding()
        return Availability(True, f"torch {version('torch')}, {detail if native else 'without the native library'}")

    def outruns_numpy(self) -> bool:
        """Where the native library is there and torch imports."""
        return finding()[0] and _imports("torch")

    def kept_words(self, network: FloatNetwork) -> int:
        """The readout alone: spikes are counted on the way."""
        return network.outputs

    def summarize(self, network: FloatNetwork, samples: Samples, dtype: type[np.floating]) -> FloatSummary:
        """Run the samples from silence, in float32 or float64."""
        from brf_training.distributed import CPU
        from brf_training.evaluation import REALS, batch_of
        from brf_training.extract import array_of, from_float_network

        real = next((real for real, same in REALS.items() if same is dtype), None)
        if real is None:
            raise InvalidInput(
                f"float backend 'torch': {dtype.__name__} asked for; it runs float32 and float64, 'numpy' the others"
            )
        inputs, _ = batch_of(samples, network.encoding, real, CPU)
        run = from_float_network(network).to(real).freeze()(inputs)
        return FloatSummary(
            array_of(run.readout), tuple(array_of(counts).astype(np.int64) for counts in run.spike_counts)
        )


TORCH = TorchFloatBackend()


def _imports(module: str) -> bool:
    """Whether an installed module is not broken."""
    try:
        import_module(module)
    except (ImportError, OSError):
        return False
    return True
