"""The kernels of csrc/ for volumes, sampling, bags of embeddings, recurrent cells and factors of matrices."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opinfo import Outcome, check, infos
from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore")

#: op_db's entries whose samples these kernels compute, forward and backward
ENTRIES = [
    "nn.functional.max_pool3d",
    "nn.functional.adaptive_avg_pool3d",
    "nn.functional.max_unpool2d",
    "nn.functional.max_unpool3d",
    "nn.functional.grid_sample",
    "nn.functional.embedding_bag",
    "nn.functional.multilabel_margin_loss",
    "nn.functional.ctc_loss",
    "linalg.svdvals",
    "linalg.solve_triangular",
]


@pytest.mark.parametrize("name", ENTRIES)
def test_samples_and_their_gradients_are_those_of_the_cpu(name: str) -> None:
    outcome = Outcome()
    for info in infos(name):
        backward = name != "nn.functional.multilabel_margin_loss"  # CANN has no gradient of it
        check(info, torch.float32, backward, outcome)
    assert outcome.ran


def both(f: Callable[..., Any], *inputs: Tensor) -> None:
    """f's results and gradients on both devices."""
    found = []
    for device in ("cpu", "npu"):
        leaves = [t.detach().to(device).requires_grad_() for t in inputs]
        out = f(*leaves)
        grads = torch.autograd.grad(out.sum() if out.dim() else out, leaves)
        found.append([t.detach().cpu() for t in (out, *grads)])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(b, a, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("bias", [True, False])
def test_a_recurrent_layer_of_two_directions(layer: Any, bias: bool) -> None:
    torch.manual_seed(0)
    net = layer(4, 5, num_layers=2, bidirectional=True, bias=bias)
    x = torch.randn(6, 3, 4)
    want, state = net(x)
    want.square().sum().backward()
    expected = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    net = net.npu()
    got, got_state = net(x.npu())
    got.square().sum().backward()
    torch.testing.assert_close(got.cpu(), want, rtol=1e-4, atol=1e-5)
    for a, b in zip(net.parameters(), expected, strict=True):
        assert a.grad is not None
        torch.testing.assert_close(a.grad.cpu(), b, rtol=1e-3, atol=1e-4)
    one, other = (s if isinstance(s, Tensor) else s[1] for s in (got_state, state))
    torch.testing.assert_close(one.cpu(), other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_a_recurrent_layer_in_a_dtype_that_the_fused_cell_lacks(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net, x = torch.nn.LSTM(4, 5, proj_size=3, dtype=dtype), torch.randn(3, 2, 4, dtype=dtype)
    found = []
    for device in ("cpu", "npu"):
        there = copy.deepcopy(net).to(device)
        out, (hidden, cell) = there(x.to(device))
        grads = torch.autograd.grad(out.square().sum() + cell.sum(), list(there.parameters()))
        found.append([t.detach().cpu() for t in (out, hidden, cell, *grads)])
    tolerance = 4e-2 if dtype == torch.bfloat16 else 1e-7
    for mine, theirs in zip(*reversed(found), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("cell", [torch.nn.LSTMCell, torch.nn.GRUCell])
def test_derivatives_forward_and_of_the_second_order_of_a_recurrent_cell(cell: Any) -> None:
    torch.manual_seed(0)
    net, x, tangent = cell(4, 5), torch.randn(2, 4), torch.randn(2, 4)
    there = copy.deepcopy(net).npu()

    def state(net: torch.nn.Module, x: Tensor) -> Tensor:
        out = net(x)
        return out if isinstance(out, Tensor) else out[0] + out[1]

    here, npu = functools.partial(state, net), functools.partial(state, there)
    for mine, theirs in zip(
        torch.func.jvp(npu, (x.npu(),), (tangent.npu(),)), torch.func.jvp(here, (x,), (tangent,)), strict=True
    ):
        torch.testing.assert_close(mine.cpu(), theirs)
    for second in (torch.func.hessian, lambda f: torch.func.jacrev(torch.func.jacrev(f))):
        mine, theirs = second(lambda x: npu(x).sum())(x.npu()), second(lambda x: here(x).sum())(x)
        torch.testing.assert_close(mine.cpu(), theirs)


@pytest.mark.parametrize("full", [True, False])
def test_singular_values_and_vectors_make_the_matrix_again(full: bool) -> None:
    torch.manual_seed(0)
    a = torch.randn(2, 3, 5)
    u, s, vh = torch.linalg.svd(a.npu(), full_matrices=full)
    assert (u.shape, vh.shape) == ((2, 3, 3), (2, 5, 5) if full else (2, 3, 5))
    made = u @ torch.diag_embed(s) @ vh[:, :3]
    torch.testing.assert_close(made.cpu(), a, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("view", [torch.conj, torch.adjoint])
@pytest.mark.parametrize("left", [False, True])
def test_a_triangular_system_of_a_conjugated_view(view: Callable[[Tensor], Tensor], left: bool) -> None:
    torch.manual_seed(1)
    a = torch.randn(3, 3, dtype=torch.complex64).triu() + 3 * torch.eye(3)
    b = torch.randn(3, 3, dtype=torch.complex64)
    upper = view is torch.conj
    want = torch.linalg.solve_triangular(view(a), b.conj(), upper=upper, left=left)
    found = torch.linalg.solve_triangular(view(a.npu()), b.npu().conj(), upper=upper, left=left)
    torch.testing.assert_close(found.cpu(), want)


def test_batch_norm_in_steps_is_batch_norm() -> None:
    torch.manual_seed(0)
    x, g = torch.randn(4, 3, 5, 5), torch.randn(4, 3, 5, 5)
    w, b = torch.rand(3), torch.rand(3)
    leaf = x.clone().requires_grad_()
    running = torch.zeros(3), torch.ones(3)
    want = F.batch_norm(leaf, *running, w, b, True, 0.1, 1e-5)
    (grad,) = torch.autograd.grad(want, leaf, g)
    there, stats = x.npu(), [torch.batch_norm_stats(t.npu(), 1e-5) for t in x.split(2)]
    mean, invstd = (torch.stack(s) for s in zip(*stats, strict=True))
    kept = torch.zeros(3).npu(), torch.ones(3).npu()
    counts = torch.tensor([50.0, 50.0]).npu()
    mean, invstd = torch.batch_norm_gather_stats_with_counts(there, mean, invstd, *kept, 0.1, 1e-5, counts)
    out = torch.batch_norm_elemt(there, w.npu(), b.npu(), mean, invstd, 1e-5)
    torch.testing.assert_close(out.cpu(), want.detach(), rtol=1e-4, atol=1e-5)
    for a, e in zip(kept, running, strict=True):
        torch.testing.assert_close(a.cpu(), e, rtol=1e-4, atol=1e-5)
    sums = torch.batch_norm_backward_reduce(g.npu(), there, mean, invstd, w.npu(), True, True, True)
    torch.testing.assert_close(sums[3].cpu(), g.sum((0, 2, 3)), rtol=1e-4, atol=1e-4)
    got = torch.batch_norm_backward_elemt(
        g.npu(), there, mean, invstd, w.npu(), sums[0], sums[1], torch.tensor([50, 50], dtype=torch.int32).npu()
    )
    torch.testing.assert_close(got.cpu(), grad, rtol=1e-3, atol=1e-5)


def test_a_bag_of_weighted_embeddings() -> None:
    torch.manual_seed(0)
    indices, offsets = torch.tensor([1, 4, 4, 0, 2]), torch.tensor([0, 2, 2])

    def bag(weight: Tensor, each: Tensor) -> Tensor:
        at = weight.device
        return F.embedding_bag(indices.to(at), weight, offsets.to(at), mode="sum", per_sample_weights=each)

    both(bag, torch.randn(5, 3), torch.rand(5))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "f",
    [
        torch.linalg.svdvals,
        torch.linalg.svd,
        torch.linalg.pinv,
        torch.linalg.matrix_rank,
        lambda x: torch.linalg.matrix_norm(x, 2),
    ],
)
def test_singular_values_of_what_is_not_finite_are_refused(f: Callable[[Tensor], object], number: float) -> None:
    x = torch.eye(3).repeat(2, 1, 1)
    x[1, 0, 2] = number
    with pytest.raises(torch.linalg.LinAlgError, match=r"linalg.svd: \(Batch element 1\): .* non-finite"):
        f(x.npu())
    f(x[0].npu())  # the device goes on


def test_products_of_int8_are_exact_however_long() -> None:
    a, b = torch.full((2, 5000), -128, dtype=torch.int8), torch.full((5000, 3), -128, dtype=torch.int8)
    b[:, 1] = torch.arange(5000) % 256 - 128
    got = torch._int_mm(a.npu(), b.npu())
    assert got.dtype == torch.int32
    assert torch.equal(got.cpu(), torch._int_mm(a, b))
    with pytest.raises(RuntimeError, match="Expected mat2 dtype to be of type int8"):
        torch._int_mm(a.npu(), b.int().npu())


def test_tangents_of_gated_linear_units_are_the_cpus() -> None:
    aten, (g, x, dg, dx) = torch.ops.aten, (torch.randn(3, n) for n in (2, 4, 2, 4))
    out = F.glu(x)
    calls: tuple[Callable[..., torch.Tensor], ...] = (
        lambda out, g, x, dg, dx: aten.glu_jvp(out, x, dx, 1),
        lambda out, g, x, dg, dx: aten.glu_backward_jvp(aten.glu_backward(g, x, 1), g, x, dg, dx, 1),
    )
    for f in calls:
        given = (out, g, x, dg, dx)
        torch.testing.assert_close(f(*(t.npu() for t in given)).cpu(), f(*given), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("int32", [True, False])
def test_rows_of_a_sparse_matrix_begin_where_the_cpu_says(int32: bool) -> None:
    rows = torch.tensor([0, 0, 2, 2, 2, 5])
    want, got = (torch._convert_indices_from_coo_to_csr(r, 7, out_int32=int32) for r in (rows, rows.npu()))
    assert got.dtype == want.dtype
    assert got.tolist() == want.tolist()


def test_refusals_name_what_is_wrong() -> None:
    image = torch.randn(1, 2, 4, 4).npu()
    with pytest.raises(RuntimeError, match="output_size"):
        torch.ops.aten.max_unpool2d(image, torch.zeros(1, 2, 4, 4, dtype=torch.int64).npu(), [8])
    with pytest.raises(RuntimeError, match="int64"):
        torch.ops.aten.max_unpool2d(image, image, [8, 8])
    scores, labels = torch.randn(4, 1, 3).npu(), torch.zeros(1, 2, dtype=torch.int64).npu()
    with pytest.raises(RuntimeError, match="blank"):
        F.ctc_loss(scores, labels, torch.tensor([4]), torch.tensor([2]), blank=7)
