"""Second derivatives in halves: PyTorch's formulas of them in float32, rounded at the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from opinfo import nothing_is_the_cpus
from torch import Tensor

_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


def image(*sizes: int) -> Tensor:
    return torch.randn(2, 3, *sizes)


def sampled(x: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(x, grid, align_corners=False)


CALLS: dict[str, tuple[Callable[..., Tensor], Callable[[], tuple[Tensor, ...]]]] = {
    "grid_sample": (sampled, lambda: (image(5, 6), torch.rand(2, 4, 4, 2) * 2 - 1)),
    "grid_sample of volumes": (sampled, lambda: (image(4, 5, 6), torch.rand(2, 3, 3, 3, 3) * 2 - 1)),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        lambda: (image(7), torch.randn(3), torch.randn(3)),
    ),
    "batch_norm without weights": (lambda x: F.batch_norm(x, None, None, training=True), lambda: (image(7),)),
    "instance_norm": (
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        lambda: (image(7), torch.randn(3), torch.randn(3)),
    ),
}


def second(f: Callable[..., Tensor], leaves: list[Tensor]) -> list[Tensor]:
    """The gradients of the gradients, each weighted."""
    generator = torch.Generator().manual_seed(3)

    def weights(results: list[Tensor]) -> list[Tensor]:
        return [torch.randn(t.shape, generator=generator).half().to(t) for t in results]

    leaves = [t.requires_grad_() for t in leaves]
    out = f(*leaves)
    first = list(torch.autograd.grad([out], leaves, weights([out]), create_graph=True))
    found: tuple[Tensor | None, ...] = torch.autograd.grad(first, leaves, weights(first), allow_unused=True)
    return [t for t in found if t is not None]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", CALLS)
def test_second_derivatives_are_those_of_float32_but_for_one_rounding(name: str, dtype: torch.dtype) -> None:
    f, make = CALLS[name]
    torch.manual_seed(0)
    leaves = [t.to(dtype) for t in make()]
    found = second(f, [t.npu() for t in leaves])
    exact = second(f, [t.double() for t in leaves])
    assert len(found) == len(exact) > 0
    for ours, truth in zip(found, exact, strict=True):
        assert ours.dtype == dtype
        off = (ours.cpu().double() - truth).abs().max() / truth.abs().max()
        assert off < 4 * torch.finfo(dtype).eps, f"{off / torch.finfo(dtype).eps} units of {dtype}"


def test_first_derivatives_that_may_be_derived_again_come_in_halves() -> None:
    x = torch.randn(2, 3, 5, 6).half().npu().requires_grad_()
    grid = torch.rand(2, 4, 4, 2).half().npu()
    (grad,) = torch.autograd.grad(sampled(x, grid).sum(), x, create_graph=True)
    assert grad.dtype == torch.float16
    assert grad.requires_grad
    (plain,) = torch.autograd.grad(sampled(x, grid).sum(), x)
    torch.testing.assert_close(grad.detach(), plain, rtol=2e-3, atol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_compiled_as_eager() -> None:
    x, grid = torch.randn(2, 3, 5, 6).half().npu(), torch.rand(2, 4, 4, 2).half().npu()

    def slope(x: Tensor) -> Tensor:
        (grad,) = torch.autograd.grad(sampled(x, grid).square().sum(), x, create_graph=True)
        return grad.square().sum()

    x.requires_grad_()
    compiled = torch.compile(slope, backend="aot_eager")(x)
    assert torch.equal(compiled, slope(x))
