"""linear_cross_entropy piece by piece: values and gradients of the CPU's, in the memory that was asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opinfo import Outcome, check, compare, infos, nothing_is_the_cpus
from torch import Tensor
from torch.nn import LinearCrossEntropyOptions as Options

_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("variant", ["chunked", "chunked_none"])
def test_samples_and_their_gradients_are_those_of_the_cpu(variant: str, dtype: torch.dtype) -> None:
    outcome = Outcome()
    for info in infos("nn.functional.linear_cross_entropy"):
        if info.variant_test_name == variant:
            check(info, dtype, backward=True, outcome=outcome)
    assert outcome.ran


def loss(device: str, classes: int, rows: int, dtype: torch.dtype = torch.float32, **given: Any) -> list[Tensor]:
    """The loss of 9 rows, two of them ignored, and the gradients of input, weight and bias."""
    torch.manual_seed(0)
    leaves = [torch.randn(s).to(device, dtype).requires_grad_() for s in ((9, 2), (classes, 2), (classes,))]
    target = torch.randint(0, classes, (9,))
    target[::5] = given.pop("ignored", -100)
    options = Options(
        batch_chunk_size=rows,
        allow_retain_graph=given.get("reduction") != "none",
        acc_dtype=given.pop("acc_dtype", None),
    )
    weight = torch.rand(classes).to(device, dtype) if given.pop("weighted", False) else None
    x, w, b = leaves
    value = F.linear_cross_entropy(
        x, w, target.to(device), linear_bias=b, weight=weight, ignore_index=int(target[0]), options=options, **given
    )
    return [value, *torch.autograd.grad(value, leaves, torch.linspace(1, 2, value.numel()).to(value).view_as(value))]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
def test_pieces_add_up(reduction: str, weighted: bool) -> None:
    classes = 400_000  # pieces of two rows
    given: dict[str, Any] = {"reduction": reduction, "weighted": weighted}
    for found, wanted in zip(loss("npu", classes, 4, **given), loss("cpu", classes, 4, **given), strict=True):
        torch.testing.assert_close(found.cpu(), wanted, rtol=2e-3, atol=1e-3)  # sums of 400,000 numbers


@pytest.mark.parametrize("ignored", [-100, 3, 12])
def test_targets_that_are_ignored_may_be_classes_or_none(ignored: int) -> None:
    for reduction in ("mean", "none"):
        given: dict[str, Any] = {"reduction": reduction, "ignored": ignored}
        compare(loss("npu", 6, 4, **given), loss("cpu", 6, 4, **given), f"{reduction} without {ignored}")


def test_halves_are_summed_in_float32_if_asked() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        given: dict[str, Any] = {"dtype": dtype, "acc_dtype": torch.float32, "weighted": True}
        compare(loss("npu", 50, 4, **given), loss("cpu", 50, 4, **given), str(dtype))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_gradients_of_halves_are_rounded_once(reduction: str, dtype: torch.dtype) -> None:
    def single() -> list[Tensor]:
        """The same numbers in float32 on the cpu."""
        torch.manual_seed(0)
        x, w, b = (torch.randn(s).to(dtype).float().requires_grad_() for s in ((9, 2), (50, 2), (50,)))
        target = torch.randint(0, 50, (9,))
        target[::5] = -100
        value = F.linear_cross_entropy(x, w, target, linear_bias=b, reduction=reduction)
        weights = torch.linspace(1, 2, value.numel()).to(dtype).float()
        return [value, *torch.autograd.grad(value, (x, w, b), weights.view_as(value))]

    for found, wanted in zip(loss("npu", 50, 4, dtype, reduction=reduction), single(), strict=True):
        # one rounding, and of numbers that nearly cancel what float32 leaves
        torch.testing.assert_close(found.cpu(), wanted.to(dtype), rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_gradients_once_twice_and_of_gradients() -> None:
    target = torch.arange(4).npu()
    for dtype in (torch.float32, torch.float16):
        x = torch.randn(4, 2).to("npu", dtype).requires_grad_()
        w = torch.randn(5, 2).to("npu", dtype).requires_grad_()
        once = F.linear_cross_entropy(x, w, target, options=Options(batch_chunk_size=2, allow_retain_graph=False))
        once.backward(retain_graph=True)
        with pytest.raises(RuntimeError, match="called twice"):
            once.backward()
        rows = F.linear_cross_entropy(x, w, target, reduction="none", options=Options(batch_chunk_size=2))
        first, again = (torch.autograd.grad(rows.sum(), (x, w), retain_graph=True) for _ in range(2))
        assert torch.equal(first[0], again[0])
        scale = torch.ones(4, dtype=dtype).npu().requires_grad_()
        with pytest.raises(RuntimeError, match="second derivative"):
            torch.autograd.grad(rows, x, scale, create_graph=True)
        with torch.no_grad():
            assert not F.linear_cross_entropy(x, w, target, options=Options(batch_chunk_size=2)).requires_grad


@pytest.mark.filterwarnings("ignore")
def test_compiled_as_eager() -> None:
    torch.manual_seed(0)
    x, w = (torch.randn(s).half().npu().requires_grad_() for s in ((8, 3), (5, 3)))
    target, options = torch.arange(8).npu() % 5, Options(batch_chunk_size=2, allow_retain_graph=True)

    def losses(x: Tensor, w: Tensor) -> Tensor:
        of_rows = F.linear_cross_entropy(x, w, target, reduction="none", options=options)
        return of_rows.sum() + F.linear_cross_entropy(x, w, target, options=options)

    compiled = torch.compile(losses, backend="aot_eager")
    for found, wanted in zip(*(torch.autograd.grad(f(x, w), (x, w)) for f in (compiled, losses)), strict=True):
        assert torch.equal(found, wanted)


def test_no_row_that_counts_has_a_mean_that_is_no_number() -> None:
    for place in ("cpu", "npu"):
        x, w = torch.ones(3, 2, device=place), torch.ones(4, 2, device=place)
        for n in (3, 0):
            target = torch.full((n,), -100, device=place)
            assert F.linear_cross_entropy(x[:n], w, target, options=Options(batch_chunk_size=2)).isnan()


def test_the_logits_of_all_rows_never_exist() -> None:
    x, w = torch.randn(2048, 8).npu().requires_grad_(), torch.randn(8192, 8).npu().requires_grad_()
    target = torch.randint(0, 8192, (2048,)).npu()  # 64 MB of logits
    torch.npu.synchronize()
    torch.npu.reset_peak_memory_stats()
    before = torch.npu.memory_allocated()
    F.linear_cross_entropy(x, w, target, options=Options(batch_chunk_size=64))
    assert torch.npu.max_memory_allocated() - before < 20 << 20
