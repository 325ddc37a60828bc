"""Packed and narrow messages: the same network runs, the same training, without int64 of a whole split."""

import numpy as np
import pytest
import torch
from networks import messages_for, random_network

from brf_deploy.backend import load_backend
from brf_deploy.encoding import Encoding
from brf_deploy.errors import InvalidInput
from brf_deploy.evaluation import chunks
from brf_deploy.packed_bits import PackedBits
from brf_deploy.task import Samples
from brf_training.evaluation import batch_of
from brf_training.kernels.events import Events


def random_bits(steps=7, samples=5, inputs=13, share=0.3, seed=0):
    return (np.random.default_rng(seed).random((steps, samples, inputs)) < share).astype(np.uint8)


@pytest.mark.parametrize("inputs", [1, 7, 8, 9, 700])
def test_packing_and_unpacking(inputs):
    messages = random_bits(inputs=inputs)
    packed = PackedBits.of(messages)
    assert packed.shape == messages.shape
    assert packed.bits.nbytes == 7 * 5 * -(-inputs // 8)
    assert np.array_equal(packed.unpack(), messages)
    assert np.array_equal(packed.take(slice(1, 3)).unpack(), messages[:, 1:3])
    assert np.array_equal(packed.take(np.array([4, 0, 4])).unpack(), messages[:, [4, 0, 4]])


@pytest.mark.parametrize("bits", [np.zeros((5, 7, 1), np.uint8), np.zeros((5, 14), np.uint8), np.zeros((5, 7, 2))])
def test_another_form_is_refused(bits):
    with pytest.raises(InvalidInput, match=r"packed messages: .* needed uint8 \(samples, time, 2\)"):
        PackedBits(bits, 13)


def test_samples_are_the_same_packed_or_not():
    messages, labels = random_bits(), np.arange(5)
    plain, packed = Samples(messages, labels), Samples(PackedBits.of(messages), labels)
    assert (packed.steps, packed.count) == (plain.steps, plain.count) == (7, 5)
    for one, other in zip(chunks(packed, 13, 200), chunks(plain, 13, 200), strict=True):
        assert np.array_equal(one.messages, other.messages)
        assert isinstance(one.stored, PackedBits)
    with pytest.raises(InvalidInput, match=r"messages \(7, 5, 13\) and labels \(4,\)"):
        Samples(packed.stored, labels[:4])
    with pytest.raises(InvalidInput, match=r"validation \(4,\) for 5 samples"):
        Samples(packed.stored, labels, np.zeros(4, bool))


@pytest.mark.parametrize("backend", ["reference", "fast", "torch", "onnx"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_backends_take_narrow_messages(backend, dtype):
    network = random_network(seed=3)
    messages = messages_for(network, 12, 3, seed=4)
    expected = load_backend("reference").run(network, messages)
    found = load_backend(backend).run(network, messages.astype(dtype))
    assert np.array_equal(found.readout, expected.readout)


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_events_of_bits(share):
    messages = random_bits(share=share)
    found = Events.of_bits(PackedBits.of(messages), 0.5, torch.float64)
    expected = Events.of(0.5 * torch.from_numpy(messages).double())
    for name in ("begin", "channels", "values"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    assert found.shape == messages.shape


@pytest.mark.parametrize("window", [slice(0, 7), slice(2, 5), slice(5, 99), slice(3, 3), slice(6, 2)])
def test_a_stretch_of_events(window):
    dense = torch.from_numpy(random_bits()).float()
    events = Events.of(dense)
    assert len(events) == 7
    assert torch.equal(events[window].dense(), dense[window])
    assert Events.of(dense[:, :0])[window].shape == (len(dense[window]), 0, 13)


def test_a_batch_of_packed_samples_is_one_of_events():
    messages, labels = random_bits(), np.arange(5)
    cpu = torch.device("cpu")
    events, _ = batch_of(Samples(PackedBits.of(messages), labels), Encoding(), torch.float32, cpu)
    dense, _ = batch_of(Samples(messages, labels), Encoding(), torch.float32, cpu)
    assert isinstance(events, Events)
    assert torch.equal(events.dense(), dense)
    permuted = Encoding(1, 1, np.arange(7)[::-1])
    found, _ = batch_of(Samples(PackedBits.of(messages), labels), permuted, torch.float32, cpu)
    assert torch.equal(found, dense.flip(0))
