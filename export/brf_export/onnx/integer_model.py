"""The integer network as an ONNX model: the first layer's sums for all steps at once, then one Scan over time."""

import numpy as np
import onnx

from brf_deploy.network import IntegerNetwork
from brf_export.onnx.integer_step import Resonators, input_word, readout_step, resonator_step, synaptic_input
from brf_export.onnx.interface import Interface, about_network, require_sources
from brf_export.onnx.scan import Scan
from brf_export.onnx.sums import INT32, INT64
from brf_export.onnx.values import DType, Value

STATES = ("u", "v", "q", "z")


def integer_model(network: IntegerNetwork, name: str, *, record: bool = False) -> onnx.ModelProto:
    """The model of an integer network; `record` adds the outputs ``layer0.u``, ``.v`` and ``.q`` of every step."""
    require_sources(network.inputs, [layer.count for layer in network.layers])
    return _IntegerModel(network, record).model(name)


class _IntegerModel:
    def __init__(self, network: IntegerNetwork, record: bool) -> None:
        self.network, self.record = network, record
        self.face = Interface()
        self.scan = Scan(self.face.graph)
        self.names = [f"layer{index}" for index in range(len(network.layers))]
        self.words = [self._word(index) for index in range(len(network.layers))]

    def model(self, name: str) -> onnx.ModelProto:
        network, scan = self.network, self.scan
        below = self._input_of_all_steps()
        states = [self._first(index) for index in range(len(self.names))]
        y = self._first_readout()
        kept: dict[str, Value] = {}
        for index, label in enumerate(self.names):
            state = self._layer(index, states[index], below)
            below = state.z
            kept |= {f"{label}.s": state.s, f"{label}.q": state.q, f"{label}.z": state.z}
        kept["readout"], shown = readout_step("readout", y, below, network.readout, network.arithmetic)
        scan.give("readout", shown, 1, network.outputs)
        self._show(*scan.close(kept))
        return self.face.model(name, about_network(network, _words(network)) | _fractions(network))

    def _input_of_all_steps(self) -> Value:
        """x of the first layer from the messages of all steps, one large product outside the loop."""
        network, layer = self.network, self.network.layers[0]
        messages = self.face.with_rows(self.face.messages(network))
        largest = network.largest_message(0)
        x = synaptic_input("input", messages, layer.input, network.input_fraction(0), largest, self.words[0])
        return self.scan.read("input", x, 2, layer.count)

    def _first(self, index: int) -> Resonators:
        label, count = self.names[index], self.network.layers[index].count
        given = self.face.first(label, INT32, STATES, count).cast(INT64)
        s, q, z = given.graph.split(given, (2, 1, 1))
        carry = self.scan.carry
        return Resonators(
            carry(f"{label}.s", s, 2, count),
            carry(f"{label}.q", q, 1, count),
            carry(f"{label}.z", z.cast(np.uint8), 1, count),
        )

    def _first_readout(self) -> Value:
        outputs = self.network.outputs
        return self.scan.carry("readout", self.face.first("readout", INT32, ("y",), outputs).cast(INT64), 1, outputs)

    def _layer(self, index: int, state: Resonators, below: Value) -> Resonators:
        layer, label, word = self.network.layers[index], self.names[index], self.words[index]
        x = below
        if index:
            x = synaptic_input(f"{label}.input", below, layer.input, layer.state_fraction, 1, word)
        if layer.recurrent is not None:
            x = x + synaptic_input(f"{label}.recurrent", state.z, layer.recurrent, layer.state_fraction, 1, word)
        stepped = resonator_step(label, state, x, layer, self.network.arithmetic)
        self.scan.give(f"{label}.spikes", stepped.fired, 1, layer.count)
        if self.record:
            self.scan.give(f"{label}.s", stepped.shown, 2, layer.count)
            self.scan.give(f"{label}.q", stepped.state.q.cast(INT32), 1, layer.count)
        return stepped.state

    def _show(self, last: dict[str, Value], given: dict[str, Value]) -> None:
        """Outputs under the names of a trace's fields, then what is to be fed back."""
        face, graph, outputs = self.face, self.face.graph, self.network.outputs
        widths = [(label, layer.count) for label, layer in zip(self.names, self.network.layers, strict=True)]
        for label, count in widths:
            face.every_step(f"{label}.spikes", given[f"{label}.spikes"], count, "spikes of every step")
            if self.record:
                for row, state in enumerate("uv"):
                    one = graph.integers(f"row_of_{state}", [row])
                    shown = graph.apply("Gather", given[f"{label}.s"], one, axis=1)
                    face.every_step(f"{label}.{state}", shown, count, f"{state} after every step")
                face.every_step(f"{label}.q", given[f"{label}.q"], count, "q after every step")
        face.every_step("readout", given["readout"], outputs, "integrators after every step, times 2^-readout_fraction")
        for label, count in widths:
            parts = (last[f"{label}.s"], last[f"{label}.q"], last[f"{label}.z"].cast(INT64))
            face.last(label, graph.apply("Concat", *parts, axis=0).cast(INT32), STATES, count)
        face.last("readout", last["readout"].cast(INT32), ("y",), outputs)

    def _word(self, index: int) -> DType:
        """The word in which this layer's synaptic input is summed and its new state clipped."""
        network, layer = self.network, self.network.layers[index]
        drive = layer.input.largest_sum(network.input_fraction(index), network.largest_message(index))
        if layer.recurrent is not None:
            drive += layer.recurrent.largest_sum(layer.state_fraction, 1)
        return input_word(layer, drive, network.arithmetic)


def _words(network: IntegerNetwork) -> str:
    a = network.arithmetic
    return (
        f"{a.weight_bits}-bit weights, {a.readout_weight_bits}-bit readout weights, {a.coefficient_bits}-bit "
        f"coefficients, {a.state_bits}-bit states, {a.rounding}, {a.overflow}"
    )


def _fractions(network: IntegerNetwork) -> dict[str, str]:
    states = " ".join(str(layer.state_fraction) for layer in network.layers)
    return {"brf.state_fraction": states, "brf.readout_fraction": str(network.readout.fraction)}
