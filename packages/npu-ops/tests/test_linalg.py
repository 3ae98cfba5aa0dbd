"""Inverses, determinants and solutions, with matrices that have none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from opinfo import check_entry, nothing_is_the_cpus
from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore")

#: op_db's entries whose samples these kernels compute, forward and backward, without the CPU
ENTRIES = [
    "linalg.inv_ex",
    "linalg.det",
    "linalg.slogdet",
    "linalg.solve",
    "linalg.tensorsolve",
    "lu_solve",
    "lu_unpack",
    "cholesky_solve",
    "cholesky_inverse",
]
INF, NAN = float("inf"), float("nan")
SINGULAR = torch.tensor([[[2.0, 1.0], [1.0, 3.0]], [[1.0, 2.0], [2.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]])


_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


@pytest.mark.parametrize("name", ENTRIES)
def test_samples_and_their_gradients_are_those_of_the_cpu(name: str) -> None:
    check_entry(name)


@pytest.mark.parametrize("f", [lambda a: torch.linalg.solve(a, a), torch.cholesky_inverse])
def test_autocast_leaves_what_is_solved_in_float32(f: Callable[[Tensor], Tensor]) -> None:
    a = torch.tensor([[2.0, 0.0], [1.0, 3.0]])
    with torch.autocast("npu", dtype=torch.float16):
        found = f(a.npu())
    torch.testing.assert_close(found.cpu(), f(a))


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found.detach().cpu(), wanted.detach(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("f", [torch.linalg.inv, torch.linalg.det, lambda a: torch.linalg.slogdet(a)[1]])
@pytest.mark.parametrize("view", [lambda a: a, lambda a: a.mT, lambda a: a[..., ::2, ::2]])
def test_gradients_of_any_order_in_memory(f: Callable[[Tensor], Tensor], view: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    a = torch.randn(2, 6, 6)
    results = []
    for device in ("cpu", "npu"):
        leaf = a.to(device).requires_grad_()
        out = f(view(leaf))
        (grad,) = torch.autograd.grad(out.sin().sum(), leaf, create_graph=True)
        results.append((out, grad, *torch.autograd.grad(grad.sin().sum(), leaf)))
    for found, wanted in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found.detach().cpu(), wanted.detach(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(
    "matrix",
    [[[0.0, 1e-6], [1e-6, 0.0]], [[0.0, 2.0], [3.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]],
)
def test_gradients_of_determinants_with_zeros_on_the_diagonal_are_those_of_the_cpu(matrix: list[list[float]]) -> None:
    def grad(device: str) -> Tensor:
        a = torch.tensor(matrix, device=device, requires_grad=True)
        torch.linalg.det(a).backward()
        assert a.grad is not None
        return a.grad.cpu()

    torch.testing.assert_close(grad("npu"), grad("cpu"), rtol=1e-4, atol=1e-11)


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0, 1.0], [1.0, 1.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [0.0, 0.0]],
        [[0.0, 2.0, 3.0], [0.0, 4.0, 7.0], [0.0, 0.0, 1.0]],  # rounding leaves some number where a zero should be
        [[0.0]],
    ],
)
def test_gradients_of_logarithms_of_no_determinant_are_as_finite_as_those_of_the_cpu(matrix: list[list[float]]) -> None:
    def grad(device: str, regular: bool) -> Tensor:
        both = [matrix, torch.eye(len(matrix)).mul(2).tolist()] if regular else matrix
        a = torch.tensor(both, device=device, requires_grad=True)
        torch.linalg.slogdet(a)[1].sum().backward()
        assert a.grad is not None
        return a.grad.cpu()

    for regular in (False, True):
        found, wanted = grad("npu", regular), grad("cpu", regular)
        assert torch.equal(found.isfinite(), wanted.isfinite())
        torch.testing.assert_close(found[found.isfinite()], wanted[wanted.isfinite()])


@pytest.mark.parametrize("left", [True, False])
def test_systems_of_transposed_and_broadcast_matrices(left: bool) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(3, 1, 4, 4), torch.randn(2, 4, 4)
    for one in (a, a.mT):
        results = []
        for device in ("cpu", "npu"):
            leaves = [t.to(device).requires_grad_() for t in (one, b)]
            x = torch.linalg.solve(leaves[0], leaves[1], left=left)
            results.append((x, *torch.autograd.grad(x.sin().sum(), leaves)))
        for found, wanted in zip(results[1], results[0], strict=True):
            torch.testing.assert_close(found.detach().cpu(), wanted.detach(), rtol=1e-3, atol=1e-3)


def test_singular_matrices_are_told_of_and_the_others_inverted() -> None:
    inverse, info = torch.linalg.inv_ex(SINGULAR.npu())
    assert info.cpu().bool().tolist() == [False, True, False]
    close(inverse[::2], torch.linalg.inv(SINGULAR[::2]))
    solution, info = torch.linalg.solve_ex(SINGULAR.npu(), SINGULAR.npu())
    assert info.cpu().bool().tolist() == [False, True, False]
    close(solution[::2], torch.eye(2).expand(2, 2, 2))
    close(torch.linalg.det(SINGULAR.npu()), torch.tensor([5.0, 0.0, -1.0]))
    for f in (torch.linalg.inv, lambda a: torch.linalg.solve(a, a), lambda a: torch.linalg.matrix_power(a, -2)):
        with pytest.raises(torch.linalg.LinAlgError, match="singular"):
            f(SINGULAR.npu())
    with pytest.raises(torch.linalg.LinAlgError):
        torch.linalg.inv_ex(SINGULAR.npu(), check_errors=True)


@pytest.mark.parametrize(
    "matrix",
    [
        [[INF, 0.0], [0.0, 0.0]],
        [[0.0, 0.0], [0.0, -INF]],
        [[INF, 1.0], [1.0, 0.0]],
        [[-INF, 0.0, 0.0], [0.0, INF, 0.0], [0.0, 0.0, 0.0]],
        [[INF, 0.0], [0.0, 2.0]],
        [[1.0, INF], [1.0, -INF]],
        [[1.0, 0.0], [INF, 1.0]],
        [[NAN, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [0.0, NAN]],
        [[INF]],
        [[NAN]],
        [[3e38, 3e38], [3e38, 3e38]],
    ],
)
def test_matrices_that_are_not_finite_are_as_singular_as_on_the_cpu(matrix: list[list[float]]) -> None:
    a = torch.tensor(matrix)
    batch = torch.stack([a, torch.eye(len(a)) * 2])
    for one in (a, a.mT.contiguous().mT, batch):
        wanted, info = torch.linalg.inv_ex(one)
        found, told = torch.linalg.inv_ex(one.npu())
        assert torch.equal(told.cpu().bool(), info.bool())
        fine = (info == 0)[..., None, None].expand_as(wanted)
        torch.testing.assert_close(found.cpu()[fine], wanted[fine], equal_nan=True)
        _, told = torch.linalg.solve_ex(one.npu(), one.npu())
        assert torch.equal(told.cpu().bool(), torch.linalg.solve_ex(one, one)[1].bool())
        if info.any():
            for f in (torch.linalg.inv, lambda t: torch.linalg.solve(t, t)):
                with pytest.raises(torch.linalg.LinAlgError, match="singular"):
                    f(one.npu())
    assert (torch.ones(2).npu() + 1).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("matrix", [[[INF, INF], [INF, INF]], [[INF, INF], [1.0, 1.0]], [[1.0, INF], [0.0, 1.0]]])
def test_matrices_in_which_infinities_leave_no_pivot_are_singular_and_harm_nothing(matrix: list[list[float]]) -> None:
    a = torch.tensor(matrix).npu()
    inverse, info = torch.linalg.inv_ex(a)
    assert inverse.isnan().all()
    assert info == 2
    with pytest.raises(torch.linalg.LinAlgError, match="singular"):
        torch.linalg.solve(a, a)
    assert (torch.ones(2).npu() + 1).tolist() == [2.0, 2.0]


def test_matrices_that_rounding_makes_singular_are_the_cpus() -> None:
    torch.manual_seed(0)
    a = torch.randint(-9, 9, (200, 3, 3)).float() / 7
    a[:, 2] = a[:, 0] * 3 - a[:, 1] * 1.7
    for one in (a, a.mT.contiguous().mT):
        wanted = torch.linalg.inv_ex(one)[1].bool()
        assert 0 < wanted.sum() < len(a)
        assert torch.equal(torch.linalg.inv_ex(one.npu())[1].cpu().bool(), wanted)
        wanted = torch.linalg.solve_ex(one, one)[1].bool()
        assert torch.equal(torch.linalg.solve_ex(one.npu(), one.npu())[1].cpu().bool(), wanted)


def test_pivots_of_many_swaps_and_of_copied_stand_ins() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(2, 37, 37), torch.randn(2, 37, 3)
    lu, pivots = torch.linalg.lu_factor(a)
    for found, wanted in zip(torch.lu_unpack(lu.npu(), pivots.npu()), torch.lu_unpack(lu, pivots), strict=True):
        assert torch.equal(found.cpu(), wanted)
    x = torch.linalg.lu_solve(lu.npu(), pivots.npu(), b.npu(), adjoint=True)
    torch.testing.assert_close(x.cpu(), torch.linalg.lu_solve(lu, pivots, b, adjoint=True), rtol=1e-3, atol=1e-3)
    with torch.autograd.graph.save_on_cpu():
        leaf = a.npu().requires_grad_()
        value = torch.linalg.slogdet(leaf)[1].sum()
    (grad,) = torch.autograd.grad(value, leaf)
    torch.testing.assert_close(grad.cpu(), torch.linalg.inv(a).mT, rtol=1e-3, atol=1e-3)


def test_out_and_empty_and_refused() -> None:
    a = torch.randn(3, 3).npu()
    out = torch.empty(0).npu()
    torch.linalg.inv(a, out=out)
    close(out @ a, torch.eye(3))
    torch.linalg.det(a, out=out)
    close(out, torch.linalg.det(a.cpu()))
    assert torch.linalg.det(torch.empty(2, 0, 0).npu()).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="square"):
        torch.linalg.inv(torch.randn(2, 3).npu())
    with pytest.raises(RuntimeError, match="same dtype"):
        torch.linalg.solve(a, a.double())
