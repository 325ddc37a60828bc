"""The export format "lava": a stand-alone Lava project, made of the very files that the Lava backends run.

They are copied with one change: the package `brf_hardware.lava` is called `brf_lava` there.
"""

from importlib.metadata import version
from pathlib import Path
from string import Template

import numpy as np

from brf_deploy.backend import Availability
from brf_deploy.errors import Unsupported
from brf_deploy.exporter import Export
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_hardware.lava.lowering import integer_parts
from brf_hardware.lava.stored import SUMS, StoredNetwork, sums, to_files

PACKAGE = "brf_lava"
SOURCES = (
    *("dynamics.py", "parts.py", "recording.py", "shims.py", "stored.py", "vendor.py", "wiring.py"),
    *("processes/__init__.py", "processes/brf.py", "processes/dense.py", "processes/leaky_integrator.py"),
    *("processes/sink.py", "processes/source.py"),
)
HERE = Path(__file__).parent


class LavaProjectExporter:
    """Writes a folder that a user of Lava can read and run without brf-deploy."""

    name = "lava"
    description = "stand-alone Lava project: processes, models, weights and a script that runs them"
    suffix: str | None = None

    def availability(self) -> Availability:
        """Always there: the project needs Lava, writing it does not."""
        return Availability(True, "needs nothing; the project itself needs lava-nc 0.10.0")

    def render(self, network: IntegerNetwork | FloatNetwork, name: str) -> Export:
        """The project's files; raises `Unsupported` for float networks."""
        if not isinstance(network, IntegerNetwork):
            raise Unsupported(
                "export to a Lava project: a float network found, the models in it are fixed-point; quantise it with "
                "`brf-deploy quantize` and export the .nir file"
            )
        stored = _stored(network)
        files = to_files(stored)
        files[f"{PACKAGE}/__init__.py"] = f'"""The Lava processes of the network {name}."""\n'.encode()
        files |= {f"{PACKAGE}/{source}": _renamed(HERE.parent / source) for source in SOURCES}
        files["run.py"] = _renamed(HERE / "run.py")
        files["requirements.txt"] = (HERE / "requirements.txt").read_bytes()
        files["README.md"] = _readme(network, stored, name).encode()
        files[SUMS] = sums(files)
        hint = f"run it: cd FOLDER && python run.py --input messages.npy ({stored.channels} channels)"
        return Export(files, _facts(network), (hint,))


EXPORTER = LavaProjectExporter()


def _stored(network: IntegerNetwork) -> StoredNetwork:
    encoding = network.encoding
    return StoredNetwork(
        task=network.task,
        skip_steps=network.skip_steps,
        channels=network.inputs,
        maximum=encoding.maximum,
        permutation=encoding.permutation,
        parts=integer_parts(network, np.zeros((0, 1, network.inputs), np.int64)),
    )


def _renamed(source: Path) -> bytes:
    return source.read_text(encoding="utf-8").replace("brf_hardware.lava", PACKAGE).encode()


def _readme(network: IntegerNetwork, stored: StoredNetwork, name: str) -> str:
    chain = [f"{network.inputs} inputs", *(f"{layer.count} BRF neurons" for layer in network.layers)]
    summary = f"For the task '{network.task}': {', '.join(chain)}, {network.outputs} leaky integrators."
    return Template((HERE / "README.md").read_text(encoding="utf-8")).substitute(
        name=name,
        summary=summary,
        version=version("brf-deploy"),
        maximum=stored.maximum,
        channels=stored.channels,
        permuted="" if stored.permutation is None else "; `run.py` puts them into the order of the network",
        skip_steps=stored.skip_steps,
    )


def _facts(network: IntegerNetwork) -> dict[str, int]:
    synapses = [network.readout.weight]
    for layer in network.layers:
        synapses += [layer.input] if layer.recurrent is None else [layer.input, layer.recurrent]
    return {
        "neurons": sum(layer.count for layer in network.layers),
        "synapses": sum(weights.mantissa.size for weights in synapses),
        "delay of the readout in Lava, steps": len(network.layers) + 1,
    }
