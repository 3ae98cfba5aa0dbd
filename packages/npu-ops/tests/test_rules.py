"""The rules by which table entries turn torch's arguments into CANN's, each on arguments at random against the CPU."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("rules", max_examples=40, deadline=None, derandomize=True)
settings.load_profile("rules")

INTEGERS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
DTYPES = [torch.bool, *INTEGERS, *FLOATS]


@st.composite
def tensors(draw: Any, dtypes: list[torch.dtype] = DTYPES, most_dims: int = 3) -> torch.Tensor:
    """Small ones, some of no dimension, some empty, some transposed."""
    shape = draw(st.lists(st.integers(0, 3), max_size=most_dims))
    x = torch.arange(1, 1 + torch.Size(shape).numel()).reshape(shape) % 5
    x = x.to(draw(st.sampled_from(dtypes)))
    return x.mT if len(shape) > 1 and draw(st.booleans()) else x


def alike(call: Callable[..., Any], *arguments: Any) -> None:
    """`call` gives on npu what it gives on cpu, dtype and shape included, or raises the same type of exception."""
    moved = [a.npu() if isinstance(a, torch.Tensor) else a for a in arguments]
    try:
        expected = call(*arguments)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        with pytest.raises(type(error)):
            call(*moved)
        return
    torch.testing.assert_close(call(*moved), expected, check_device=False, equal_nan=True)


dims = st.one_of(st.none(), st.integers(-4, 3), st.lists(st.integers(-4, 3), max_size=3))


@given(tensors([torch.float32, torch.int64, torch.bool]), dims, st.booleans())
def test_dims_are_counted_from_the_front_and_none_means_all(x: torch.Tensor, dim: Any, keepdim: bool) -> None:
    alike(lambda t: t.sum(dim, keepdim), x)
    if isinstance(dim, list):
        alike(lambda t: t.amax(dim, keepdim), x)


@given(tensors(), st.lists(st.integers(-4, 3), max_size=3))
def test_listed_dims_are_counted_from_the_front_and_none_means_none(x: torch.Tensor, dim: list[int]) -> None:
    alike(lambda t: t.flip(dim), x)


@given(tensors([torch.float32]), st.integers(-4, 3))
def test_a_dim_is_counted_from_the_front(x: torch.Tensor, dim: int) -> None:
    alike(lambda t: t.cumsum(dim), x)
    alike(lambda t: t.softmax(dim), x)
    alike(lambda t: t.argmax(dim), x)


numbers = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, -1.5, 2.0]))
BINARY = [torch.add, torch.mul, torch.sub, torch.true_divide, torch.maximum, torch.eq, torch.lt]


@given(tensors(), st.one_of(tensors(), numbers), st.sampled_from(BINARY))
def test_operands_are_promoted_and_broadcast(x: torch.Tensor, other: Any, function: Callable[..., Any]) -> None:
    alike(function, x, other)


@given(tensors(), tensors(most_dims=0), st.sampled_from([torch.add, torch.mul, torch.eq]))
def test_a_number_on_the_cpu_stands_beside_an_operand(
    x: torch.Tensor, number: torch.Tensor, function: Callable[..., Any]
) -> None:
    """As 0-dimensional tensors do on every device: it promotes as a number, and is not moved by the user."""
    torch.testing.assert_close(function(x.npu(), number).cpu(), function(x, number))


@given(tensors(FLOATS), tensors(FLOATS, most_dims=1), st.sampled_from(DTYPES))
def test_results_are_converted_to_the_dtype_of_out(x: torch.Tensor, y: torch.Tensor, dtype: torch.dtype) -> None:
    def into(call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *a: call(*a, out=torch.empty(0, dtype=dtype, device=a[0].device))

    alike(into(torch.mul), x, y)
    alike(into(torch.gt), x, y)
    alike(into(torch.abs), x)


windows = st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))


@given(windows, st.one_of(st.none(), windows), st.one_of(st.integers(0, 1), st.tuples(st.just(0), st.integers(0, 1))))
def test_one_number_stands_for_both_dimensions_of_a_plane(kernel: Any, stride: Any, padding: Any) -> None:
    x = torch.arange(72.0).reshape(2, 6, 6)
    alike(lambda t: torch.nn.functional.avg_pool2d(t, kernel, stride, padding), x)
    alike(lambda t: torch.nn.functional.max_pool2d(t, kernel, stride, padding), x)


optional = st.one_of(st.none(), st.sampled_from([-1, 0, 2, 1.5]))


@pytest.mark.filterwarnings("ignore:std.*degrees of freedom")
@given(tensors([torch.float32, torch.int64]), optional, optional)
def test_an_absent_number_has_torchs_default(x: torch.Tensor, low: Any, high: Any) -> None:
    alike(lambda t: t.clamp(low, high), x)
    alike(lambda t: torch.nan_to_num(t.div(0), low, high), x)
    alike(lambda t: t.float().std(correction=high), x)


@given(
    *[st.one_of(st.integers(-3, 6), st.sampled_from([0.5, 2.5, -1.25]))] * 2,
    st.sampled_from([1, -1, 0.75, 2]),
    st.sampled_from([torch.int32, torch.int64, torch.float32]),
)
def test_bounds_lose_their_fractions_where_a_result_holds_integers(
    start: float, end: float, step: float, dtype: torch.dtype
) -> None:
    if dtype is torch.int32 and int(step) == 0:  # the CPU repeats the first number; as with int64, there is no step
        with pytest.raises(ValueError, match="step must be nonzero"):
            torch.arange(0, 2, step, dtype=dtype, device="npu")
        return
    alike(lambda t: torch.arange(start, end, step, dtype=dtype, device=t.device), torch.zeros(1))


@given(st.sampled_from(["none", "tanh", "", "tan"]))
def test_a_text_is_one_of_its_list(approximate: str) -> None:
    alike(lambda t: torch.nn.functional.gelu(t, approximate=approximate), torch.linspace(-2, 2, 5))


@given(tensors([torch.float32], most_dims=2), st.sampled_from([torch.float32, torch.int64, torch.int32]))
def test_an_empty_index_may_be_of_any_dtype(x: torch.Tensor, dtype: torch.dtype) -> None:
    alike(lambda t: t.gather(0, torch.empty((0,) * max(t.dim(), 1), dtype=dtype, device=t.device)), x)


@given(st.integers(1, 4), st.booleans(), st.sampled_from(["none", "mean", "sum"]))
def test_absent_class_weights_are_ones(classes: int, weighted: bool, reduction: str) -> None:
    scores = torch.arange(3.0 * classes).reshape(3, classes).sin()
    weight = torch.linspace(0.5, 2, classes) if weighted else None
    target = torch.arange(3) % classes
    alike(lambda s, t, w: torch.nn.functional.nll_loss(s, t, w, reduction=reduction), scores, target, weight)


NARROW = [torch.uint8, torch.int8, torch.int16]
#: Entries whose aclnn operator takes no 8 or 16 bits of some kind: the rule `wide`, and copies of what is whole.
WIDENED: dict[str, Callable[[torch.Tensor], Any]] = {
    "neg": torch.neg,
    "relu": torch.relu,
    "round": torch.round,
    "fmod": lambda t: torch.fmod(t, 3),
    "fmod of two": lambda t: torch.fmod(t, t.flip(-1).clamp_min(1) if t.dim() else t.clamp_min(1)),
    "max": lambda t: t.max(-1),
    "min": lambda t: t.min(-1),
    "arange": lambda t: torch.arange(3, 100, 7, dtype=t.dtype, device=t.device),
    "neg in place": lambda t: t.clone().neg_(),
}


@pytest.mark.parametrize("name", WIDENED)
@given(x=tensors(NARROW))
def test_narrow_integers_are_computed_in_wider_ones_and_come_back(name: str, x: torch.Tensor) -> None:
    torch.npu.reset_fallback_report()
    if not (x.numel() == 0 and name in ("max", "min")):
        alike(WIDENED[name], x)
    assert not list(torch.npu.fallback_report())


#: Whole numbers that a narrow dtype does not hold: torch wraps those that stand for a tensor, and refuses the others.
BESIDE: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "rsub": lambda t, n: n - t,
    "remainder": lambda t, n: t % n,
    "rremainder": lambda t, n: n % t,
    "gcd": lambda t, n: torch.gcd(t, torch.tensor(n)),
    "lcm": lambda t, n: torch.lcm(t, torch.tensor(n)),
    "maximum": lambda t, n: torch.maximum(t, torch.tensor(n)),
    "add": lambda t, n: t + n,
    "clamp": lambda t, n: t.clamp(max=n),
    "clamp_min": lambda t, n: t.clamp_min(n),
    "clamp_max_": lambda t, n: t.clone().clamp_max_(n),
    "pow": lambda t, n: t**n,
}


@pytest.mark.parametrize("name", BESIDE)
@pytest.mark.parametrize(("dtype", "number"), [(torch.uint8, 300), (torch.int8, 300), (torch.int16, 65544)])
def test_numbers_beside_narrow_integers_wrap_or_are_refused_as_on_the_cpu(
    name: str, dtype: torch.dtype, number: int
) -> None:
    x = torch.tensor([100, 120, 7], dtype=dtype)
    try:
        wanted = BESIDE[name](x, number)
    except RuntimeError as refused:
        with pytest.raises(RuntimeError, match=re.escape(str(refused))):
            BESIDE[name](x.npu(), number)
    else:
        assert torch.equal(BESIDE[name](x.npu(), number).cpu(), wanted)
    assert (x.npu() + 1).tolist() == (x + 1).tolist()


def test_the_ends_of_narrow_integers_wrap_as_on_the_cpu() -> None:
    for dtype in NARROW:
        ends = torch.tensor([torch.iinfo(dtype).min, torch.iinfo(dtype).max, 1], dtype=dtype)
        alike(torch.neg, ends)
        alike(torch.relu, ends)
        alike(lambda t: torch.round(t, out=torch.empty_like(t)), ends)
