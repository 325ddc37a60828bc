"""The float network as an ONNX model in float32: `run_float` as one Scan over time.

Only the sums of ``MatMul`` may differ from `run_float`, in the order in which their terms are added.
"""

import numpy as np
import onnx

from brf_deploy.float_network import FloatNetwork
from brf_deploy.float_reference import dynamics, leak_factor
from brf_export.onnx.float_step import FLOAT, Constants, States, float_step
from brf_export.onnx.interface import Interface, about_network, require_sources
from brf_export.onnx.scan import Scan
from brf_export.onnx.values import Value


def float_model(network: FloatNetwork, name: str, *, record: bool = False) -> onnx.ModelProto:
    """The model of a float network; `record` adds an output such as ``layer0.u`` for every state and step."""
    require_sources(network.inputs, [layer.neurons.count for layer in network.layers])
    return _FloatModel(network, record).model(name)


class _FloatModel:
    def __init__(self, network: FloatNetwork, record: bool) -> None:
        self.network, self.record = network, record
        self.face = Interface()
        self.scan = Scan(self.face.graph)
        with np.errstate(all="ignore"):  # what is not finite is refused where it becomes a constant
            self.neurons = [dynamics(layer.neurons, 0, np.float32) for layer in network.layers]
        self.names = [f"layer{index}" for index in range(len(network.layers))]
        self.states = [(*neurons.state, "z") for neurons in self.neurons]

    def model(self, name: str) -> onnx.ModelProto:
        network, scan = self.network, self.scan
        below = self._input_of_all_steps()
        before = [self._first(index) for index in range(len(self.names))]
        y = scan.carry("readout", self.face.first("readout", FLOAT, ("y",), network.outputs), 1, network.outputs)
        kept: dict[str, Value] = {}
        for index, label in enumerate(self.names):
            after = self._layer(index, before[index], below)
            below = after["z"]
            kept |= {f"{label}.{state}": value for state, value in after.items()}
        kept["readout"] = self._readout(y, below)
        self._show(*scan.close(kept))
        return self.face.model(name, about_network(network, "none: float32"))

    def _input_of_all_steps(self) -> Value:
        """The first layer's input from the messages of all steps, one large product outside the loop."""
        layer, constant = self.network.layers[0], Constants(self.face.graph, "input")
        real = self.face.messages(self.network).cast(FLOAT) / constant("full_scale", self.network.encoding.full_scale)
        # The division stands before the axis is put in: next to the product, ONNX Runtime would fold it into it and
        # round elsewhere.
        real = self.face.with_rows(real)
        return self.scan.read("input", real @ constant("weight", layer.input_weight.T), 1, layer.neurons.count)

    def _first(self, index: int) -> States:
        label, states, count = self.names[index], self.states[index], self.network.layers[index].neurons.count
        rows = self.face.graph.split(self.face.first(label, FLOAT, states, count), (1,) * len(states))
        return {
            state: self.scan.carry(f"{label}.{state}", row, 1, count) for state, row in zip(states, rows, strict=True)
        }

    def _layer(self, index: int, before: States, below: Value) -> States:
        layer, label = self.network.layers[index], self.names[index]
        constant, count = Constants(self.scan.step, label), layer.neurons.count
        x = below @ constant("input", layer.input_weight.T) if index else below
        if layer.recurrent_weight is not None:
            x = x + before["z"] @ constant("recurrent", layer.recurrent_weight.T)
        after, fired = float_step(label, self.neurons[index], before, x)
        self.scan.give(f"{label}.spikes", fired, 1, count)
        if self.record:
            for state in self.states[index][:-1]:
                self.scan.give(f"{label}.{state}", after[state], 1, count)
        return after

    def _readout(self, y: Value, z: Value) -> Value:
        readout, constant = self.network.readout, Constants(self.scan.step, "readout")
        alpha = leak_factor(readout.tau, np.float32)
        drive = z @ constant("weight", readout.weight.T)
        after = constant("alpha", alpha) * y + constant("1-alpha", 1 - alpha) * drive
        self.scan.give("readout", after, 1, self.network.outputs)
        return after

    def _show(self, last: dict[str, Value], given: dict[str, Value]) -> None:
        """Outputs under the names of a trace's fields, then what is to be fed back."""
        face, widths = self.face, [layer.neurons.count for layer in self.network.layers]
        for label, states, count in zip(self.names, self.states, widths, strict=True):
            face.every_step(f"{label}.spikes", given[f"{label}.spikes"], count, "spikes of every step")
            for state in states[:-1] if self.record else ():
                face.every_step(f"{label}.{state}", given[f"{label}.{state}"], count, f"{state} after every step")
        face.every_step("readout", given["readout"], self.network.outputs, "integrators after every step")
        for label, states, count in zip(self.names, self.states, widths, strict=True):
            rows = (last[f"{label}.{state}"] for state in states)
            face.last(label, face.graph.apply("Concat", *rows, axis=0), states, count)
        face.last("readout", last["readout"], ("y",), self.network.outputs)
