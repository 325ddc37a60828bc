"""From a file's layers to connected blocks, in the place of netx's own ``Network._create``."""

from typing import Any

from . import INTEGRATORS, RESONATORS
from .blocks.blocks import LeakyIntegrators, Resonators

BLOCKS = {RESONATORS: Resonators, INTEGRATORS: LeakyIntegrators}


def create(network: Any) -> list[Any]:
    """The blocks of a ``hdf5.Network`` in order, connected; layer 0 of the file is the input and has none."""
    config = network.net_config["layer"]
    reset = None if network.reset_interval is None else (network.reset_interval, network.reset_offset)
    count = len(config) if network.num_layers is None else min(len(config), network.num_layers)
    blocks: list[Any] = []
    network.net_str = network._table_str(header=True)
    for index in range(max(1, network.skip_layers), count):
        layer = config[index].f
        kind = config[index]["type"]
        block = BLOCKS[kind](constants=_constants(layer), reset=reset, name=f"layer{index}.{kind}")
        network.net_str += "\n" + network._table_str(type_str=kind[:10], width=1, height=1, channel=block.shape[0])
        if blocks:
            blocks[-1].out.connect(block.inp)
        blocks.append(block)
    if not blocks:
        raise ValueError(f"'{network.filename}': no layer left of {len(config)}; change num_layers or skip_layers")
    return blocks


def _constants(layer: Any) -> dict[str, Any]:
    """Every number and array of a layer by name, texts left out; ``neuron/`` is dropped from names."""
    found: dict[str, Any] = {}
    layer.visititems(
        lambda path, item: found.update({path.split("/")[-1]: item[()]}) if hasattr(item, "dtype") else None
    )
    found.pop("type")
    return found
