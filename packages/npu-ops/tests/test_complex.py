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


def test_moduli_of_extreme_numbers() -> None:
    parts = torch.tensor([0.0, 3e-160, -1e-310, 2.0, 1e160, -1e308, INF, NAN], dtype=torch.float64)
    real, imag = torch.meshgrid(parts, parts, indexing="ij")
    z = torch.complex(real, imag)
    torch.testing.assert_close(z.npu().abs().cpu(), z.abs(), rtol=1e-14, atol=1e-307, equal_nan=True)


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
