"""Volumes, interpolation, sampling, matrices' factors, losses, cells and statistics, against torch on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from opapi.conftest import Cann

torch.manual_seed(3)
I32, I64 = torch.int32, torch.int64
LINE, IMAGE, VOLUME = torch.randn(2, 3, 8), torch.randn(2, 3, 8, 8), torch.randn(2, 3, 4, 6, 8)
X, Y, POS = torch.randn(3, 4), torch.randn(3, 4), torch.rand(3, 4) + 0.1
MATRIX = torch.randn(2, 4, 4)
SPD = MATRIX @ MATRIX.mT + 4 * torch.eye(4)
GRID2, GRID3 = torch.rand(2, 5, 5, 2) * 2 - 1, torch.rand(2, 3, 3, 3, 3) * 2 - 1
THREE = [2, 2, 2]
ONE = torch.tensor(1.0)
ANGLES, TURNED = (torch.randn(2, 1, 8, 8), torch.randn(2, 1, 8, 8)), torch.randn(2, 3, 8, 8)
RMS = (X.square().mean(1, keepdim=True) + 1e-5).rsqrt()


class Case(NamedTuple):
    op: str
    args: Sequence[Any]  # without the outputs, which come last
    expected: Sequence[Tensor]
    trailing: Sequence[Any] = ()  # what comes after the outputs


def case(op: str, args: Sequence[Any], *expected: Tensor, trailing: Sequence[Any] = ()) -> Any:
    return pytest.param(Case(op, args, expected, trailing), id=op)


def grads(f: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A gradient of f's result, and what it makes of the inputs' gradients."""
    inputs = tuple(t.detach().clone().requires_grad_() for t in inputs)
    out = f(*inputs)
    g = torch.randn_like(out)
    return g, torch.autograd.grad(out, inputs, g)


def grads_of(f: Callable[..., Tensor], reduction: int, target: Tensor, **kwargs: Tensor) -> Tensor:
    """The gradient of a loss of X by its number of a reduction, for gradients Y, or 1."""
    x = X.clone().requires_grad_()
    out = f(x, target, reduction=("none", "mean", "sum")[reduction], **kwargs)
    return torch.autograd.grad(out, x, Y if reduction == 0 else ONE)[0]


def turned(x: Tensor, cos: Tensor, sin: Tensor, mode: int) -> Tensor:
    """Pairs turned by an angle: a number and the one half a row on, or its neighbour."""
    other = torch.cat([-x[..., 4:], x[..., :4]], -1) if mode == 0 else torch.stack([-x[..., 1::2], x[..., ::2]], -1)
    return x * cos + other.reshape(x.shape) * sin


def backward(op: str, f: Callable[..., Tensor], x: Tensor, after: Sequence[Any], *, shows_input: bool = False) -> Any:
    g, expected = grads(f, x)
    return case(op, [g, *([x] if shows_input else []), *after], *expected)


def resized(name: str, x: Tensor, size: list[int], mode: str, align: bool | None, **how: Any) -> list[Any]:
    """An interpolation forward and backward."""
    scales = [0.0] * len(size)
    aligned = [] if align is None else [align]
    kwargs = {"size": size, "mode": mode, **({} if align is None else {"align_corners": align}), **how}
    suffix = "Grad" if name == "Bicubic2dAA" else "Backward"
    if name == "Nearest1d":
        forward = case("UpsampleNearest1d", [x, size], F.interpolate(x, **kwargs))
    else:
        forward = case(f"Upsample{name}", [x, size, *aligned, *scales], F.interpolate(x, **kwargs))
    after = [size, list(x.shape), *aligned, *scales]
    return [forward, backward(f"Upsample{name}{suffix}", lambda t: F.interpolate(t, **kwargs), x, after)]


def pooled(x: Tensor) -> tuple[Tensor, Tensor]:
    return F.max_pool3d(x, 2, return_indices=True)


UNPOOL = F.max_pool2d(IMAGE, 2, return_indices=True)
UNPOOL3 = pooled(VOLUME)
TARGET = torch.tensor([[1, 0, -1, 2], [3, -1, 0, 0], [0, 1, 2, 3]])
LOG_PROBS = torch.randn(6, 2, 5).log_softmax(2)
LABELS = torch.randint(1, 5, (2, 3))
CTC = torch.ops.aten._ctc_loss(LOG_PROBS, LABELS, [6, 6], [3, 3], 0, False)
ALPHA = torch.zeros(2, 6, 8)
ALPHA[:, :, :7] = CTC[1]
U, S, VH = torch.linalg.svd(torch.randn(3, 5), full_matrices=False)
WIDE = U @ torch.diag(S) @ VH

CASES: list[Any] = [
    *resized("Nearest1d", LINE, [13], "nearest", None),
    *resized("NearestExact1d", LINE, [13], "nearest-exact", None),
    *resized("Linear1d", LINE, [13], "linear", True),
    *resized("NearestExact2d", IMAGE, [5, 11], "nearest-exact", None),
    *resized("Bicubic2d", IMAGE, [5, 11], "bicubic", False),
    *resized("Bilinear2dAA", IMAGE, [5, 6], "bilinear", False, antialias=True),
    *resized("Bicubic2dAA", IMAGE, [5, 6], "bicubic", False, antialias=True),
    *resized("Nearest3d", VOLUME, [5, 3, 9], "nearest", None),
    *resized("NearestExact3d", VOLUME, [5, 3, 9], "nearest-exact", None),
    *resized("Trilinear3d", VOLUME, [5, 3, 9], "trilinear", False),
    case("AvgPool3d", [VOLUME, [2], [], [1], False, True, 0], F.avg_pool3d(VOLUME, 2, padding=1)),
    backward("AvgPool3dBackward", lambda t: F.avg_pool3d(t, 2), VOLUME, [[2], [], [0], False, True, 0],
             shows_input=True),
    case("MaxPool3dWithArgmax", [VOLUME, THREE, THREE, [0] * 3, [1] * 3, False], UNPOOL3[0], UNPOOL3[1].int()),
    backward("MaxPool3dWithArgmaxBackward", lambda t: F.max_pool3d(t, 2), VOLUME,
             [UNPOOL3[1].int(), THREE, THREE, [0] * 3, [1] * 3, False], shows_input=True),
    case("AdaptiveAvgPool3d", [VOLUME, [3, 2, 5]], F.adaptive_avg_pool3d(VOLUME, (3, 2, 5))),
    backward("AdaptiveAvgPool3dBackward", lambda t: F.adaptive_avg_pool3d(t, (3, 2, 5)), VOLUME, [], shows_input=True),
    case("AdaptiveMaxPool3d", [VOLUME, [3, 2, 5]], *F.adaptive_max_pool3d(VOLUME, (3, 2, 5), return_indices=True)),
    case("MaxUnpool2d", [*UNPOOL, [8, 8]], F.max_unpool2d(*UNPOOL, [2, 2])),
    case("ReflectionPad3d", [VOLUME, [1, 2, 3, 0, 1, 1]], F.pad(VOLUME, [1, 2, 3, 0, 1, 1], "reflect")),
    case("ReplicationPad3d", [VOLUME, [1, 2, 3, 0, 1, 1]], F.pad(VOLUME, [1, 2, 3, 0, 1, 1], "replicate")),
    backward("ReflectionPad3dBackward", lambda t: F.pad(t, [1] * 6, "reflect"), VOLUME, [[1] * 6], shows_input=True),
    backward("ReplicationPad3dBackward", lambda t: F.pad(t, [1] * 6, "replicate"), VOLUME, [[1] * 6],
             shows_input=True),
    case("GridSampler2D", [IMAGE, GRID2, 2, 1, True],
         F.grid_sample(IMAGE, GRID2, "bicubic", "border", align_corners=True)),
    case("GridSampler3D", [VOLUME, GRID3, 0, 2, False],
         F.grid_sample(VOLUME, GRID3, "bilinear", "reflection", align_corners=False)),
    case("AffineGrid", [torch.ones(2, 2, 3), [2, 3, 4, 5], False],
         F.affine_grid(torch.ones(2, 2, 3), [2, 3, 4, 5], align_corners=False)),
    case("LinalgCholesky", [SPD, True], torch.linalg.cholesky(SPD, upper=True)),
    case("Inverse", [SPD], torch.linalg.inv(SPD)),
    case("Slogdet", [MATRIX], *torch.linalg.slogdet(MATRIX)),
    case("LinalgQr", [WIDE, 1], *torch.linalg.qr(WIDE, mode="complete")),
    case("Svd", [WIDE, False, False], torch.linalg.svdvals(WIDE), torch.zeros(0), torch.zeros(0)),
    case("TriangularSolve", [MATRIX, SPD, False, True, False],
         torch.linalg.solve_triangular(SPD.mT, MATRIX, upper=True), SPD),
    case("LinalgCross", [X[:, :3], Y[:, :3], 1], torch.linalg.cross(X[:, :3], Y[:, :3])),
    case("Mv", [X, Y[0]], X @ Y[0], trailing=[0]),
    case("Addbmm", [X[:, :3], MATRIX[:, :3], MATRIX[:, :, :3], 2.0, 0.5],
         torch.addbmm(X[:, :3], MATRIX[:, :3], MATRIX[:, :, :3], beta=2.0, alpha=0.5), trailing=[0]),
    case("Addr", [X, X[:, 0].contiguous(), Y[0], 2.0, 0.5], torch.addr(X, X[:, 0], Y[0], beta=2.0, alpha=0.5)),
    case("Trace", [X], X.trace()),
    case("LinalgVectorNorm", [X, 3.0, [1], True, torch.float32], torch.linalg.vector_norm(X, 3.0, 1, True)),
    case("LogSumExp", [X, [0], False], X.logsumexp(0)),
    case("StdMeanCorrection", [X, [1], 1, False], *torch.std_mean(X, 1)),
    case("IsClose", [X, X + 1e-7, 1e-5, 1e-8, False], torch.isclose(X, X + 1e-7)),
    case("AddRelu", [X, Y, 2.0], (X + 2 * Y).relu()),
    case("Rsubs", [X, 2.0, 3.0], 2 - 3 * X),
    case("RemainderScalarTensor", [2.0, POS], torch.remainder(2.0, POS)),
    case("ClampMinTensor", [X, Y], X.clamp_min(Y)),
    case("Celu", [X, 0.7], F.celu(X, 0.7)),
    case("Prelu", [X, Y[0]], F.prelu(X, Y[0])),
    case("PreluBackward", [X, Y, POS[0]], *torch.autograd.grad(
        F.prelu(a := Y.clone().requires_grad_(), b := POS[0].clone().requires_grad_()), (a, b), X)),
    case("KlDiv", [X.log_softmax(1), Y.softmax(1), 2, False],
         F.kl_div(X.log_softmax(1), Y.softmax(1), reduction="sum")),
    case("SoftMarginLoss", [X, Y.sign(), 1], F.soft_margin_loss(X, Y.sign())),
    case("MultilabelMarginLoss", [X, TARGET, 0], *torch.ops.aten.multilabel_margin_loss_forward(X, TARGET, 0)),
    case("CtcLoss", [LOG_PROBS, LABELS, [6, 6], [3, 3], 0, False], CTC[0], ALPHA),
    case("CtcLossBackward", [torch.ones(2), LOG_PROBS, LABELS, [6, 6], [3, 3], CTC[0], ALPHA, 0, False],
         torch.ops.aten._ctc_loss_backward(torch.ones(2), LOG_PROBS, LABELS, [6, 6], [3, 3], *CTC, 0, False)),
    case("ChannelShuffle", [torch.arange(24.0).view(1, 6, 2, 2), 3],
         F.channel_shuffle(torch.arange(24.0).view(1, 6, 2, 2), 3)),
    case("OneHot", [torch.tensor([2, 0, 1]), 3, torch.tensor([1.0]), torch.tensor([0.0]), -1], torch.eye(3)[[2, 0, 1]]),
    case("UnfoldGrad", [Y.unfold(1, 2, 1), [3, 4], 1, 2, 1],
         torch.ops.aten.unfold_backward(Y.unfold(1, 2, 1), [3, 4], 1, 2, 1)),
    case("TransformBiasRescaleQkv", [torch.ones(2, 3, 24), torch.arange(24.0), 4],
         *torch.ops.aten._transform_bias_rescale_qkv(torch.ones(2, 3, 24), torch.arange(24.0), 4)),
    case("ConvDepthwise2d", [IMAGE, torch.ones(3, 1, 3, 3), [3, 3], None, [1, 1], [1, 1], [1, 1]],
         F.conv2d(IMAGE, torch.ones(3, 1, 3, 3), padding=1, groups=3), trailing=[0]),
    case("RepeatInterleave", [X, torch.arange(12), 66], X.repeat_interleave(torch.arange(12))),
    case("RepeatInterleaveWithDim", [X, torch.tensor([2, 0, 1]), 0, 3],
         X.repeat_interleave(torch.tensor([2, 0, 1]), 0)),
    case("RepeatInterleaveInt", [X, 2, 24], X.repeat_interleave(2)),
    case("RepeatInterleaveIntWithDim", [X, 3, -1, 12], X.repeat_interleave(3, -1)),
    case("IndexFill", [X, 1, torch.tensor([0, 2]), 7.0], X.index_fill(1, torch.tensor([0, 2]), 7.0)),
    case("IndexFillTensor", [X, 0, [1], 7.0], X.index_fill(0, torch.tensor([1]), 7.0)),
    *(case("L1LossBackward", [ONE if r else Y, X, Y.T.reshape(3, 4), r], grads_of(F.l1_loss, r, Y.T.reshape(3, 4)))
      for r in (0, 1, 2)),
    *(case("BinaryCrossEntropyWithLogitsBackward", [ONE if r else Y, X, POS, POS, POS[0], r],
           grads_of(F.binary_cross_entropy_with_logits, r, POS, weight=POS, pos_weight=POS[0])) for r in (0, 1, 2)),
    case("RmsNorm", [X, POS[0], 1e-5], F.rms_norm(X, [4], POS[0], 1e-5), RMS),
    case("AddRmsNorm", [X - Y, Y, POS[0], 1e-5], F.rms_norm(X, [4], POS[0], 1e-5), RMS, X),
    case("RmsNormGrad", [Y, X, RMS, POS[0]],
         *torch.autograd.functional.vjp(lambda x, w: F.rms_norm(x, [4], w, 1e-5), (X, POS[0]), Y)[1]),
    case("SwiGlu", [X, 1], F.silu(X[:, :2]) * X[:, 2:]),
    case("SwiGluGrad", [Y[:, :2], X, 1],
         torch.autograd.functional.vjp(lambda x: F.silu(x[:, :2]) * x[:, 2:], X, Y[:, :2])[1]),
    *(case("RotaryPositionEmbedding", [IMAGE, *ANGLES, mode], turned(IMAGE, *ANGLES, mode)) for mode in (0, 1)),
    *(case("RotaryPositionEmbeddingGrad", [TURNED, *ANGLES, IMAGE, mode],
           *torch.autograd.functional.vjp(lambda x, c, s, m=mode: turned(x, c, s, m), (IMAGE, *ANGLES), TURNED)[1])
      for mode in (0, 1)),
    case("FastGelu", [X], X * torch.sigmoid(1.702 * X)),
    case("FastGeluBackward", [Y, X], torch.autograd.functional.vjp(lambda x: x * torch.sigmoid(1.702 * x), X, Y)[1]),
    case("AmpUpdateScale", [torch.tensor([4.0]), torch.tensor([1], dtype=I32), torch.tensor([0.0]), 2.0, 0.5, 2],
         torch.tensor([8.0]), torch.tensor([0], dtype=I32)),
    case("AmpUpdateScale", [torch.tensor([4.0]), torch.tensor([1], dtype=I32), torch.tensor([1.0]), 2.0, 0.5, 2],
         torch.tensor([2.0]), torch.tensor([0], dtype=I32)),
]  # fmt: skip


@pytest.mark.parametrize("c", CASES)
def test_an_operator_gives_what_torch_gives(cann: Cann, c: Case) -> None:
    outputs = [torch.empty_like(e, memory_format=torch.contiguous_format) for e in c.expected]
    cann.run(f"aclnn{c.op}", *c.args, *outputs, *c.trailing)
    for got, expected in zip(outputs, c.expected, strict=True):
        torch.testing.assert_close(got, expected.contiguous(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pairs", [False, True])
def test_windows_of_a_signal_become_frequencies(cann: Cann, pairs: bool) -> None:
    signal, window = torch.randn(2, 40), torch.hann_window(6)
    want = torch.stft(signal, 8, 3, 6, window, center=False, normalized=True, return_complex=True)
    want = torch.view_as_real(want) if pairs else want
    out = torch.empty(want.shape, dtype=want.dtype)
    cann.run("aclStft", signal, window, out, 8, 3, 6, True, True, not pairs)
    torch.testing.assert_close(out, want.contiguous(), rtol=1e-4, atol=1e-4)


def test_singular_vectors_come_as_u_and_v(cann: Cann) -> None:
    s, u, v = torch.empty(3), torch.empty(3, 3), torch.empty(5, 3)
    cann.run("aclnnSvd", WIDE, False, True, s, u, v)
    torch.testing.assert_close(u @ torch.diag(s) @ v.T, WIDE, rtol=1e-4, atol=1e-4)


def test_conv_tbc_and_its_backward(cann: Cann) -> None:
    x, w, b = torch.randn(5, 2, 3), torch.randn(2, 3, 4), torch.randn(4)
    g, expected = grads(lambda x, w, b: torch.conv_tbc(x, w, b, 1), x, w, b)
    out, got = torch.empty(6, 2, 4), [torch.empty_like(t) for t in (x, w, b)]
    cann.run("aclnnConvTbc", x, w, b, 1, out, 0)
    torch.testing.assert_close(out, torch.conv_tbc(x, w, b, 1), rtol=1e-4, atol=1e-4)
    cann.run("aclnnConvTbcBackward", g, x, w, b, 1, 0, *got)
    for t, e in zip(got, expected, strict=True):
        torch.testing.assert_close(t, e, rtol=1e-4, atol=1e-4)


def test_a_grids_and_an_inputs_gradients(cann: Cann) -> None:
    g, expected = grads(lambda x, y: F.grid_sample(x, y, align_corners=False), IMAGE, GRID2)
    got = [torch.empty_like(IMAGE), torch.empty_like(GRID2)]
    cann.run("aclnnGridSampler2DBackward", g, IMAGE, GRID2, 0, 0, False, [True, True], *got)
    for t, e in zip(got, expected, strict=True):
        torch.testing.assert_close(t, e, rtol=1e-4, atol=1e-4)


def test_an_lstm_cell_and_its_backward(cann: Cann) -> None:
    cell = torch.nn.LSTMCell(3, 4)
    x, h, c = torch.randn(2, 3), torch.randn(2, 4), torch.randn(2, 4, requires_grad=True)
    a = (x @ cell.weight_ih.T).detach().requires_grad_()
    b = (h @ cell.weight_hh.T).detach()
    i, f, n, o = (a + b + cell.bias_ih + cell.bias_hh).detach_().add(a - a.detach()).chunk(4, 1)
    cy = f.sigmoid() * c + i.sigmoid() * n.tanh()
    hy = o.sigmoid() * cy.tanh()
    got_h, got_c, gates = torch.empty(2, 4), torch.empty(2, 4), torch.empty(2, 16)
    biases = [cell.bias_ih.detach(), cell.bias_hh.detach()]
    cann.run("aclnnThnnFusedLstmCell", a.detach(), b, c.detach(), *biases, got_h, got_c, gates)
    torch.testing.assert_close(got_h, hy.detach())
    torch.testing.assert_close(got_c, cy.detach())
    gh, gc = torch.randn(2, 4), torch.randn(2, 4)
    expected = torch.autograd.grad((hy, cy), (a, c), (gh, gc))
    got = torch.empty(2, 16), torch.empty(2, 4), torch.empty(16)
    cann.run("aclnnThnnFusedLstmCellBackward", gh, gc, c.detach(), got_c, gates, True, *got)
    for t, e in zip(got, (*expected, expected[0].sum(0)), strict=True):
        torch.testing.assert_close(t, e, rtol=1e-4, atol=1e-5)


def test_batch_norm_over_two_ranks_is_that_of_both_batches(cann: Cann) -> None:
    halves = IMAGE[:1].contiguous(), torch.cat([IMAGE[1:]] * 2)
    both = torch.cat(halves)
    stats = [torch.empty(2, 3), torch.empty(2, 3)]
    for rank, x in enumerate(halves):
        mean, invstd = torch.empty(3), torch.empty(3)
        cann.run("aclnnBatchNormStats", x, 1e-5, mean, invstd)
        stats[0][rank], stats[1][rank] = mean, invstd
    running = torch.zeros(3), torch.ones(3)
    expected_running = torch.zeros(3), torch.ones(3)
    counts = torch.tensor([float(x.numel() // 3) for x in halves])
    mean, invstd = torch.empty(3), torch.empty(3)
    cann.run("aclnnBatchNormGatherStatsWithCounts", both, *stats, *running, 0.1, 1e-5, counts, mean, invstd)
    weight, bias = torch.rand(3), torch.rand(3)
    g, grad = grads(lambda x: F.batch_norm(x, *expected_running, weight, bias, True, 0.1, 1e-5), both)
    for got, expected in zip(running, expected_running, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)
    out = torch.empty_like(both)
    cann.run("aclnnBatchNormElemt", both, weight, bias, mean, invstd, 1e-5, out)
    torch.testing.assert_close(out, F.batch_norm(both, None, None, weight, bias, True), rtol=1e-4, atol=1e-4)
    sums = [torch.empty(3) for _ in range(4)]
    cann.run("aclnnBatchNormReduceBackward", g, both, mean, invstd, weight, True, True, True, *sums)
    count = torch.tensor([int(n) for n in counts], dtype=I32)
    cann.run("aclnnBatchNormElemtBackward", g, both, mean, invstd, weight, sums[0], sums[1], count, out)
    torch.testing.assert_close(out, grad[0], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_an_embedding_bag_of_each_mode(cann: Cann, mode: int) -> None:
    weight, indices, offsets = torch.randn(6, 3), torch.tensor([1, 5, 2, 2, 0]), torch.tensor([0, 2, 2])
    expected = torch.ops.aten._embedding_bag(weight, indices, offsets, False, mode)
    out, bag_of, sizes = torch.empty(3, 3), torch.empty(5, dtype=I64), torch.empty(3, dtype=I64)
    largest = torch.empty(3, 3, dtype=I64)
    cann.run("aclnnEmbeddingBag", weight, indices, offsets, False, mode, False, None, False, -1,
             out, bag_of, sizes, largest)  # fmt: skip
    torch.testing.assert_close(out, expected[0])
    if mode:
        assert torch.equal(bag_of, expected[1])
    if mode == 2:
        assert torch.equal(largest, expected[3])


def test_a_split_gives_the_pieces(cann: Cann) -> None:
    pieces = [torch.empty(3, 1), torch.empty(3, 3)]
    cann.run("aclnnSplitWithSize", X, [1, 3], 1, pieces)
    assert torch.equal(torch.cat(pieces, 1), X)


@pytest.mark.parametrize("log_target", [True, False])
def test_the_gradients_of_the_divergence(cann: Cann, log_target: bool) -> None:
    target = Y.log_softmax(1) if log_target else Y.softmax(1)
    g, expected = grads(lambda x, t: F.kl_div(x, t, reduction="batchmean", log_target=log_target), X, target)
    for op, want in zip(("KlDivBackward", "KlDivTargetBackward"), expected, strict=True):
        out = torch.empty_like(X)
        cann.run(f"aclnn{op}", g / X.size(0), X, target, 2, log_target, out)
        torch.testing.assert_close(out, want)


def test_rrelu_draws_a_slope_for_each_negative_element(cann: Cann) -> None:
    x, noise, out = torch.randn(1000), torch.empty(1000), torch.empty(1000)
    cann.run("aclnnRReluWithNoise", x, noise, 0.2, 0.4, True, 7, 0, out)
    torch.testing.assert_close(out, x * noise)
    assert (noise[x > 0] == 1).all()
    assert ((noise[x <= 0] >= 0.2) & (noise[x <= 0] <= 0.4)).all()
    assert noise[x <= 0].std() > 0.04
    cann.run("aclnnRReluWithNoise", x, noise, 0.2, 0.4, False, 7, 0, out)
    torch.testing.assert_close(out, F.leaky_relu(x, 0.3))


def test_sgd_with_momentum(cann: Cann) -> None:
    p, g = X.clone(), Y.clone()
    expected = X.clone().requires_grad_()
    expected.grad = Y.clone()
    optimizer = torch.optim.SGD([expected], 0.1, momentum=0.9, weight_decay=0.01, nesterov=True)
    buffers = [torch.zeros_like(p)]
    for first in (True, False):
        optimizer.step()
        cann.run("aclnnFusedSgd", [p], [g], buffers, None, 0.01, 0.9, 0.1, 0.0, True, False, first)
    torch.testing.assert_close(p, expected.detach())
