"""The loss of the readout: the native pass against torch's own operators, in value and gradient."""

import pytest
import torch
from native_training import native

from brf_deploy.errors import InvalidInput
from brf_training import Loss, Objective
from brf_training.kernels.cross_entropy import cross_entropy, cross_entropy_in_torch
from brf_training.kernels.native import one_torch_thread

# Relative. float32: the kernel's exponential is within 2e-7, and sums run in another order.
TOLERANCE = {torch.float64: 1e-13, torch.float32: 2e-6}
SIZES = [(1, 1, 1), (5, 3, 2), (40, 8, 10), (1300, 2, 6), (3, 70, 33)]


def problem(steps, batch, outputs, dtype, every_step):
    generator = torch.Generator().manual_seed(steps)
    readout = 20 * torch.randn(steps, batch, outputs, generator=generator, dtype=dtype)
    labels = torch.randint(0, outputs, (steps, batch) if every_step else (batch,), generator=generator)
    return readout, labels


def value_and_gradient(loss, readout, labels, first):
    leaf = readout.clone().requires_grad_()
    value = loss(leaf, labels, first)
    (3 * value).backward()
    return value.detach(), leaf.grad


@native
@pytest.mark.parametrize("dtype", list(TOLERANCE))
@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_native_equals_torch(size, every_step, dtype):
    readout, labels = problem(*size, dtype, every_step)
    for first in {0, size[0] // 2, size[0] - 1}:
        found, expected = (
            value_and_gradient(loss, readout, labels, first) for loss in (cross_entropy, cross_entropy_in_torch)
        )
        assert torch.allclose(found[0], expected[0], rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        assert torch.allclose(found[1], expected[1], rtol=0, atol=TOLERANCE[dtype])
        assert not found[1][:first].any()


@native
def test_the_gradient_by_finite_differences():
    readout, labels = problem(6, 3, 4, torch.float64, every_step=False)
    leaf = (readout / 20).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: cross_entropy(y, labels, 2), leaf)


@native
def test_a_readout_that_is_not_contiguous():
    readout, labels = problem(12, 5, 4, torch.float64, every_step=False)
    turned = readout.transpose(0, 1).contiguous().transpose(0, 1)
    assert not turned.is_contiguous()
    assert torch.equal(cross_entropy(turned, labels), cross_entropy(readout, labels))


@native
def test_bits_do_not_depend_on_threads():
    readout, labels = problem(1300, 16, 6, torch.float32, every_step=True)
    alone = value_and_gradient(cross_entropy, readout, labels, 0)
    with one_torch_thread():
        beside = value_and_gradient(cross_entropy, readout, labels, 0)
    assert all(torch.equal(a, b) for a, b in zip(alone, beside, strict=True))


@native
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_readout_that_is_not_finite_gives_a_loss_that_is_not(bad):
    readout, labels = problem(30, 4, 5, torch.float32, every_step=False)
    readout[20, 1, 2] = bad
    loss, gradient = value_and_gradient(cross_entropy, readout, labels, 0)
    assert not torch.isfinite(loss)
    assert gradient[20, 1].isnan().any()
    assert gradient[:20].isfinite().all()


@native
@pytest.mark.parametrize("label", [-1, 5, 2**40])
def test_an_unknown_label_is_refused(label):
    readout, labels = problem(30, 4, 5, torch.float32, every_step=False)
    labels[2] = label
    with pytest.raises(InvalidInput, match="the readout has 5 outputs, 0 to 4"):
        cross_entropy(readout, labels)


def test_an_empty_batch_and_other_real_types_take_torch_operators():
    empty = Objective(Loss.EVERY_STEP_SUM)(torch.zeros(3, 0, 4), torch.zeros(0, dtype=torch.int64))
    assert empty.isnan()  # a mean over nothing, as in torch
    readout, labels = problem(9, 3, 4, torch.float32, every_step=False)
    half = cross_entropy(readout.to(torch.bfloat16), labels)
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), cross_entropy(readout, labels), rtol=0.05)
