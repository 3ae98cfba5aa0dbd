"""Dtypes that CANN's operators do not take and others make up for, against the CPU; none of it on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from opinfo import nothing_is_the_cpus
from torch.nn import functional as F

I64, C64, BF16 = torch.int64, torch.complex64, torch.bfloat16


_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


def numbers(*sizes: int, dtype: torch.dtype = I64, span: int = 50, seed: int = 0) -> torch.Tensor:
    made = torch.Generator().manual_seed(seed)
    if dtype.is_complex:
        return torch.randn(*sizes, dtype=dtype, generator=made)
    return torch.randint(-span, span, sizes, dtype=dtype, generator=made)


def same(call: Callable[..., Any], *tensors: torch.Tensor) -> None:
    expected, found = call(*tensors), call(*(t.npu() for t in tensors))
    listed = isinstance(expected, tuple)
    for mine, theirs in zip(found if listed else [found], expected if listed else [expected], strict=True):
        assert mine.device.type == "npu"
        torch.testing.assert_close(mine.cpu(), theirs)


@pytest.mark.parametrize("dtype", [torch.int32, I64, torch.uint8, C64], ids=str)
def test_products_of_matrices(dtype: torch.dtype) -> None:
    def some(*sizes: int, seed: int = 0) -> torch.Tensor:
        return numbers(*sizes, dtype=dtype, seed=seed) if dtype != torch.uint8 else numbers(*sizes, seed=seed).byte()

    a, b, c = some(3, 4), some(4, 5, seed=1), some(3, 5, seed=2)
    batches, others = some(2, 3, 4), some(2, 4, 5, seed=1)
    same(torch.mm, a, b)
    same(torch.bmm, batches, others)
    same(torch.matmul, a.t(), c)
    same(lambda x, y, z: torch.addmm(x, y, z, beta=2, alpha=3), c, a, b)
    same(lambda x, y, z: torch.addmm(x, y, z, beta=0), c, a, b)
    same(lambda x, y, z: x.clone().addmm_(y, z), c, a, b)
    same(lambda x, y, z: torch.baddbmm(x, y, z, alpha=2), c.expand(2, 3, 5), batches, others)
    same(torch.addbmm, c, batches, others)
    same(torch.addmv, a[:, 0], a, b[:, 0])
    same(lambda x, y: x.mH @ y.conj(), a, c)
    same(lambda x, y: torch.mm(x, y, out=torch.empty(0, dtype=dtype, device=x.device)), a, b)


def test_products_of_integers_are_exact_and_wrap() -> None:
    same(torch.mm, numbers(4, 6, span=2**40), numbers(6, 4, span=2**40, seed=1))


def test_products_of_many_integers_are_made_in_pieces() -> None:
    same(torch.mm, numbers(3000, 10), numbers(10, 600, seed=1))


@pytest.mark.parametrize("sizes", [(1, 4097, 4097), (80, 4096, 4096)], ids=["wide", "many pieces"])
def test_larger_products_of_integers_are_the_cpus_and_counted(sizes: tuple[int, int, int]) -> None:
    m, k, n = sizes
    a, b = numbers(m, k).to(torch.int16), numbers(k, n, seed=1).to(torch.int16)
    same(torch.mm, a, b)
    (use,) = torch.npu.fallback_report()
    assert (use.operator.split(".")[0], use.calls) == ("aten::mm", 1)
    torch.npu.reset_fallback_report()


@pytest.mark.parametrize("dtype", [I64, C64], ids=str)
def test_products_of_nothing_are_zero(dtype: torch.dtype) -> None:
    same(torch.mm, numbers(3, 0, dtype=dtype), numbers(0, 2, dtype=dtype))
    same(torch.mm, numbers(0, 3, dtype=dtype), numbers(3, 2, dtype=dtype))


CONVOLUTIONS: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, object]]] = {
    "lines": ((2, 4, 9), (6, 2, 3), {"stride": 2, "padding": 1, "groups": 2}),
    "planes": ((2, 3, 8, 7), (4, 3, 3, 2), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}),
    "volumes": ((1, 2, 4, 5, 4), (3, 2, 2, 3, 1), {}),
    "same": ((1, 3, 5), (2, 3, 4), {"padding": "same"}),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_convolutions_of_integers(name: str) -> None:
    sizes, weight, options = CONVOLUTIONS[name]
    convolve = getattr(F, f"conv{len(sizes) - 2}d")
    bias = numbers(weight[0], seed=2)
    same(lambda x, w, b: convolve(x, w, b, **options), numbers(*sizes), numbers(*weight, seed=1), bias)
    same(lambda x, w: convolve(x, w, **options), numbers(*sizes), numbers(*weight, seed=1))


TRANSPOSED: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, object]]] = {
    "lines": ((2, 4, 5), (4, 3, 3), {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}),
    "planes": ((2, 3, 4, 3), (3, 2, 3, 2), {"stride": (3, 1), "dilation": (1, 2)}),
    "volumes": ((1, 2, 2, 3, 2), (2, 3, 2, 2, 2), {"padding": 1, "stride": 2}),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolutions_of_integers(name: str) -> None:
    sizes, weight, options = TRANSPOSED[name]
    convolve = getattr(F, f"conv_transpose{len(sizes) - 2}d")
    same(lambda x, w: convolve(x, w, **options), numbers(*sizes), numbers(*weight, seed=1))


POOLS: dict[str, tuple[tuple[int, ...], Callable[[torch.Tensor], object]]] = {
    "mean of lines": ((2, 3, 9), lambda x: F.avg_pool1d(x, 3, 2, 1)),
    "mean of planes": ((2, 3, 7, 8), lambda x: F.avg_pool2d(x, (3, 2), 2, 1, ceil_mode=True)),
    "mean without the frame": ((3, 7, 8), lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
    "sum over a divisor": ((1, 1, 6, 6), lambda x: F.avg_pool2d(x, 2, divisor_override=3)),
    "mean of volumes": ((1, 2, 4, 5, 4), lambda x: F.avg_pool3d(x, 2, 2, (0, 1, 0), count_include_pad=False)),
    "maxima of planes": ((2, 3, 7, 8), lambda x: F.max_pool2d(x, 3, 2, 1, 2, True, return_indices=True)),
    "maxima of volumes": ((2, 4, 5, 4), lambda x: F.max_pool3d(x, 2, 2, 1, return_indices=True)),
}


@pytest.mark.parametrize("name", POOLS)
def test_pools_of_integers(name: str) -> None:
    sizes, pool = POOLS[name]
    same(pool, numbers(*sizes, span=10**6))


OTHERS: dict[str, tuple[torch.Tensor, Callable[[torch.Tensor], object]]] = {
    **{
        f"{name} of bfloat16": (torch.tensor([0.1, 0.6, -0.9], dtype=BF16), getattr(torch, name))
        for name in ("acos", "asin", "atanh", "asinh", "cosh", "erf", "erfc", "floor")
    },
    "acosh of bfloat16": (torch.tensor([1.1, 3.6], dtype=BF16), torch.acosh),
    "floor_divide of bfloat16": (torch.tensor([1.1, -3.6], dtype=BF16), lambda x: (x // 0.5, x // x.abs())),
    "histc of bfloat16": (torch.tensor([0.1, 0.6, 0.9], dtype=BF16), lambda x: torch.histc(x, 4, 0, 1)),
    "channel_shuffle of bfloat16": (torch.arange(8.0).bfloat16().view(1, 4, 2), lambda x: F.channel_shuffle(x, 2)),
    "max_unpool2d of bfloat16": (
        torch.tensor([[[1.5, -2.0]]], dtype=BF16),
        lambda x: F.max_unpool2d(x, torch.tensor([[[3, 5]]], device=x.device), [2, 2], output_size=(2, 4)),
    ),
    "max_unpool3d of bfloat16": (
        torch.tensor([[[[1.5, -2.0]]]], dtype=BF16),
        lambda x: F.max_unpool3d(x, torch.tensor([[[[3, 5]]]], device=x.device), [2, 2, 2], output_size=(2, 2, 4)),
    ),
    "angle of integers": (torch.tensor([-3, 0, 2]), torch.angle),
    "angle of bools": (torch.tensor([True, False]), torch.angle),
    "angle of complex": (numbers(5, dtype=C64), torch.angle),
    "rounding of integers": (torch.tensor([-3, 2**60]), lambda x: (x.ceil(), x.trunc(), x.clone().ceil_())),
    "infinities of integers": (torch.tensor([1, 2]), lambda x: (x.isposinf(), x.isneginf())),
    "truth of complex": (
        torch.tensor([[0j, 1j], [2, 0j]]),
        lambda x: (x.all(), x.all(0), x.any(), x.any(1), x.any((0, 1)), x.logical_not()),
    ),
    "arithmetic of complex": (
        numbers(4, dtype=C64),
        lambda x: (torch.addcmul(x, x, x, value=2j), torch.addcdiv(x, x, x), x.lerp(x * 2, 0.3), x.sigmoid()),
    ),
    "statistics of complex": (
        numbers(3, 4, dtype=C64),
        lambda x: (x.var(), x.std(1), *torch.var_mean(x, 0, keepdim=True), x.norm(), x.norm(1, 0)),
    ),
    "places of complex": (
        numbers(3, 4, dtype=C64),
        lambda x: (
            x.gather(1, torch.tensor([[0], [2], [1]], device=x.device)),
            x.index_add(0, torch.tensor([0, 2], device=x.device), x[:2], alpha=2j),
            x.index_fill(1, torch.tensor([3], device=x.device), 1 - 2j),
            x.masked_scatter(x.real > 0, x.flip(0)),
            torch.zeros_like(x).fill_(x[0, 0]),
        ),
    ),
    "eye of complex": (numbers(1, dtype=C64), lambda x: torch.eye(3, 4, dtype=C64, device=x.device)),
    "dropout's gradient of integers": (
        torch.tensor([1, 2]),
        lambda x: torch.ops.aten.native_dropout_backward(x, x > 1, 2.0),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_others(name: str) -> None:
    tensor, call = OTHERS[name]
    same(call, tensor)


@pytest.mark.parametrize("dtype", [torch.float64, C64], ids=str)
@pytest.mark.parametrize("weight", [0.0, 0.25, 0.5, 1.0, 1.5])
def test_lerp_reaches_its_ends(dtype: torch.dtype, weight: float) -> None:
    start, end = torch.tensor([1e17, 1.0, -2.0], dtype=dtype), torch.tensor([1.0, 1e17, 3.0], dtype=dtype)
    same(lambda x, y: (torch.lerp(x, y, weight), x.clone().lerp_(y, weight)), start, end)
    same(torch.lerp, start, end, torch.full((3,), weight, dtype=dtype))
    same(torch.lerp, start, end, torch.tensor([0, weight, 1], dtype=dtype))
    if weight == 1:
        assert torch.lerp(start.npu(), end.npu(), 1.0)[0] == 1


REFUSED: dict[str, tuple[torch.Tensor, Callable[[torch.Tensor], object]]] = {
    "addcmul of bools": (torch.tensor([True]), lambda x: torch.addcmul(x, x, x)),
    "ceil of bools": (torch.tensor([True]), torch.ceil),
    "lerp of integers": (torch.tensor([1]), lambda x: torch.lerp(x, x, 0.5)),
    "lerp of integers by integers": (torch.tensor([1]), lambda x: torch.lerp(x, x, x)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_cpu_refuses_is_refused(name: str) -> None:
    tensor, call = REFUSED[name]
    for x in (tensor, tensor.npu()):
        with pytest.raises(NotImplementedError, match="not implemented for"):
            call(x)
    torch.npu.reset_fallback_report()  # the CPU was asked, and says no in its own words


def test_numbers_equal_themselves() -> None:
    x = numbers(4, dtype=C64).npu()
    assert torch.equal(x, x.clone())
    assert not torch.equal(x, x * 2)


def test_bernoulli_of_bfloat16_follows_its_probabilities() -> None:
    p = torch.tensor([0.0, 1.0, 0.25], dtype=BF16, device="npu").repeat(4000, 1)
    mean = torch.bernoulli(p).float().mean(0).cpu()
    torch.testing.assert_close(mean, torch.tensor([0.0, 1.0, 0.25]), atol=0.03, rtol=0)
