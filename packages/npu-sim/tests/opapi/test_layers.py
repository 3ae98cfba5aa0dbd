"""Activations of torch.nn, resizing and drawing of classes, against torch on the CPU; and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from opapi.conftest import Cann

torch.manual_seed(2)
X = torch.linspace(-4, 4, 24).reshape(4, 6)
IMAGE = torch.randn(2, 3, 6, 5)

#: Operator, what stands between input and output, the same in torch, and for the gradient what stands before the
#: input and after it.
ACTIVATIONS: list[tuple[str, list[Any], Callable[..., torch.Tensor], str, list[Any] | None]] = [
    ("Hardtanh", [-1.0, 2.0], lambda x: F.hardtanh(x, -1, 2), "gx*", None),
    ("Hardswish", [], F.hardswish, "gx*", None),
    ("Hardsigmoid", [], F.hardsigmoid, "gx*", None),
    ("Elu", [1.5, 1.0, 1.0], lambda x: F.elu(x, 1.5), "g*x", [1.5, 1.0, 1.0, False]),
    ("Softplus", [2.0, 5.0], lambda x: F.softplus(x, 2, 5), "gx*", None),
    ("Mish", [], F.mish, "gx*", None),
    ("LogSigmoid", [], F.logsigmoid, "gx*", [torch.empty(0)]),
    ("Softshrink", [0.5], F.softshrink, "gx*", None),
    ("Hardshrink", [0.5], F.hardshrink, "gx*", None),
    ("Glu", [-1], F.glu, "gx*", None),
]


def gradient(f: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """f's result, a gradient for it, and the gradient of `x`."""
    x = x.detach().clone().requires_grad_()
    out = f(x)
    g = torch.randn_like(out)
    return out.detach(), g, torch.autograd.grad(out, x, g)[0]


@pytest.mark.parametrize(("op", "args", "f", "order", "more"), ACTIVATIONS, ids=[a[0] for a in ACTIVATIONS])
def test_activations_and_their_gradients(
    cann: Cann, op: str, args: list[Any], f: Callable[..., torch.Tensor], order: str, more: list[Any] | None
) -> None:
    want, g, expected = gradient(f, X)
    out, got = torch.empty_like(want), torch.empty_like(X)
    cann.run(f"aclnn{op}", X, *args, out)
    torch.testing.assert_close(out, want)
    parts: dict[str, list[Any]] = {"g": [g], "x": [X], "*": args if more is None else more}
    cann.run(f"aclnn{op}Backward", *(v for p in order for v in parts[p]), got)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("eps", [-1.0, 0.1])
def test_the_gradient_of_logit(cann: Cann, eps: float) -> None:
    x = torch.linspace(0.05, 0.95, 12)
    _, g, expected = gradient(lambda t: torch.logit(t, None if eps < 0 else eps), x)
    got = torch.empty_like(x)
    cann.run("aclnnLogitGrad", x, g, eps, got)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("scale", [0.0, 1.7])
def test_nearest_neighbours_and_their_gradient(cann: Cann, scale: float) -> None:
    scales = (scale, scale) if scale else (None, None)
    size = [10, 8]
    want, g, expected = gradient(lambda x: torch.ops.aten.upsample_nearest2d(x, size, *scales), IMAGE)
    out, got = torch.empty_like(want), torch.empty_like(IMAGE)
    cann.run("aclnnUpsampleNearest2dV2", IMAGE, size, scale, scale, out)
    torch.testing.assert_close(out, want)
    cann.run("aclnnUpsampleNearest2dBackward", g, size, list(IMAGE.shape), scale, scale, got)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("align", [True, False])
def test_bilinear_interpolation_and_its_gradient(cann: Cann, align: bool) -> None:
    size = [9, 4]
    want, g, expected = gradient(lambda x: F.interpolate(x, size, mode="bilinear", align_corners=align), IMAGE)
    out, got = torch.empty_like(want), torch.empty_like(IMAGE)
    cann.run("aclnnUpsampleBilinear2d", IMAGE, size, align, 0.0, 0.0, out)
    torch.testing.assert_close(out, want)
    cann.run("aclnnUpsampleBilinear2dBackwardV2", g, size, list(IMAGE.shape), align, 0.0, 0.0, got)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("index", [torch.int32, torch.int64])
def test_adaptive_max_pooling_and_its_gradient(cann: Cann, index: torch.dtype) -> None:
    want, indices = F.adaptive_max_pool2d(IMAGE, (3, 2), return_indices=True)
    _, g, expected = gradient(lambda x: F.adaptive_max_pool2d(x, (3, 2)), IMAGE)
    out, where, got = torch.empty_like(want), torch.empty_like(indices), torch.empty_like(IMAGE)
    cann.run("aclnnAdaptiveMaxPool2d", IMAGE, [3, 2], out, where)
    torch.testing.assert_close(out, want)
    assert torch.equal(where, indices)
    cann.run("aclnnAdaptiveMaxPool2dBackward", g, IMAGE, indices.to(index), got)
    torch.testing.assert_close(got, expected)


def test_padding_fills_around(cann: Cann) -> None:
    want = F.pad(IMAGE, (1, 2, 0, 3), value=7.0)
    out = torch.empty_like(want)
    cann.run("aclnnConstantPadNd", IMAGE, [1, 2, 0, 3], 7.0, out)
    assert torch.equal(out, want)


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("mode", ["reflect", "replicate"])
def test_padding_by_elements_of_the_input_and_its_gradient(cann: Cann, mode: str, dims: int) -> None:
    x, pad = (IMAGE, [1, 2, 0, 3]) if dims == 2 else (X[None], [2, 1])
    want, g, expected = gradient(lambda t: F.pad(t, pad, mode=mode), x)
    out, got = torch.empty_like(want), torch.empty_like(x)
    op = f"aclnn{'Reflection' if mode == 'reflect' else 'Replication'}Pad{dims}d"
    cann.run(op, x, pad, out)
    assert torch.equal(out, want)
    cann.run(f"{op}Backward", g, x, pad, got)
    torch.testing.assert_close(got, expected)


def test_x_log_y_is_zero_where_x_is(cann: Cann) -> None:
    x, y = torch.tensor([0.0, 2.0, 3.0]), torch.tensor([0.0, 5.0, 0.5])
    out = torch.empty(3)
    for op, args, want in (
        ("XLogYTensor", (x, y), torch.xlogy(x, y)),
        ("XLogYScalarOther", (x, 4.0), torch.xlogy(x, 4.0)),
        ("XLogYScalarSelf", (2.0, y), torch.xlogy(2.0, y)),
    ):
        cann.run(f"aclnn{op}", *args, out)
        torch.testing.assert_close(out, want)


def test_rows_of_an_embedding_are_brought_down_to_a_norm(cann: Cann) -> None:
    table = torch.arange(12.0).reshape(4, 3)
    want = torch.embedding_renorm_(table.clone(), torch.tensor([1, 3]), 2.0, 2.0)
    cann.run("aclnnEmbeddingRenorm", table, torch.tensor([1, 3], dtype=torch.int32), 2.0, 2.0)
    torch.testing.assert_close(table, want)


def test_windows_become_columns_and_come_back(cann: Cann) -> None:
    how = [[2, 3], [1, 1], [1, 0], [2, 1]]
    want, g, expected = gradient(lambda x: torch.ops.aten.im2col(x, *how), IMAGE)
    out, got = torch.empty_like(want), torch.empty_like(IMAGE)
    cann.run("aclnnIm2col", IMAGE, *how, out)
    assert torch.equal(out, want)
    cann.run("aclnnIm2colBackward", g, [6, 5], *how, got)
    torch.testing.assert_close(got, expected)


def drawn(cann: Cann, weights: torch.Tensor, n: int, replacement: bool, seed: int, offset: int = 0) -> torch.Tensor:
    out = torch.empty(*weights.shape[:-1], n, dtype=torch.int64)
    cann.run("aclnnMultinomial", weights, n, replacement, seed, offset, out)
    return out


def test_classes_are_drawn_by_their_weights(cann: Cann) -> None:
    weights = torch.tensor([[1.0, 0.0, 3.0], [0.0, 5.0, 0.0]])
    found = drawn(cann, weights, 20_000, True, 3)
    assert (found[1] == 1).all()
    assert abs((found[0] == 2).double().mean() - 0.75) < 0.02
    assert not (found[0] == 1).any()
    assert torch.equal(found, drawn(cann, weights, 20_000, True, 3))
    assert not torch.equal(found, drawn(cann, weights, 20_000, True, 4))


def test_without_replacement_a_class_comes_once(cann: Cann) -> None:
    found = drawn(cann, torch.rand(50, 7) + 0.1, 7, False, 1)
    assert torch.equal(found.sort(-1).values, torch.arange(7).expand(50, 7))
    assert found[:, 0].unique().numel() == 7


@pytest.mark.parametrize(
    ("op", "args", "words"),
    [
        ("Glu", [X[:, :3], -1, X], "even"),
        ("Glu", [X, 0, X], "half of 'dim'"),
        ("Mish", [X, torch.empty(3)], "parameter 'out'"),
        ("LogSigmoidBackward", [X[:2], X, torch.empty(0), X], "gradOutput"),
        ("ConstantPadNd", [X, [1, 1, 1], 0.0, X], "two numbers for each"),
        ("ConstantPadNd", [X, [1, 1], 0.0, X], "'out'"),
        ("UpsampleNearest2dV2", [IMAGE, [4], 0.0, 0.0, IMAGE], "outputSize"),
        ("UpsampleNearest2dBackward", [IMAGE, [4, 4], [2, 3, 6, 5], 0.0, 0.0, IMAGE], "gradOut"),
        ("UpsampleBilinear2dBackwardV2", [IMAGE, [6, 5], [3, 6, 5], True, 0.0, 0.0, IMAGE], "inputSize"),
        ("AdaptiveMaxPool2d", [IMAGE, [3, 2], IMAGE, torch.empty(IMAGE.shape, dtype=torch.int64)], "outputSize"),
        ("Im2col", [IMAGE, [2, 2], [1, 1], [0, 0], [0, 1], IMAGE], "stride"),
        ("Im2colBackward", [X, [6, 6], [2, 2], [1, 1], [0, 0], [1, 1], IMAGE], "inputSize"),
        ("Multinomial", [X[:, :2], 3, False, 0, 0, torch.empty(4, 3, dtype=torch.int64)], "at most 2 classes"),
        ("Multinomial", [X, 0, True, 0, 0, torch.empty(4, 0, dtype=torch.int64)], "numsamples"),
        ("Multinomial", [IMAGE, 1, True, 0, 0, torch.empty(1, dtype=torch.int64)], "1 or 2 dims"),
        ("ReflectionPad2d", [IMAGE, [5, 0, 0, 0], IMAGE], "less than the sizes"),
        ("ReplicationPad1d", [X, [1], X], "2 numbers"),
        ("ReplicationPad2dBackward", [IMAGE, IMAGE, [1, 0, 0, 0], IMAGE], "gradOutput"),
        ("EmbeddingRenorm", [IMAGE, torch.tensor([1]), 2.0, 2.0], "2 dims"),
        ("Mish", [X.double(), torch.empty(X.shape, dtype=torch.float64)], "float64"),
    ],
)
def test_what_does_not_fit_is_refused_in_the_first_phase(cann: Cann, op: str, args: list[Any], words: str) -> None:
    with pytest.raises(Exception, match=f"aclnn{op}") as info:
        cann.run(f"aclnn{op}", *args)
    assert info.value.code == 161002
    assert words in info.value.message


RANGE = (0, 7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_numbers_are_rounded_to_those_of_a_few_bits(cann: Cann, dtype: torch.dtype) -> None:
    x, scale, zero = X.to(dtype), torch.tensor([0.5], dtype=dtype), torch.tensor([2], dtype=torch.int32)
    out, mask = torch.empty_like(x), torch.empty(x.shape, dtype=torch.bool)
    cann.run("aclnnFakeQuantPerTensorAffineCachemask", x, scale, zero, 1.0, *RANGE, out, mask)
    want = torch.ops.aten.fake_quantize_per_tensor_affine_cachemask(x, 0.5, 2, *RANGE)
    torch.testing.assert_close((out, mask), want)
    cann.run("aclnnFakeQuantPerTensorAffineCachemask", x, scale, zero, 0.0, *RANGE, out, mask)
    assert torch.equal(out, x)
    assert mask.all()
    n = x.shape[1]
    scales, zeros = torch.linspace(0.1, 1, n).to(dtype), torch.arange(n, dtype=torch.int32)
    cann.run("aclnnFakeQuantPerChannelAffineCachemask", x, scales, zeros, -1, *RANGE, out, mask)
    want = torch.ops.aten.fake_quantize_per_channel_affine_cachemask(x, scales.float(), zeros, 1, *RANGE)
    torch.testing.assert_close((out, mask), want)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({0: X.double()}, "float64"),
        ({1: torch.ones(1).half()}, "that of 'self'"),
        ({1: torch.ones(2)}, "one element"),
        ({2: torch.zeros(1)}, "zeroPoint"),
        ({4: 9}, "at most 'quantMax'"),
        ({6: torch.empty(3)}, "'out'"),
        ({7: torch.empty(X.shape)}, "mask"),
    ],
)
def test_what_does_not_fit_fake_quantisation_is_refused(cann: Cann, changed: dict[int, Any], words: str) -> None:
    args = [X, torch.ones(1), torch.zeros(1, dtype=torch.int32), 1.0, *RANGE, X, torch.empty(X.shape, dtype=torch.bool)]
    for place, value in changed.items():
        args[place] = value
    with pytest.raises(Exception, match="aclnnFakeQuant") as info:
        cann.run("aclnnFakeQuantPerTensorAffineCachemask", *args)
    assert info.value.code == 161002
    assert words in info.value.message
