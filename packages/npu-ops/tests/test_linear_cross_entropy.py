"""linear_cross_entropy piece by piece: values and gradients of the CPU's, in the memory that was asked for."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from opinfo import Outcome, check, compare, infos, nothing_is_the_cpus
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import LinearCrossEntropyOptions as Options

_on_the_device = pytest.fixture(autouse=True)(nothing_is_the_cpus)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("changed", ["x", "w", "b", "classes", "target"])
def test_what_is_changed_before_its_gradient_is_refused(changed: str, dtype: torch.dtype) -> None:
    given = {name: torch.randn(shape).npu().to(dtype) for name, shape in (("x", (4, 2)), ("w", (5, 2)), ("b", (5,)))}
    leaves = [t.requires_grad_() for t in given.values()]
    given |= {"classes": torch.rand(5).npu().to(dtype), "target": torch.arange(4).npu()}
    value = F.linear_cross_entropy(
        given["x"],
        given["w"],
        given["target"],
        linear_bias=given["b"],
        weight=given["classes"],
        reduction="none",
        options=Options(batch_chunk_size=2),
    ).sum()
    with torch.no_grad():
        given[changed].mul_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(value, leaves)


@pytest.mark.parametrize("cast", [False, True], ids=["as_given", "autocast"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_halves_and_weights_in_other_dtypes(dtype: torch.dtype, reduction: str, cast: bool) -> None:
    def mixed(place: str, dtypes: list[torch.dtype], wide: bool = False) -> list[Tensor]:
        """The loss and the gradients; with `wide` those of the same numbers in float32."""
        torch.manual_seed(0)
        x, w, b, classes = (
            torch.rand(s).to(d).to(place, torch.float32 if wide else d).requires_grad_()
            for s, d in zip(((6, 3), (4, 3), (4,), (4,)), dtypes, strict=True)
        )
        target, options = (torch.arange(6) % 4).to(place), None if wide else Options(batch_chunk_size=2)
        with torch.autocast(place, dtype=torch.bfloat16, enabled=cast and not wide):
            value = F.linear_cross_entropy(
                x, w, target, linear_bias=b, weight=classes.detach(), reduction=reduction, options=options
            )
        return [value, *torch.autograd.grad(value.sum(), (x, w, b))]

    for others in ([torch.float32] * 3, [torch.float32, dtype, dtype], [dtype, torch.float32, torch.float32]):
        dtypes = [dtype, *others]
        result, cpus = mixed("npu", dtypes), mixed("cpu", dtypes)
        assert [t.dtype for t in result] == [t.dtype for t in cpus] == [dtype, *dtypes[:3]]
        for found, wanted in zip(result, mixed("cpu", dtypes, wide=True), strict=True):
            torch.testing.assert_close(found.cpu().float(), wanted, rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_autocast_takes_what_a_layer_in_it_gives(reduction: str) -> None:
    """The layer's are halves, the weights are not; of what autocast does inside, there is nothing."""
    layer, head = torch.nn.Linear(3, 3).to("npu"), torch.nn.Linear(3, 5).to("npu")
    target = torch.arange(4).npu()
    with torch.autocast("npu", dtype=torch.bfloat16):
        x = layer(torch.randn(4, 3).npu())
        value = F.linear_cross_entropy(
            x, head.weight, target, linear_bias=head.bias, reduction=reduction, options=Options(batch_chunk_size=2)
        )
    assert value.dtype == torch.bfloat16
    value.sum().backward()
    assert head.weight.grad is not None
    assert layer.weight.grad is not None
    wanted = F.linear_cross_entropy(
        x.detach().cpu().float(), head.weight.cpu(), target.cpu(), linear_bias=head.bias.cpu(), reduction=reduction
    )
    compare(value, wanted.bfloat16(), reduction)
    compare(head.weight.grad.bfloat16(), torch.autograd.grad(wanted.sum(), head.weight)[0].cpu().bfloat16(), reduction)


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


@pytest.mark.parametrize("classes", [6, 400_000], ids=["whole", "pieces"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_gradients_of_a_mean_of_no_row_are_no_numbers(classes: int, dtype: torch.dtype) -> None:
    for place in ("cpu", "npu"):
        x, w, b = (torch.ones(s).to(place, dtype).requires_grad_() for s in ((9, 2), (classes, 2), (classes,)))
        target, options = torch.full((9,), -100, device=place), Options(batch_chunk_size=4)
        value = F.linear_cross_entropy(x, w, target, linear_bias=b, options=options)
        assert all(grad.isnan().all() for grad in torch.autograd.grad(value, (x, w, b))), place


def test_the_logits_of_all_rows_never_exist() -> None:
    x, w = torch.randn(2048, 8).npu().requires_grad_(), torch.randn(8192, 8).npu().requires_grad_()
    target = torch.randint(0, 8192, (2048,)).npu()  # 64 MB of logits
    torch.npu.synchronize()
    torch.npu.reset_peak_memory_stats()
    before = torch.npu.memory_allocated()
    F.linear_cross_entropy(x, w, target, options=Options(batch_chunk_size=64))
    assert torch.npu.max_memory_allocated() - before < 20 << 20


@pytest.mark.parametrize(("reduction", "kept"), [("mean", 1), ("sum", 1), ("none", 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_what_is_kept_is_no_wider_than_the_operands(reduction: str, kept: int, dtype: torch.dtype) -> None:
    """Of the mean and the sum the gradients, of the losses of rows nothing but the operands themselves."""
    x, w = (torch.randn(s).to("npu", dtype).requires_grad_() for s in ((64, 256), (8192, 256)))
    target = torch.arange(64).npu()
    torch.npu.synchronize()
    before = torch.npu.memory_allocated()
    value = F.linear_cross_entropy(x, w, target, reduction=reduction, options=Options(batch_chunk_size=32))
    torch.npu.synchronize()
    assert torch.npu.memory_allocated() - before <= kept * (w.nbytes + x.nbytes) + (1 << 16)
    del value
    assert torch.npu.memory_allocated() == before
    value = F.linear_cross_entropy(x, w, target, reduction=reduction, options=Options(batch_chunk_size=32))
    one, other = (t.detach().cpu().float().requires_grad_() for t in (x, w))
    wanted = F.linear_cross_entropy(one, other, target.cpu(), reduction=reduction)
    results, exact = (torch.autograd.grad(3 * v.sum(), of) for v, of in ((value, (x, w)), (wanted, (one, other))))
    for found, want in zip(results, exact, strict=True):  # rounded before they are multiplied by 3, and after
        rtol = 1e-4 if dtype == torch.float32 else 2 * torch.finfo(dtype).eps
        torch.testing.assert_close(found.cpu().float(), want, rtol=rtol, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*is deprecated")  # torch's own, when it makes the first of them
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_forward_derivatives_are_refused_as_on_the_cpu(reduction: str) -> None:
    for place in ("cpu", "npu"):
        x, w = (torch.ones(s, device=place).requires_grad_() for s in ((4, 2), (3, 2)))
        target = torch.zeros(4, dtype=torch.long, device=place)
        with forward_ad.dual_level():
            dual = forward_ad.make_dual(x, torch.ones_like(x))
            with pytest.raises(NotImplementedError, match="jvp"):
                F.linear_cross_entropy(dual, w, target, reduction=reduction, options=Options(batch_chunk_size=2))
