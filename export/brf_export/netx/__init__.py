"""The export format "netx": networks as HDF5 files of lava-dl's netx (lava-dl 0.6.0).

Integer BRF networks need the loader (`brf_export.netx.loader`) and run exactly; LIF networks become CUBA layers, which
netx reads by itself.
"""

from importlib.metadata import version
from importlib.util import find_spec

from brf_deploy.backend import Availability
from brf_deploy.exporter import Export
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_deploy.registry import how_to_install


class NetxExporter:
    """Writes one ``.net`` file."""

    name = "netx"
    description = "lava-dl netx HDF5: BRF networks with a loader, LIF networks as CUBA layers"
    suffix = ".net"

    def availability(self) -> Availability:
        """Whether h5py is installed; writing needs neither Lava nor lava-dl."""
        if find_spec("h5py") is None:
            return Availability(False, f"h5py is not installed: {how_to_install('h5py')}")
        return Availability(True, f"h5py {version('h5py')}")

    def render(self, network: IntegerNetwork | FloatNetwork, name: str) -> Export:
        """The file; raises `Unsupported` for neurons or weights that netx cannot carry."""
        if isinstance(network, IntegerNetwork):
            return _integer_export(network, name)
        return _cuba_export(network, name)


EXPORTER = NetxExporter()


def _integer_export(network: IntegerNetwork, name: str) -> Export:
    from brf_export.netx.hdf5_file import to_bytes
    from brf_export.netx.integer_layers import integer_layers

    data = to_bytes(integer_layers(network), _about(network))
    facts = {
        "neurons": sum(layer.count for layer in network.layers),
        "delay in netx, steps": 0,
        "readout fraction bits": network.readout.fraction,
    }
    hints = (
        "load it: from brf_export.netx import loader; loader.register(); then lava.lib.dl.netx.hdf5.Network(FILE)",
        *_permuted(network),
    )
    return Export({f"{name}.net": data}, facts, hints)


def _cuba_export(network: FloatNetwork, name: str) -> Export:
    from brf_export.netx.cuba import cuba_network
    from brf_export.netx.cuba_layers import cuba_layers
    from brf_export.netx.hdf5_file import to_bytes

    cuba = cuba_network(network)
    data = to_bytes(cuba_layers(cuba), {**_about(network), "readout_scale": cuba.readout.scale})
    layers = (*cuba.layers, cuba.readout)
    facts = {
        "neurons": sum(len(layer.decay) for layer in cuba.layers),
        "weights, lowest signal to noise, dB": round(min(layer.noise for layer in layers), 1),
        "leak, largest error, %": round(100 * max(layer.decay_error for layer in layers), 2),
        "delay in netx, steps": len(layers),
    }
    graded = network.encoding.maximum > 1
    options = f"FILE, input_message_bits={network.encoding.maximum.bit_length()}" if graded else "FILE"
    hints = (
        f"load it: lava.lib.dl.netx.hdf5.Network({options})",
        f"the readout is net.layers[-1].neuron.u / {64 * cuba.readout.scale:.6g}",
        *_permuted(network),
    )
    return Export({f"{name}.net": data}, facts, hints)


def _about(network: IntegerNetwork | FloatNetwork) -> dict[str, str | int]:
    return {"writer": f"brf-deploy {version('brf-deploy')}", "task": network.task, "skip_steps": network.skip_steps}


def _permuted(network: IntegerNetwork | FloatNetwork) -> tuple[str, ...]:
    if network.encoding.permutation is None:
        return ()
    return ("netx does not reorder time: give step t the messages of step permutation[t], a dataset of layer 0",)
