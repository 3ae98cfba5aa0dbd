"""Kernels of csrc/ that are several of CANN's operators in a row, where CANN has none of that name."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opinfo import check_entry, compare, nothing_is_the_cpus
from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore")

#: op_db's entries whose samples these kernels compute, forward and backward, without the CPU
ENTRIES = [
    "nn.functional.multi_margin_loss",
    "nn.functional.multilabel_margin_loss",
    "nn.functional.pdist",
    "mode",
    "nextafter",
    "frexp",
    "linalg.vector_norm",
    "renorm",
]


_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


@pytest.mark.parametrize("name", ENTRIES)
def test_samples_and_their_gradients_are_those_of_the_cpu(name: str) -> None:
    check_entry(name)


@pytest.mark.parametrize("f", [torch.softmax, torch.log_softmax])
def test_gradients_of_softmax_in_float64(f: object) -> None:
    x, g = torch.randn(3, 4), torch.randn(3, 4, dtype=torch.float64)
    grads = []
    for device in ("cpu", "npu"):
        leaf = x.to(device).requires_grad_()
        assert callable(f)
        grads.append(torch.autograd.grad(f(leaf, 1, dtype=torch.float64), leaf, g.to(device))[0])
    compare(grads[1], grads[0], str(f))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_next_number_of_every_kind_of_number(dtype: torch.dtype) -> None:
    least = torch.finfo(dtype).smallest_normal / 2 ** round(-math.log2(torch.finfo(dtype).eps))
    kinds = [0.0, -0.0, 1.0, -1.0, least, -least, math.inf, -math.inf, math.nan, torch.finfo(dtype).max]
    x = torch.tensor(kinds, dtype=dtype)
    found = torch.nextafter(x.npu()[:, None], x.npu()).cpu()
    want = torch.nextafter(x[:, None], x)
    torch.testing.assert_close(found, want, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(found.signbit() & found.eq(0), want.signbit() & want.eq(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_mantissas_and_exponents(dtype: torch.dtype) -> None:
    kinds = [0.0, -0.0, 1.0, -3.5, 1e-40, -1e-45, 65504.0, math.inf, -math.inf, math.nan]
    x = torch.tensor(kinds, dtype=dtype)
    mantissa, exponent = torch.frexp(x.npu())
    m, e = torch.frexp(x)
    compare(mantissa, m, "mantissa")
    assert torch.equal(exponent.cpu()[x.isfinite()], e[x.isfinite()])
    out = torch.empty(0, dtype=dtype).npu(), torch.empty(0, dtype=torch.int32).npu()
    torch.frexp(x.npu(), out=out)
    assert torch.equal(out[1], exponent)
    with pytest.raises(RuntimeError, match="floating-point"):
        torch.frexp(torch.tensor([1]).npu())


def test_the_most_frequent_value_is_the_smallest_of_several_at_its_last_place() -> None:
    x = torch.tensor([[3, 1, 3, 1, 2], [5, 5, 4, 4, 4], [9, 8, 7, 6, 5]])
    for dtype in (torch.int64, torch.float32, torch.uint8):
        for dim, keep in ((1, False), (0, True)):
            found = torch.mode(x.to(dtype).npu(), dim, keep)
            compare(tuple(found), tuple(torch.mode(x.to(dtype), dim, keep)), "mode")
    assert torch.mode(torch.zeros(0, 3).npu(), 1).values.shape == (0,)
    with pytest.raises(IndexError):
        torch.mode(torch.zeros(0, 3).npu(), 0)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_margins_with_weights_and_labels_that_end_early(reduction: str) -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(4, 5), torch.rand(5)
    target = torch.tensor([0, 3, 4, 3])
    labels = torch.tensor([[3, 0, -1, 1, 2], [-1, 1, 1, 1, 1], [0, 1, 2, 3, 4], [2, 2, -1, 0, 0]])
    losses = []
    for device in ("cpu", "npu"):
        leaf = x.to(device).requires_grad_()
        one = F.multi_margin_loss(
            leaf, target.to(device), p=2, margin=0.7, weight=weight.to(device), reduction=reduction
        )
        other = F.multilabel_margin_loss(leaf, labels.to(device), reduction=reduction)
        together = one.sum() + other.sum()
        losses.append((one, other, *torch.autograd.grad(together, leaf)))
    compare(losses[1], losses[0], "losses")
    with pytest.raises(RuntimeError, match="p == 1 and p == 2"):
        torch._C._nn.multi_margin_loss(x.npu(), target.npu(), 3)
    with pytest.raises(RuntimeError, match="inconsistent target size"):
        F.multilabel_margin_loss(x.npu(), labels[:2].npu())


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex64])
def test_norms_of_vectors(ord: float, dtype: torch.dtype) -> None:
    x = torch.randn(3, 4, dtype=dtype)
    for dim in (None, 0, (0, 1)):
        want = torch.linalg.vector_norm(x, ord, dim)
        compare(torch.linalg.vector_norm(x.npu(), ord, dim), want, "norm")
    out: Tensor = torch.empty(0, dtype=torch.float64).npu()
    torch.linalg.vector_norm(x.npu(), ord, out=out if not dtype.is_complex else out.float())
    assert torch.linalg.vector_norm(x[:, :0].npu(), 2).item() == 0


#: op_db's entries that PyTorch composes and these kernels compose of less
COMPOSED = ["gradient", "cov", "nn.functional.cosine_embedding_loss", "nn.functional.bilinear"]


@pytest.mark.parametrize("name", COMPOSED)
def test_what_is_composed_of_less_is_the_same(name: str) -> None:
    whole = () if name == "nn.functional.bilinear" else (torch.int64, torch.bool)  # CANN multiplies no such matrices
    check_entry(name, *whole)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_short_complex_and_uneven_lines(order: int) -> None:
    torch.manual_seed(0)
    for n in (2, 3, 4, 6)[order - 1 :]:
        for x in (torch.randn(2, n), torch.randn(2, n, dtype=torch.complex64), torch.arange(2 * n).view(2, n)):
            found = torch.gradient(x.npu(), dim=1, edge_order=order)
            compare(found, torch.gradient(x, dim=1, edge_order=order), f"{n}")
    x, at = torch.randn(2, 5), torch.tensor([0.0, 1.0, 3.0, 3.5, 7.0])
    found = torch.gradient(x.npu(), spacing=(at.npu(),), dim=1, edge_order=order)
    compare(found, torch.gradient(x, spacing=(at,), dim=1, edge_order=order), "uneven")
    far = torch.tensor([1.0, float("inf"), 2.0, 5.0])
    compare(torch.gradient(far.npu()), torch.gradient(far), "infinite")


def test_derivatives_of_every_kind_come_from_the_parts() -> None:
    torch.manual_seed(0)
    x, y, tangent, labels = torch.randn(3, 4), torch.randn(3, 4), torch.randn(3, 4), torch.tensor([1, -1, 1])

    def loss(a: Tensor) -> Tensor:
        others = y.to(a.device), labels.to(a.device)
        return F.cosine_embedding_loss(a, *others, margin=0.1) + torch.gradient(a, dim=1)[0].square().sum()

    compare(torch.func.hessian(loss)(x.npu()), torch.func.hessian(loss)(x), "hessian")
    compare(torch.func.jvp(loss, (x.npu(),), (tangent.npu(),)), torch.func.jvp(loss, (x,), (tangent,)), "jvp")
    rows = torch.func.vmap(lambda a: torch.gradient(a)[0])
    compare(rows(x.npu()), rows(x), "vmap")
    with torch.inference_mode():
        compare(loss(x.npu()), loss(x), "inference")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_halves_are_rounded_once(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(64).to(dtype), torch.randn(64).to(dtype)
    found = F.huber_loss(x.npu(), y.npu(), reduction="none", delta=0.3).cpu()
    assert torch.equal(found, F.huber_loss(x.float(), y.float(), reduction="none", delta=0.3).to(dtype))
    planes, weight, grad = (torch.randn(5, 5, 5).to(dtype), torch.rand(5).to(dtype), torch.randn(5, 5, 5).to(dtype))
    wide = weight.float().requires_grad_()
    F.instance_norm(planes.float(), weight=wide).backward(grad.float())
    leaf = weight.npu().requires_grad_()
    F.instance_norm(planes.npu(), weight=leaf).backward(grad.npu())
    assert leaf.grad is not None
    assert wide.grad is not None
    torch.testing.assert_close(leaf.grad.cpu(), wide.grad.to(dtype))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16], ids=str)
def test_huber_losses_are_given_in_any_floating_dtype(dtype: torch.dtype) -> None:
    x, y = torch.randn(6), torch.randn(6)
    for reduction in range(3):
        out = torch.empty(0, dtype=dtype)
        there = torch.ops.aten.huber_loss.out(x.npu(), y.npu(), reduction, 0.5, out=out.npu())
        assert there.dtype == dtype
        compare(there, torch.ops.aten.huber_loss.out(x, y, reduction, 0.5, out=out), f"reduction {reduction}")
    with pytest.raises(RuntimeError, match="can't be cast"):
        torch.ops.aten.huber_loss.out(x.npu(), y.npu(), 0, 0.5, out=torch.empty(0, dtype=torch.int64).npu())


@pytest.mark.parametrize("density", [False, True])
def test_histograms_with_edges_weights_and_what_lies_outside(density: bool) -> None:
    x = torch.tensor([[0.0, 1.0, 1.5, 2.0], [4.0, -1.0, 5.0, float("nan")]])
    weight = torch.arange(8.0).view(2, 4)
    edges = torch.tensor([0.0, 1.0, 2.0, 4.0])
    cases: list[tuple[Any, Any, dict[str, Any]]] = [(edges, edges.npu(), {}), (3, 3, {"range": (0.0, 4.0)})]
    for bins, there, given in cases:
        for w in (None, weight):
            found = torch.histogram(x.npu(), there, weight=None if w is None else w.npu(), density=density, **given)
            compare(tuple(found), tuple(torch.histogram(x, bins, weight=w, density=density, **given)), "histogram")
    own = x[0]
    compare(tuple(torch.histogram(own.npu(), 5)), tuple(torch.histogram(own, 5)), "its own range")
    with pytest.raises(RuntimeError, match="not finite"):
        torch.histogram(x.npu(), 5)
    with pytest.raises(RuntimeError, match="bins must be > 0"):
        torch.histogram(x.npu(), 0)
    with pytest.raises(RuntimeError, match="bins must be > 0, but got 0"):  # one edge bounds no bin
        torch.histogram(x.npu(), torch.tensor([3.0]).npu())
    with pytest.raises(RuntimeError, match="min should not exceed max"):
        torch.histogram(x.npu(), 5, range=(2.0, 1.0))
