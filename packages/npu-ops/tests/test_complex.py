"""Complex numbers: products of matrices however they lie, and which numbers are close."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from opinfo import nothing_is_the_cpus
from torch import Tensor

_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)

INF, NAN = float("inf"), float("nan")
#: A matrix as it is, or one of which it is a view.
VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "rows": lambda t: t,
    "columns": lambda t: t.mT.contiguous().mT,
    "conjugated rows": lambda t: t.conj(),
    "conjugated columns": lambda t: t.mT.contiguous().mH,
    "every other": lambda t: t.repeat_interleave(2, -1)[..., ::2],
}


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found.cpu(), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(VIEWS, VIEWS)))
def test_products_of_matrices_however_they_lie(one: str, other: str) -> None:
    torch.manual_seed(0)
    for batch in ((), (3,)):
        a, b = torch.randn(*batch, 4, 5, dtype=torch.complex64), torch.randn(*batch, 5, 6, dtype=torch.complex64)
        wanted = VIEWS[one](a) @ VIEWS[other](b)
        left, right = VIEWS[one](a.npu()), VIEWS[other](b.npu())
        close(left @ right, wanted)
        out = torch.zeros(*batch, 6, 4, dtype=torch.complex64).npu().mT
        close(torch.matmul(left, right, out=out), wanted)


@pytest.mark.parametrize(
    ("one", "other"), [("rows", "conjugated rows"), ("conjugated columns", "rows"), ("rows", "rows")]
)
def test_products_are_written_to_matrices_that_conjugate(one: str, other: str) -> None:
    torch.manual_seed(0)
    a, b = torch.randn(3, 4, 5, dtype=torch.complex64), torch.randn(3, 5, 6, dtype=torch.complex64)
    c = torch.randn(3, 4, 6, dtype=torch.complex64)

    def found(device: str) -> list[Tensor]:
        left, right, added = VIEWS[one](a.to(device)), VIEWS[other](b.to(device)), c.to(device)
        calls: list[tuple[Callable[..., Tensor], tuple[Tensor, ...], dict[str, Any]]] = [
            (torch.mm, (left[0], right[0]), {}),
            (torch.bmm, (left, right), {}),
            (torch.matmul, (left, right), {}),
            (torch.mv, (left[0], right[0, :, 0]), {}),
        ]
        for scaled in ({}, {"beta": 0, "alpha": 1}, {"beta": 0, "alpha": 2j}, {"beta": 3j, "alpha": 1 - 2j}):
            for self in (added, added.conj()):
                calls.append((torch.addmm, (self[0], left[0], right[0]), scaled))
                calls.append((torch.baddbmm, (self, left, right), scaled))
                calls.append((torch.addbmm, (self[0], left, right), scaled))
                calls.append((torch.addmv, (self[0, :, 0], left[0], right[0, :, 0]), scaled))
        results = []
        for f, args, given in calls:
            written = torch.zeros_like(f(*args, **given))
            f(*args, **given, out=written.conj())
            results.append(written)
        into = added.clone()
        into.conj().baddbmm_(left, right, alpha=2j)
        into[0].conj().addmm_(left[0], right[0], beta=2j)
        return [*results, into]

    for result, wanted in zip(found("npu"), found("cpu"), strict=True):
        assert not wanted.is_conj()
        close(result, wanted)


@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("dtype", [torch.complex32, torch.complex64, torch.complex128], ids=str)
def test_conjugated_numbers_are_read_as_on_the_cpu(dtype: torch.dtype) -> None:
    z = torch.tensor([1 + 2j, 3 - 1j, complex(0, INF)]).to(dtype)
    calls: list[Callable[[Tensor], Tensor]] = [
        lambda t: t.conj().resolve_conj(),
        lambda t: t.conj().clone(),
        lambda t: t.conj().cpu().resolve_conj(),
        lambda t: t.conj()[:2] + t[:2],
        lambda t: torch.conj_physical(t),
    ]
    for f in calls:
        found, wanted = f(z.npu()).cpu().resolve_conj(), f(z).resolve_conj()
        assert torch.equal(torch.view_as_real(found), torch.view_as_real(wanted))
    assert repr(z.npu().conj()).replace(", device='npu:0'", "") == repr(z.conj())
    if dtype == torch.complex32:
        torch.npu.reset_fallback_report()  # CANN adds none of these


@pytest.mark.parametrize("sizes", [(1, 1, 1), (1, 5, 1), (4, 1, 6), (0, 3, 2), (2, 0, 3)])
def test_products_of_thin_and_empty_matrices(sizes: tuple[int, int, int]) -> None:
    m, k, n = sizes
    a, b = torch.randn(m, k, dtype=torch.complex64), torch.randn(k, n, dtype=torch.complex64)
    close(a.npu() @ b.npu(), a @ b)
    close(a.npu().conj() @ b.npu().conj(), a.conj() @ b.conj())
    c = torch.randn(m, n, dtype=torch.complex64)
    close(torch.addmm(c.npu(), a.npu(), b.npu(), beta=2, alpha=1 - 2j), torch.addmm(c, a, b, beta=2, alpha=1 - 2j))


def numbers(dtype: torch.dtype) -> Tensor:
    parts = torch.tensor([0.0, -1.0, 1e-9, 1.0 + 1e-6, 1e38, INF, -INF, NAN])
    if not dtype.is_complex:
        return parts.to(dtype)
    real, imag = torch.meshgrid(parts, parts, indexing="ij")
    return torch.complex(real, imag).reshape(-1).to(dtype)


#: What may be asked of close numbers.
GIVEN: list[dict[str, Any]] = [
    {},
    {"equal_nan": True},
    {"rtol": 0.0, "atol": 1.0},
    {"rtol": 0.5},
    {"rtol": 0.0, "atol": 0.0},
]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.complex128]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_numbers_are_as_close_as_on_the_cpu(dtype: torch.dtype) -> None:
    x = numbers(dtype)
    for y, given in itertools.product(
        (x, x + 1e-7, x * (1 + 1e-5), x.new_zeros(()), -x),
        GIVEN,
    ):
        one, other = (x[:, None], y[None]) if y.dim() else (x, y)
        assert torch.equal(torch.isclose(one.npu(), other.npu(), **given).cpu(), torch.isclose(one, other, **given))


def test_close_numbers_that_want_a_gradient_have_none() -> None:
    for dtype in (torch.float32, torch.complex128):
        x = torch.ones(2, dtype=dtype).npu().requires_grad_()
        assert not torch.isclose(x, x).requires_grad
        assert torch.allclose(x, x.detach())
    with pytest.raises(RuntimeError, match="rtol"):
        torch.isclose(torch.ones(1).npu(), torch.ones(1).npu(), rtol=-1.0)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.complex128], ids=str)
def test_close_numbers_under_vmap_and_grad(dtype: torch.dtype) -> None:
    x = torch.tensor([[1.0, 2.0, NAN], [INF, 0.0, 1.0]], dtype=dtype)

    def distance(one: Tensor, other: Tensor) -> Tensor:
        return (torch.isclose(one, other) * one.abs()).sum()

    for f in (
        torch.vmap(torch.func.grad(distance)),
        torch.func.grad(lambda a, b: torch.vmap(distance)(a, b).sum()),
        torch.vmap(distance),
        torch.vmap(torch.isclose),
        torch.vmap(torch.isclose, in_dims=(0, None)),
    ):
        for y in (x, x + 1):
            torch.testing.assert_close(f(x.npu(), y.npu()).cpu(), f(x, y), equal_nan=True)


def test_moduli_of_extreme_numbers() -> None:
    parts = torch.tensor([0.0, 3e-160, -1e-310, 5e-324, 2.5e-308, 2.0, 1e160, -1e308, INF, NAN], dtype=torch.float64)
    real, imag = torch.meshgrid(parts, parts, indexing="ij")
    z = torch.complex(real, imag)
    torch.testing.assert_close(z.npu().abs().cpu(), z.abs(), rtol=1e-14, atol=1e-323, equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("value", [NAN, INF, -INF])
def test_matrices_that_are_not_finite_have_no_singular_values(dtype: torch.dtype, value: float) -> None:
    a = torch.randn(2, 3, 4).to(dtype)
    torch.linalg.svdvals(a.npu() * 1e30)  # sums and squares of these are infinite, they are not
    a[1, 2, 3] = torch.tensor(complex(0, value)) if dtype.is_complex else value
    with pytest.raises(torch.linalg.LinAlgError, match=r"\(Batch element 1\)"):
        torch.linalg.svd(a.npu())
    with pytest.raises(torch.linalg.LinAlgError):
        torch.linalg.svd(a[1].npu())
