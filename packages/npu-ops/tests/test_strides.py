"""Strides of results are those that torch's fake kernels foretell: compiled code relies on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

DIMS = ((-1,), (0,), (1,), (0, 1), (1, 2), (0, 1, 2), (0, 2))
ORDERS: dict[str, Callable[[Tensor], Tensor]] = {
    "rows": lambda t: t,
    "columns": lambda t: t.mT.contiguous().mT,
    "reversed": lambda t: t.permute(2, 1, 0).contiguous().permute(2, 1, 0),
    "expanded": lambda t: t[:1].expand(t.shape),
}


def made(order: str, *sizes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    n = torch.Size(sizes).numel()
    return ORDERS[order](torch.linspace(-1, 1, n, device="npu").sin().reshape(sizes).to(dtype))


def strides(call: Callable[[], Any]) -> list[tuple[int, ...]]:
    found = call()
    return [t.stride() for t in (found if isinstance(found, tuple) else (found,))]


def foretold(call: Callable[[], Any]) -> None:
    real = strides(call)
    with FakeTensorMode():
        assert strides(call) == real


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dims", DIMS, ids=str)
def test_transforms(order: str, dims: tuple[int, ...]) -> None:
    half = torch.complex64
    foretold(lambda: torch.fft.fftn(made(order, 3, 4, 5, dtype=half), dim=dims))
    foretold(lambda: torch.fft.fftn(made(order, 3, 4, 5), dim=dims))
    foretold(lambda: torch.fft.ifftn(made(order, 3, 4, 5, dtype=half), dim=dims, norm="ortho"))
    foretold(lambda: torch.fft.rfftn(made(order, 3, 4, 5), dim=dims))
    foretold(lambda: torch.fft.irfftn(made(order, 3, 4, 5, dtype=half), dim=dims))
    x = made(order, 3, 4, 5)
    torch.testing.assert_close(torch.fft.rfftn(x, dim=dims).cpu(), torch.fft.rfftn(x.cpu(), dim=dims))
    c = torch.fft.fftn(x, dim=dims)
    torch.testing.assert_close(torch.fft.irfftn(c, dim=dims).cpu(), torch.fft.irfftn(c.cpu(), dim=dims))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("upper", [False, True], ids=["lower", "upper"])
@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
def test_triangular_systems(order: str, upper: bool, left: bool) -> None:
    def factor() -> Tensor:
        return made(order, 3, 4, 4) + 3 * torch.eye(4, device="npu")

    foretold(lambda: torch.linalg.solve_triangular(factor(), made(order, 3, 4, 4), upper=upper, left=left))
    foretold(lambda: torch.linalg.solve_triangular(factor()[0], made(order, 3, 4, 4), upper=upper, left=left))
    foretold(lambda: torch.cholesky_solve(made(order, 3, 4, 2), factor(), upper))
    foretold(lambda: torch.cholesky_solve(made(order, 3, 4, 2)[0], factor()[0], upper))
    foretold(lambda: torch.cholesky_inverse(factor(), upper))


@pytest.mark.parametrize("order", ORDERS)
def test_systems_and_determinants(order: str) -> None:
    def matrices() -> Tensor:
        return made(order, 3, 4, 4) + 3 * torch.eye(4, device="npu")

    def numbers(op: Any) -> tuple[Tensor, ...]:  # not the pivots, which stand for factors that there are none of
        return tuple(t for t in op(matrices()) if t.dtype.is_floating_point)

    foretold(lambda: torch.linalg.solve(matrices(), made(order, 3, 4, 4)))
    foretold(lambda: torch.linalg.solve(matrices(), made(order, 3, 4, 4), left=False))
    foretold(lambda: torch.linalg.solve(matrices(), made("rows", 3, 4)))
    foretold(lambda: torch.linalg.inv_ex(matrices()))
    foretold(lambda: numbers(torch.ops.aten._linalg_det))
    foretold(lambda: numbers(torch.ops.aten._linalg_slogdet))


def test_compiled_transforms_and_systems_are_the_eager_ones() -> None:
    def f(x: Tensor) -> tuple[Tensor, Tensor]:
        spectrum = torch.fft.rfftn(x, dim=(0, 1))
        rows = torch.linalg.solve_triangular(x[0, :3, :3].tril() + torch.eye(3, device=x.device), x[0, :3], upper=False)
        return torch.view_as_real(spectrum).permute(2, 0, 1, 3).reshape(-1), rows.mT.reshape(-1)

    x = made("rows", 3, 4, 5)
    compiled = torch.compile(f, backend="aot_eager")
    for found, expected in zip(compiled(x), f(x), strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("other", ORDERS)
def test_losses_of_every_element(order: str, other: str) -> None:
    def loss() -> Tensor:
        x, y = made(order, 3, 4, 5), made(other, 3, 4, 5).sigmoid()
        return torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none")

    foretold(loss)
