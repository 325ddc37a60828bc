"""Export as Verilog: static modules (`rtl/`), and per network a top module, its memories and a test bench."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from brf_deploy.backend import Availability
from brf_deploy.errors import Unsupported
from brf_deploy.exporter import Export
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_hardware.verilog.cycles import cycle_model
from brf_hardware.verilog.facts import facts
from brf_hardware.verilog.memories import layer_memories, readout_memories
from brf_hardware.verilog.parameters import Parameters, layer_parameters, multiplier_parameters, readout_parameters
from brf_hardware.verilog.plan import CorePlan, plan_core
from brf_hardware.verilog.recording import spike_words

if TYPE_CHECKING:
    from jinja2 import Environment

MODULES = ("rom", "ram", "delay", "multiplier", "fork", "synapses", "resonator", "layer", "readout")


class VerilogExporter:
    """Writes a folder of synthesizable SystemVerilog that a simulator or a synthesiser takes as it is."""

    name = "verilog"
    description = "synthesizable SystemVerilog: one event-driven core with one multiplier, memories, test bench"
    suffix: str | None = None

    def availability(self) -> Availability:
        """Whether jinja2 is installed, found without importing it."""
        if find_spec("jinja2") is None:
            return Availability(False, "jinja2 is not installed: pip install 'brf-deploy[report]'")
        return Availability(True, "SystemVerilog for Verilator, Icarus Verilog, yosys and vendors' tools")

    def render(self, network: IntegerNetwork | FloatNetwork, name: str) -> Export:
        """The network as files of one folder; the top module is ``NAME_core``.

        Raises `Unsupported` for a float network and for one with an empty part.
        """
        if isinstance(network, FloatNetwork):
            raise Unsupported(
                "verilog: a float network found, the hardware computes with integers; run `brf-deploy quantize` first"
            )
        core, environment = plan_core(network), _environment()
        layers = [layer_parameters(core, plan, f"{name}_layer{index}") for index, plan in enumerate(core.layers)]
        readout = readout_parameters(core, core.readout, f"{name}_readout")
        found = facts(core, cycle_model(network), layers, readout)
        content = _content(network, name, core, layers, readout) | {"facts": found}
        texts = {
            f"{name}_core.sv": environment.get_template("core.sv.jinja").render(content),
            f"{name}_tb.sv": environment.get_template("testbench.sv.jinja").render(content),
            "README.md": environment.get_template("README.md.jinja").render(content),
            "files.f": "".join(f"{file}\n" for file in sources(name)),
            "stimulus.txt": _example(network),
            **{file: _package_file("rtl", file) for file in sources(name)[:-1]},
            **readout_memories(core.readout, readout),
        }
        for plan, parameters in zip(core.layers, layers, strict=True):
            texts |= layer_memories(plan, parameters)
        hints = (
            f"simulate: iverilog -g2012 -s {name}_tb -o {name}.vvp -c files.f {name}_tb.sv && "
            f"vvp {name}.vvp +stimulus=stimulus.txt +steps=16 +trace=trace.bin",
            f"synthesise: top module {name}_core, files in files.f; README.md has the ports and the commands",
        )
        return Export({file: text.encode() for file, text in texts.items()}, found, hints)


EXPORTER = VerilogExporter()


def sources(name: str) -> list[str]:
    """The files of the core under a name, in the order of use, the top module last."""
    return [*(f"brf_{module}.sv" for module in MODULES), f"{name}_core.sv"]


def _content(
    network: IntegerNetwork, name: str, core: CorePlan, layers: list[Parameters], readout: Parameters
) -> dict[str, Any]:
    """What the templates are filled with."""
    units = [
        {
            "label": f"layer{index}",
            "title": _comment(f"layer {index}, '{plan.name}': {plan.inputs} -> {plan.neurons} neurons"),
            "spike_words": spike_words(plan.neurons),
            "parameters": parameters,
        }
        for index, (plan, parameters) in enumerate(zip(core.layers, layers, strict=True))
    ]
    cycles = cycle_model(network)
    return {
        "name": name,
        "title": _comment(f"balanced resonate-and-fire network for '{network.task}'"),
        "inputs": network.inputs,
        "maximum": network.encoding.maximum,
        "permuted": network.encoding.permutation is not None,
        "layers": units,
        "readout": readout,
        "fraction": core.readout.readout.fraction,
        "sources": sources(name),
        "multiplier": multiplier_parameters(core),
        "cycles": cycles,
        "worst_cycles": cycles.worst,
        "longest_sweep": max(*cycles.neurons, network.outputs),
    }


def _comment(text: str) -> str:
    """`text` on one line, in characters that every tool takes in a comment."""
    return "".join(c if c.isascii() and c.isprintable() and c != "\\" else "?" for c in text)


def _example(network: IntegerNetwork) -> str:
    """16 steps: an event at one input after the other, and nothing in every fourth step."""
    beats = [(0, 0) if step % 4 == 3 else (step % network.inputs, network.encoding.maximum) for step in range(16)]
    return "".join(f"{index} {value} 1\n" for index, value in beats)


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(lambda name: _package_file("templates", name)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["parameters"] = _assignments
    return environment


def _assignments(parameters: Mapping[str, int | str]) -> str:
    """The parameters of an instance, one a line."""
    values = {key: f'"{value}"' if isinstance(value, str) else value for key, value in parameters.items()}
    return ",\n".join(f"      .{key}({value})" for key, value in values.items())


@lru_cache(maxsize=32)
def _package_file(folder: str, name: str) -> str:
    return files("brf_hardware.verilog").joinpath(folder, name).read_text("utf-8")
