"""Convolution, normalisation, pooling and the list operators of optimizers, against torch on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from opapi.conftest import Cann

torch.manual_seed(1)
IMAGE = torch.randn(2, 4, 8, 8)
SEQUENCE = torch.randn(3, 5, 16)


def like(*tensors: torch.Tensor) -> list[torch.Tensor]:
    return [torch.empty_like(t, memory_format=torch.contiguous_format) for t in tensors]


def gradients(f: Any, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
    """f's result, a gradient for it, and what that makes of the inputs' gradients."""
    inputs = tuple(t.detach().clone().requires_grad_() for t in inputs)
    out = f(*inputs)
    g = torch.randn_like(out)
    return out.detach(), g, torch.autograd.grad(out, inputs, g)


@pytest.mark.parametrize(("stride", "groups", "transposed"), [(1, 1, False), (2, 2, False), (2, 1, True)])
def test_convolution_and_its_backward(cann: Cann, stride: int, groups: int, transposed: bool) -> None:
    weight = torch.randn(4, 4 // groups, 3, 3)
    bias = torch.randn(4)
    conv = F.conv_transpose2d if transposed else F.conv2d
    want, grad, expected = gradients(
        lambda x, w, b: conv(x, w, b, stride=stride, padding=1, groups=groups), IMAGE, weight, bias
    )
    how = [[stride] * 2, [1, 1], [1, 1], transposed, [0, 0], groups]
    (out,) = like(want)
    cann.run("aclnnConvolution", IMAGE, weight, bias, *how, out, 0)
    torch.testing.assert_close(out, want, rtol=1e-4, atol=1e-5)
    got = like(IMAGE, weight, bias)
    cann.run("aclnnConvolutionBackward", grad, IMAGE, weight, [4], *how, [True] * 3, 0, *got)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-4, atol=1e-4)


def test_an_unwanted_gradient_may_be_null(cann: Cann) -> None:
    weight = torch.randn(4, 4, 3, 3)
    _, grad, expected = gradients(lambda x, w: F.conv2d(x, w, padding=1), IMAGE, weight)
    (got,) = like(weight)
    how = [[1, 1], [1, 1], [1, 1], False, [0, 0], 1]
    cann.run("aclnnConvolutionBackward", grad, IMAGE, weight, None, *how, [False, True, False], 0, None, got, None)
    torch.testing.assert_close(got, expected[1], rtol=1e-4, atol=1e-4)


def test_batch_norm_and_its_backward(cann: Cann) -> None:
    w, b = torch.rand(4) + 0.5, torch.randn(4)
    mean, var = torch.zeros(4), torch.ones(4)
    want_mean, want_var = mean.clone(), var.clone()
    want, grad, expected = gradients(
        lambda x, w, b: F.batch_norm(x, want_mean, want_var, w, b, True, 0.1, 1e-5), IMAGE, w, b
    )
    out, save_mean, save_invstd = *like(want), torch.empty(4), torch.empty(4)
    cann.run("aclnnBatchNorm", IMAGE, w, b, mean, var, True, 0.1, 1e-5, out, save_mean, save_invstd)
    torch.testing.assert_close(out, want)
    torch.testing.assert_close(mean, want_mean)
    torch.testing.assert_close(var, want_var)
    got = like(IMAGE, w, b)
    cann.run("aclnnBatchNormBackward", grad, IMAGE, w, mean, var, save_mean, save_invstd, True, 1e-5, [True] * 3, *got)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_layer_norm_and_its_backward(cann: Cann, dtype: torch.dtype) -> None:
    x, w, b = SEQUENCE.to(dtype), (torch.rand(16) + 0.5).to(dtype), torch.randn(16).to(dtype)
    want, grad, expected = gradients(
        lambda x, w, b: F.layer_norm(x.float(), [16], w.float(), b.float()).to(dtype), x, w, b
    )
    (out,), mean, rstd = like(want), torch.empty(3, 5, 1), torch.empty(3, 5, 1)
    cann.run("aclnnLayerNorm", x, [16], w, b, 1e-5, out, mean, rstd)
    torch.testing.assert_close(out, want)
    got = like(x, w, b)
    cann.run("aclnnLayerNormBackward", grad, x, [16], mean, rstd, w, b, [True] * 3, *got)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e, rtol=2e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-2)


def test_a_normalized_shape_that_does_not_end_the_input_is_refused(cann: Cann) -> None:
    with cann.arguments("aclnnLayerNorm", SEQUENCE, [15], None, None, 1e-5, *like(SEQUENCE), None, None) as call:
        with pytest.raises(Exception, match=r"'normalizedShape' is \[15\]"):
            call.prepare()


def test_group_norm_and_its_backward(cann: Cann) -> None:
    w, b = torch.rand(4), torch.randn(4)
    want, grad, expected = gradients(lambda x, w, b: F.group_norm(x, 2, w, b), IMAGE, w, b)
    (out,), mean, rstd = like(want), torch.empty(2, 2), torch.empty(2, 2)
    cann.run("aclnnGroupNorm", IMAGE, w, b, 2, 4, 64, 2, 1e-5, out, mean, rstd)
    torch.testing.assert_close(out, want)
    got = like(IMAGE, w, b)
    cann.run("aclnnGroupNormBackward", grad, IMAGE, mean, rstd, w, 2, 4, 64, 2, [True] * 3, *got)
    for g, e in zip(got, expected, strict=True):
        torch.testing.assert_close(g, e, rtol=1e-4, atol=1e-4)


def test_max_pooling_and_its_backward(cann: Cann) -> None:
    want, grad, expected = gradients(lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE)
    how = [[3, 3], [2, 2], [1, 1], [1, 1], False]
    (out,), indices = like(want), torch.empty(want.shape, dtype=torch.int32)
    cann.run("aclnnMaxPool2dWithIndices", IMAGE, *how, out, indices)
    torch.testing.assert_close(out, want)
    (got,) = like(IMAGE)
    cann.run("aclnnMaxPool2dWithIndicesBackward", grad, IMAGE, indices, *how, got)
    torch.testing.assert_close(got, expected[0])


def test_max_pooling_remembers_winners_in_a_mask(cann: Cann) -> None:
    want, grad, expected = gradients(lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE)
    how = [[3, 3], [2, 2], [1, 1], [1, 1], False]
    (out,), mask = like(want), torch.empty(2, 4, 9, 64, dtype=torch.int8)
    cann.run("aclnnMaxPool2dWithMask", IMAGE, *how, out, mask)
    torch.testing.assert_close(out, want)
    (got,) = like(IMAGE)
    cann.run("aclnnMaxPool2dWithMaskBackward", grad, IMAGE, mask, *how, got)
    torch.testing.assert_close(got, expected[0])


def test_average_pooling_and_its_backward(cann: Cann) -> None:
    want, grad, expected = gradients(lambda x: F.avg_pool2d(x, 2), IMAGE)
    how = [[2, 2], [2, 2], [0, 0], False, True, 0, 0]
    (out,), (got,) = like(want), like(IMAGE)
    cann.run("aclnnAvgPool2d", IMAGE, *how, out)
    torch.testing.assert_close(out, want)
    cann.run("aclnnAvgPool2dBackward", grad, IMAGE, *how, got)
    torch.testing.assert_close(got, expected[0])


def test_adaptive_pooling_and_upsampling(cann: Cann) -> None:
    out = torch.empty(2, 4, 1, 1)
    cann.run("aclnnAdaptiveAvgPool2d", IMAGE, [1, 1], out)
    torch.testing.assert_close(out, IMAGE.mean((2, 3), keepdim=True))
    out = torch.empty(2, 4, 16, 16)
    cann.run("aclnnUpsampleNearest2d", IMAGE, [16, 16], out)
    torch.testing.assert_close(out, F.interpolate(IMAGE, scale_factor=2))


A, B = [torch.randn(3), torch.rand(2, 2)], [torch.rand(3) + 1, torch.rand(2, 2) + 1]
ONE = torch.tensor([0.5])


@pytest.mark.parametrize(
    ("op", "args", "expected"),
    [
        ("Exp", (A,), [a.exp() for a in A]),
        ("Sqrt", (B,), [b.sqrt() for b in B]),
        ("AddList", (A, B, ONE), [a + 0.5 * b for a, b in zip(A, B, strict=True)]),
        ("AddListV2", (A, B, 0.5), [a + 0.5 * b for a, b in zip(A, B, strict=True)]),
        ("AddScalar", (A, ONE), [a + 0.5 for a in A]),
        ("SubScalarV2", (A, 0.5), [a - 0.5 for a in A]),
        ("MulList", (A, B), [a * b for a, b in zip(A, B, strict=True)]),
        ("MulScalar", (A, ONE), [a * 0.5 for a in A]),
        ("DivScalarList", (A, [2.0, 4.0]), [A[0] / 2, A[1] / 4]),
        ("MaximumList", (A, B), [torch.maximum(a, b) for a, b in zip(A, B, strict=True)]),
        ("AddcmulScalarV2", (A, B, B, 2.0), [a + 2 * b * b for a, b in zip(A, B, strict=True)]),
        ("AddcdivScalar", (A, A, B, ONE), [a + 0.5 * a / b for a, b in zip(A, B, strict=True)]),
        ("AddcdivScalarList", (A, A, B, torch.tensor([1.0, 2.0])), [A[0] + A[0] / B[0], A[1] + 2 * A[1] / B[1]]),
        ("LerpScalar", (A, B, 0.3), [a.lerp(b, 0.3) for a, b in zip(A, B, strict=True)]),
        ("Norm", (A, 2.0), [a.norm() for a in A]),
    ],
)
def test_list_operators_work_on_each_tensor(
    cann: Cann, op: str, args: tuple[Any, ...], expected: list[torch.Tensor]
) -> None:
    out = like(*expected)
    cann.run(f"aclnnForeach{op}", *args, out)
    for o, e in zip(out, expected, strict=True):
        torch.testing.assert_close(o, e)


def test_lists_of_different_lengths_are_refused(cann: Cann) -> None:
    with cann.arguments("aclnnForeachAddListV2", A, B[:1], 1.0, like(*A)) as call:
        with pytest.raises(Exception, match="'x2' is 1 tensors; expected 2"):
            call.prepare()


@pytest.mark.parametrize(("bad", "flag"), [(1.0, 0.0), (float("inf"), 1.0)])
def test_unscaling_gradients_reports_what_is_not_finite(cann: Cann, bad: float, flag: float) -> None:
    grads = [torch.tensor([2.0, 4.0]), torch.tensor([bad])]
    found = torch.zeros(1)
    with cann.arguments("aclnnForeachNonFiniteCheckAndUnscale", grads, found, torch.tensor([0.5])) as call:
        call.launch(call.prepare()[1], None, 0)
        cann.acl("aclrtSynchronizeDevice")
        for b in call.buffers["scaledGrads"] + call.buffers["foundInf"]:
            b.download()
    assert found.item() == flag
    assert torch.equal(grads[0], torch.tensor([1.0, 2.0]))
