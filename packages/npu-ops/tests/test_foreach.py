"""Operators over lists of tensors: every line of tables/foreach.yaml and every kernel of csrc/foreach.cpp against the
CPU, with PyTorch's own samples; and what goes tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from codegen.tables import read_table
from torch.testing._internal.common_methods_invocations import (
    foreach_binary_op_db,
    foreach_other_op_db,
    foreach_pointwise_op_db,
    foreach_reduce_op_db,
    foreach_unary_op_db,
)
from torch.utils._pytree import tree_map

TABLE = Path(__file__).parents[1] / "tables" / "foreach.yaml"
KEYS = [e.key for e in read_table(TABLE).entries]
DB = {
    o.name: o
    for db in (
        foreach_unary_op_db,
        foreach_binary_op_db,
        foreach_pointwise_op_db,
        foreach_reduce_op_db,
        foreach_other_op_db,
    )
    for o in db
}
DTYPES = [torch.float32, torch.float16, torch.bfloat16, torch.int32, torch.int64, torch.float64]
#: The CPU computes these for one tensor too: CANN has norms of some orders only.
DECLARED = {"_foreach_norm"}
#: CANN has some operators for one tensor in fewer dtypes than these.
OTHERS = (torch.int32, torch.int64, torch.float64)


def base(key: str) -> str:
    return key.split(".")[0].rstrip("_")


def to(device: str) -> Callable[[Any], Any]:
    return lambda x: x.detach().to(device) if isinstance(x, torch.Tensor) else x


def lists(dtype: torch.dtype = torch.float32, n: int = 3, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [(torch.rand(2 + i % 5, 3, generator=generator) + 0.5).mul(4).to(dtype) for i in range(n)]


def npu(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [t.npu() for t in tensors]


def same(got: Any, want: Any) -> None:
    assert len(got) == len(want)
    for g, w in zip(got, want, strict=True):
        assert g.device.type == "npu"
        assert g.dtype is w.dtype
        torch.testing.assert_close(g.cpu(), w, equal_nan=True)


def operators(f: Callable[[], Any]) -> tuple[Any, set[str]]:
    """What `f` answers, and the names of the operators that it calls, directly or through another one."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        out = f()
    return out, {e.name.removeprefix("aten::") for e in profile.events() if e.name.startswith("aten::")}


@pytest.fixture(autouse=True)
def no_fallback(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing falls back to the CPU, but for operators and dtypes that CANN has for one tensor neither."""
    before = torch.npu.fallback_report()
    yield
    given = getattr(request.node, "callspec", None)
    parameters = given.params if given else {}
    if parameters.get("name") not in DECLARED and parameters.get("dtype") not in (
        torch.int32,
        torch.int64,
        torch.float64,
    ):
        assert torch.npu.fallback_report() == before


def samples(name: str, dtype: torch.dtype) -> list[Any]:
    torch.manual_seed(0)
    info = DB[name]
    found = list(info.sample_inputs("cpu", dtype, noncontiguous=False, allow_higher_dtype_scalars=False))
    return found[:24]


def attempt(f: Callable[[], Any]) -> Any:
    try:
        return f()
    except (RuntimeError, ValueError, TypeError) as error:
        return error


def compare(op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether both devices computed; raises where only one of them did, or where they differ."""
    theirs_args = tree_map(lambda x: x.clone() if isinstance(x, torch.Tensor) else x, args)
    ours_args = tree_map(to("npu"), args)
    theirs, ours = attempt(lambda: op(*theirs_args, **kwargs)), attempt(lambda: op(*ours_args, **kwargs))
    if isinstance(theirs, Exception):
        lacks = "not implemented for" in str(theirs)  # a dtype that the CPU has no kernel for
        assert lacks or isinstance(ours, Exception), f"npu computes what the CPU refuses: {theirs}"
        return False
    if isinstance(ours, NotImplementedError):
        return False  # a dtype that CANN's operator for one tensor has not
    if isinstance(ours, Exception):
        raise ours
    if theirs is None:
        theirs, ours = theirs_args[0], ours_args[0]
    same(ours, theirs)
    return True


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", sorted(DB))
@pytest.mark.filterwarnings("ignore")
def test_results_are_those_of_the_cpu(name: str, dtype: torch.dtype) -> None:
    info, ran = DB[name], 0
    for sample in samples(name, dtype):
        kwargs = {k: v for k, v in sample.kwargs.items() if k != "disable_fastpath"}
        for op in (info.method_variant, info.inplace_variant):
            if op is not None:
                ran += compare(op, (sample.input, *sample.args), kwargs)
    assert ran or dtype is not torch.float32


def arguments(key: str, dtype: torch.dtype) -> tuple[Any, ...]:
    """Arguments of the functional overload of a key, small enough for every operator."""
    a, b, c = (lists(dtype, seed=i) for i in range(3))
    overload = key.partition(".")[2]
    if base(key) in ("_foreach_addcmul", "_foreach_addcdiv"):
        # Half precision has one launch for equal numbers only.
        numbers = [0.5, 1.5, 2.5] if dtype is torch.float32 else [0.5] * 3
        return (a, b, c, {"Scalar": 0.5, "ScalarList": numbers, "Tensor": torch.tensor(numbers)}[overload])
    if base(key) == "_foreach_lerp":
        return (a, b, {"Scalar": 0.25, "List": c}[overload])
    if base(key) == "_foreach_norm":
        return (a, 2)
    if overload == "ScalarAndTensor":
        return (1.5, a)
    last = {"Scalar": 1.5, "List": b, "ScalarList": [0.5, 1.5, 2.5], "Tensor": torch.tensor(1.5).to(dtype), "": None}
    return (a,) if last[overload] is None else (a, last[overload])


def went_as_list(seen: set[str], name: str) -> bool:
    """Whether no operator for one tensor did the work; some move numbers to the device."""
    return seen - {"to", "_to_copy", "copy_", "empty", "narrow", "slice", "as_strided", "empty_strided"} == {name}


BY_HAND = ["_foreach_norm.Scalar", *(f"_foreach_addc{x}.{o}" for x in ("mul", "div") for o in ("ScalarList", "Tensor"))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("key", [*KEYS, *BY_HAND])
def test_every_line_is_reached_functional_and_in_place(key: str, dtype: torch.dtype) -> None:
    args = arguments(key, dtype)
    moved = tree_map(to("npu"), args)
    if key.endswith(".Tensor") and "addc" in key:
        moved = (*moved[:3], args[3])  # numbers are read on the host
    name, overload = base(key), key.partition(".")[2] or "default"
    packet = getattr(torch.ops.aten, name, None)
    if packet is not None and overload in packet.overloads() and not key.endswith("_"):
        got, seen = operators(lambda: getattr(packet, overload)(*moved))
        assert went_as_list(seen, name)
        same(got, getattr(packet, overload)(*args))
    inplace = getattr(torch.ops.aten, f"{name}_", None)
    if inplace is not None and overload in inplace.overloads():
        pointers = [t.data_ptr() for t in moved[0]]
        _, seen = operators(lambda: getattr(inplace, overload)(*moved))
        assert went_as_list(seen, f"{name}_")
        getattr(inplace, overload)(*args)
        same(moved[0], args[0])
        assert [t.data_ptr() for t in moved[0]] == pointers


def test_what_one_launch_cannot_do_goes_tensor_by_tensor() -> None:
    mixed = npu([*lists(), *lists(torch.float16)])
    assert "mul" in operators(lambda: torch._foreach_mul(mixed, 2.0))[1]
    assert "rsqrt" in operators(lambda: torch._foreach_rsqrt(npu(lists())))[1]


@pytest.mark.parametrize("n", [1, 11, 12, 13, 16, 24, 25, 48, 49, 100])
def test_lists_of_any_length_are_computed_in_parts(n: int) -> None:
    a, b, c = (lists(n=n, seed=i) for i in range(3))
    numbers = [float(i) for i in range(n)]
    x, y, z = npu(a), npu(b), npu(c)
    same(torch._foreach_neg(x), torch._foreach_neg(a))
    same(torch._foreach_add(x, numbers), torch._foreach_add(a, numbers))
    same(torch._foreach_addcdiv(x, y, z, numbers), torch._foreach_addcdiv(a, b, c, numbers))
    same(torch._foreach_norm(x), torch._foreach_norm(a))
    torch._foreach_addcmul_(x, y, z, 0.5)
    torch._foreach_addcmul_(a, b, c, 0.5)
    same(x, a)


def test_lists_of_mixed_dtypes_shapes_and_strides_go_tensor_by_tensor() -> None:
    a = [
        torch.ones(2, 3),
        torch.ones(3, 2).t(),
        torch.ones(4, dtype=torch.float16),
        torch.ones(0),
        torch.ones(4, 4)[:, 1],
    ]
    b = [torch.full((3,), 2.0), torch.full((2, 3), 2.0), torch.tensor(2.0), torch.ones(0), torch.full((4,), 2.0)]
    same(torch._foreach_mul(npu(a), npu(b)), torch._foreach_mul(a, b))
    same(torch._foreach_add(npu(a), 1.5), torch._foreach_add(a, 1.5))
    x = npu(a)
    torch._foreach_add_(x, 1)
    same(x, torch._foreach_add(a, 1))


def test_numbers_that_promote_the_list_do_so() -> None:
    a = [torch.arange(4, dtype=torch.int32), torch.ones(2, dtype=torch.int32)]
    same(torch._foreach_mul(npu(a), 1.5), torch._foreach_mul(a, 1.5))
    same(torch._foreach_div(npu(a), 2), torch._foreach_div(a, 2))
    same(torch._foreach_add(npu(a), [1, 2.5]), torch._foreach_add(a, [1, 2.5]))
    same(torch._foreach_add(npu(a), True), torch._foreach_add(a, True))
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        torch._foreach_mul_(npu(a), 1.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("of", ["list", "float32", "cpu"])
def test_a_factor_may_be_on_the_device_or_not_and_of_another_dtype(dtype: torch.dtype, of: str) -> None:
    a, factor = lists(dtype), torch.tensor(1.5)
    ours = {"list": factor.to(dtype).npu(), "float32": factor.npu(), "cpu": factor.to(dtype)}[of]
    same(torch._foreach_mul(npu(a), ours), torch._foreach_mul(a, factor.to(dtype)))
    same(torch._foreach_div(npu(a), ours), torch._foreach_div(a, factor.to(dtype)))


@pytest.mark.parametrize("ord", [0, 1, 2, 3.5, float("inf"), -1])
def test_norms_of_every_order(ord: float) -> None:
    a = lists()
    same(torch._foreach_norm(npu(a), ord), torch._foreach_norm(a, ord))
    half = lists(torch.float16)
    same(torch._foreach_norm(npu(half), ord, torch.float32), torch._foreach_norm(half, ord, torch.float32))


def test_lists_that_do_not_fit_are_refused_as_on_the_cpu() -> None:
    x = npu(lists())
    with pytest.raises(RuntimeError, match="Tensor list must have at least one tensor"):
        torch._foreach_add([], 1)
    with pytest.raises(RuntimeError, match="must have the same number of tensors"):
        torch._foreach_add(x, x[:2])
    with pytest.raises(RuntimeError, match="same number of elements as scalar list"):
        torch._foreach_add(x, [1.0])
    with pytest.raises(RuntimeError, match="size of tensor"):
        torch._foreach_add(x, npu([torch.ones(7)] * 3))
    with pytest.raises(RuntimeError, match="Expected scalars to be on CPU"):
        torch._foreach_addcmul(x, x, x, torch.ones(3).npu())


def test_a_list_across_devices_is_refused_by_name() -> None:
    with pytest.raises(RuntimeError, match="npu:0 and cpu"):
        torch._foreach_add(npu(lists()), lists())


def test_results_keep_the_strides_of_the_list() -> None:
    a = [torch.rand(3, 4, 5, 6).contiguous(memory_format=torch.channels_last), torch.rand(3, 4).t()]
    got = torch._foreach_neg(npu(a))
    assert [g.stride() for g in got] == [t.stride() for t in a]
    same(got, torch._foreach_neg(a))


def test_gradients_flow_through_a_list() -> None:
    a = [t.requires_grad_() for t in lists()]
    x = [t.detach().npu().requires_grad_() for t in a]
    sum(t.sum() for t in torch._foreach_exp(torch._foreach_mul(x, 0.5))).backward()  # type: ignore[union-attr]
    sum(t.sum() for t in torch._foreach_exp(torch._foreach_mul(a, 0.5))).backward()  # type: ignore[union-attr]
    same([t.grad for t in x], [t.grad for t in a])


@pytest.mark.parametrize("value", [torch.inf, -torch.inf, torch.nan])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_rounding_keeps_what_is_no_number(value: float, dtype: torch.dtype) -> None:
    a = [torch.tensor([value, -0.5, 0.5, 1.5, 2.5, -2.5], dtype=dtype)]
    for name in ("round", "floor", "ceil", "trunc"):
        op = getattr(torch, f"_foreach_{name}")
        same(op(npu(a)), op(a))
