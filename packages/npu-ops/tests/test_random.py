"""Random numbers: reproducible, independent, and of the right distribution."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

DRAWS: dict[str, Callable[[], torch.Tensor]] = {
    "uniform": lambda: torch.rand(1000, device="npu"),
    "normal": lambda: torch.randn(1000, device="npu"),
    "randint": lambda: torch.randint(10, (1000,), device="npu"),
    "random": lambda: torch.empty(1000, dtype=torch.int32, device="npu").random_(),
    "bernoulli": lambda: torch.empty(1000, device="npu").bernoulli_(0.3),
    "bernoulli of a tensor": lambda: torch.full((1000,), 0.3, device="npu").bernoulli(),
    "randperm": lambda: torch.randperm(1000, device="npu"),
    "dropout": lambda: torch.nn.functional.dropout(torch.ones(1000, device="npu"), 0.4),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_repeats_and_a_second_draw_differs(name: str) -> None:
    draw = DRAWS[name]
    torch.npu.manual_seed(5)
    first, second = draw().cpu(), draw().cpu()
    torch.npu.manual_seed(5)
    assert torch.equal(draw().cpu(), first)
    assert not torch.equal(first, second)


def test_a_generator_of_ones_own_leaves_the_default_alone() -> None:
    torch.npu.manual_seed(1)
    want = torch.rand(8, device="npu").cpu()
    torch.npu.manual_seed(1)
    mine = torch.Generator(device="npu").manual_seed(3)
    torch.rand(8, device="npu", generator=mine)
    assert torch.equal(torch.rand(8, device="npu").cpu(), want)


def test_a_generator_of_the_cpu_is_refused() -> None:
    with pytest.raises(RuntimeError, match="npu"):
        torch.empty(3, device="npu").uniform_(generator=torch.Generator())


def test_the_moments_are_right() -> None:
    torch.npu.manual_seed(0)
    n = 100_000
    uniform = torch.empty(n, device="npu").uniform_(2, 4).cpu()
    assert uniform.min() >= 2
    assert uniform.max() <= 4
    assert abs(uniform.mean() - 3) < 0.02
    normal = torch.empty(n, device="npu").normal_(1, 2).cpu()
    assert abs(normal.mean() - 1) < 0.04
    assert abs(normal.std() - 2) < 0.04
    whole = torch.randint(-3, 4, (n,), device="npu").cpu()
    assert whole.unique().tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert torch.randperm(100, device="npu").sort().values.tolist() == list(range(100))


def test_dropout_scales_what_it_keeps_and_its_gradient_alike() -> None:
    x = torch.ones(10_000, device="npu", requires_grad=True)
    y = torch.nn.functional.dropout(x, 0.25)
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(y, x.grad)
    assert y.cpu().unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert abs((y == 0).float().mean().item() - 0.25) < 0.02
    assert torch.equal(torch.nn.functional.dropout(x, 0.25, training=False), x)


@pytest.mark.parametrize("train", [True, False, None])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
def test_native_dropout_gives_a_truth_value_an_element(train: bool | None, p: float) -> None:
    x = torch.arange(1.0, 25.0).reshape(4, 6).npu()
    out, mask = torch.native_dropout(x, p, train)
    assert mask.dtype == torch.bool
    assert mask.shape == x.shape
    scale = 1.0 if train is False or p == 1 else 1 / (1 - p)
    assert torch.equal(out.cpu(), x.cpu() * mask.cpu() * scale)
    assert mask.all().item() or train is not False
    grad = torch.ops.aten.native_dropout_backward(torch.ones_like(x), mask, scale)
    assert torch.equal(grad.cpu(), mask.cpu() * scale)


def test_random_bounds_are_those_of_the_dtype() -> None:
    assert torch.empty(1000, dtype=torch.int8, device="npu").random_(-128, None).cpu().min() < -64
    assert torch.empty(1000, dtype=torch.uint8, device="npu").random_(250, None).cpu().unique().tolist() == list(
        range(250, 256)
    )
    wide = torch.empty(1000, dtype=torch.int64, device="npu").random_(-(2**63), None).cpu()
    assert wide.min() < 0 < wide.max()


@pytest.mark.parametrize(
    ("draw", "below"),
    [
        (lambda t: t.cauchy_(2.0, 3.0), {-1.0: 0.25, 2.0: 0.5, 5.0: 0.75}),
        (lambda t: t.log_normal_(1.0, 0.5), {2.71828: 0.5, 2.71828 * 1.64872: 0.8413}),
        (lambda t: t.geometric_(0.25), {0.5: 0.0, 1.5: 0.25, 2.5: 0.4375}),
        (lambda t: t.long().geometric_(0.25), {0.5: 0.0, 1.5: 0.25, 2.5: 0.4375}),
    ],
    ids=["cauchy", "log_normal", "geometric", "geometric of integers"],
)
def test_composed_distributions_have_their_quantiles(draw, below: dict[float, float]) -> None:  # type: ignore[no-untyped-def]
    torch.npu.manual_seed(0)
    x = draw(torch.empty(20_000, device="npu"))
    for value, share in below.items():
        assert abs((x < value).float().mean().item() - share) < 0.015
    torch.npu.manual_seed(0)
    assert torch.equal(draw(torch.empty(20_000, device="npu")), x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_exponential_numbers_are_never_zero_and_as_fine_as_the_dtype(dtype: torch.dtype) -> None:
    torch.npu.manual_seed(0)
    x = torch.empty(1 << 18, dtype=dtype, device="npu").exponential_().cpu()
    assert x.min() > 0
    assert abs(x.float().mean().item() - 1) < 0.01
    assert x.max() > 9
    torch.npu.manual_seed(0)
    assert not torch.nn.functional.gumbel_softmax(torch.zeros(1 << 12, 8, dtype=dtype, device="npu")).isnan().any()


def test_complex_numbers_are_drawn_in_both_parts() -> None:
    torch.npu.manual_seed(0)
    x = torch.randn(1 << 16, dtype=torch.complex64, device="npu").cpu()
    for part in (x.real, x.imag):
        assert abs(part.mean().item()) < 0.01
        assert abs(part.var().item() - 0.5) < 0.01
    u = torch.rand(1 << 12, dtype=torch.complex64, device="npu").cpu()
    for part in (u.real, u.imag):
        assert 0 <= part.min() < 0.01
        assert 0.99 < part.max() < 1


def test_bernoulli_does_not_wait_for_the_device() -> None:
    p = torch.full((1000,), 0.5, device="npu")
    torch.npu.set_sync_debug_mode("error")
    try:
        p.bernoulli()
        torch.empty(1000, device="npu").bernoulli_(p)
    finally:
        torch.npu.set_sync_debug_mode("default")
