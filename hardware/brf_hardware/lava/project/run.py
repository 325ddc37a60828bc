"""Runs the network of this folder in Lava: ``python run.py --input messages.npy [--output trace.npz] [--states]``.

The input holds integer messages (time, batch, channels), or (time, channels) for one sample. The output has the
spikes of every layer (time, batch, neurons), the readout (time, batch, outputs) and, with --states, u, v and q after
each step.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from brf_hardware.lava.recording import Recording
from brf_hardware.lava.stored import Refused, from_folder
from brf_hardware.lava.vendor import Loihi2SimCfg, RunSteps
from brf_hardware.lava.wiring import connect


def main() -> None:
    """Run the messages from silence, write the trace and say what happened."""
    options = argparse.ArgumentParser(description="Runs the network of this folder in Lava.")
    options.add_argument("--input", type=Path, required=True, help="messages (time, batch, channels), .npy")
    options.add_argument("--output", type=Path, default=Path("trace.npz"), help="trace to write (trace.npz)")
    options.add_argument("--states", action="store_true", help="keep u, v and q of every neuron and step as well")
    chosen = options.parse_args()

    network = from_folder(Path(__file__).resolve().parent)
    parts = network.with_messages(_messages(chosen.input))
    recording = Recording.empty(parts, states=chosen.states)

    processes = connect(parts, recording)
    processes.readout.run(RunSteps(num_steps=processes.steps), Loihi2SimCfg(select_tag=processes.tag))
    processes.readout.stop()

    with chosen.output.open("wb") as file:
        np.savez_compressed(file, **recording.fields())  # type: ignore[arg-type]
    steps, batch, _ = parts.messages.shape
    print(f"{batch} samples of {steps} steps, in {chosen.output}")
    for layer, spikes in zip(parts.layers, recording.spikes, strict=True):
        print(f"  {layer.name}: {layer.resonator.count} neurons, {int(spikes.sum())} spikes")
    print(f"  readout: {parts.integrator.count} outputs; the answer of a step is the output with the largest value")


def _messages(path: Path) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    try:
        messages = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise Refused(f"input '{path}': not a .npy file that can be read ({error})") from None
    if not isinstance(messages, np.ndarray):
        raise Refused(f"input '{path}': several arrays found, one needed; save it with numpy.save")
    return messages


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        sys.exit(f"run.py: {refusal}")
