"""torch.autocast("npu"): contexts, dtypes, the cache, custom functions, and a model that trains in it."""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

HALVES = [torch.float16, torch.bfloat16]


def numbers(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator).to("npu", dtype)


@pytest.mark.parametrize("dtype", HALVES)
def test_a_product_is_that_of_operands_in_the_contexts_dtype(dtype: torch.dtype) -> None:
    a, b = numbers(4, 8), numbers(8, 3)
    with torch.autocast("npu", dtype=dtype):
        c = a @ b
    assert c.dtype is dtype
    assert torch.equal(c, a.to(dtype) @ b.to(dtype))


def test_the_dtype_is_float16_unless_one_is_named() -> None:
    assert torch.get_autocast_dtype("npu") is torch.float16
    with torch.autocast("npu"):
        assert (numbers(2, 2) @ numbers(2, 2)).dtype is torch.float16


def test_softmax_losses_and_norms_are_float32() -> None:
    x = numbers(4, 8, dtype=torch.float16)
    with torch.autocast("npu"):
        assert x.softmax(-1).dtype is torch.float32
        assert torch.nn.functional.mse_loss(x, x.float()).dtype is torch.float32
        assert torch.nn.functional.cross_entropy(x, torch.zeros(4, dtype=torch.int64).npu()).dtype is torch.float32
        assert x.sum().dtype is torch.float32
        assert x.sum(dtype=torch.float16).dtype is torch.float16  # the caller's word
        assert (x + 1).dtype is torch.float16  # in no list


def test_integers_float64_and_tensors_of_the_cpu_are_left_alone() -> None:
    with torch.autocast("npu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
        assert (torch.ones(2, dtype=torch.int64).npu() + 1).dtype is torch.int64
        assert torch.ones(2, dtype=torch.float64).npu().sum().dtype is torch.float64


def test_contexts_nest_and_the_outer_one_is_back_afterwards() -> None:
    a = numbers(2, 2)
    with torch.autocast("npu", dtype=torch.bfloat16):
        with torch.autocast("npu", enabled=False):
            assert not torch.is_autocast_enabled("npu")
            assert (a @ a).dtype is torch.float32
            with torch.autocast("npu", dtype=torch.float16):
                assert (a @ a).dtype is torch.float16
        assert (a @ a).dtype is torch.bfloat16
    assert (a @ a).dtype is torch.float32
    assert torch.get_autocast_dtype("npu") is torch.float16


def test_an_exception_ends_the_context() -> None:
    with pytest.raises(ZeroDivisionError), torch.autocast("npu"):
        raise ZeroDivisionError
    assert not torch.is_autocast_enabled("npu")


def test_a_context_is_one_threads() -> None:
    found: list[torch.dtype] = []
    a = numbers(2, 2)
    with torch.autocast("npu"):
        thread = threading.Thread(target=lambda: found.append((a @ a).dtype))
        thread.start()
        thread.join()
    assert found == [torch.float32]


def test_a_weight_is_cast_once_a_context() -> None:
    w, x = numbers(4, 4).requires_grad_(), numbers(4, 4)

    def casts() -> list[Any]:
        """The nodes that cast `w`, one for each of two products."""
        products = [x @ w, x @ w]
        return [next(n for n, _ in p.grad_fn.next_functions if n is not None) for p in products]  # type: ignore[union-attr]

    with torch.autocast("npu"):
        first, second = casts()
        assert first is second
    with torch.autocast("npu", cache_enabled=False):
        first, second = casts()
        assert first is not second


def test_a_decorated_function_runs_in_the_context() -> None:
    @torch.autocast("npu", dtype=torch.bfloat16)  # type: ignore[untyped-decorator]
    def product(a: torch.Tensor) -> torch.Tensor:
        return a @ a

    assert product(numbers(2, 2)).dtype is torch.bfloat16


@pytest.mark.parametrize("dtype", [torch.float64, torch.int32])
def test_a_dtype_that_autocast_has_not_is_refused_by_torchs_warning(dtype: torch.dtype) -> None:
    with pytest.warns(UserWarning, match="npu Autocast only supports dtypes of"):
        context = torch.autocast("npu", dtype=dtype)
    with context:
        assert not torch.is_autocast_enabled("npu")


def test_a_soc_without_bfloat16_refuses_it_and_names_itself_and_the_remedy(on_soc: Callable[[str, str], str]) -> None:
    said = on_soc(
        "Ascend910A",
        """
import torch
torch.autocast("npu", dtype=torch.bfloat16, enabled=False)
assert torch.bfloat16 not in list(torch.npu.get_amp_supported_dtype())
try:
    torch.autocast("npu", dtype=torch.bfloat16)
except RuntimeError as error:
    print(error)
a = torch.ones(2, 2).npu()
with torch.autocast("npu"):
    print((a @ a).dtype)
""",
    )
    assert "Ascend910A" in said
    assert "does not support bfloat16; use dtype=torch.float16" in said
    assert said.endswith("torch.float16\n")


def test_building_a_context_starts_no_device(on_soc: Callable[[str, str], str]) -> None:
    script = (
        "import torch; torch.autocast('npu'); torch.autocast('npu', enabled=False); print(torch.npu.is_initialized())"
    )
    assert on_soc("Ascend910B2", script) == "False\n"


class Double(torch.autograd.Function):
    """Notes in which dtypes it runs."""

    seen: ClassVar[list[tuple[torch.dtype, bool]]] = []

    @staticmethod
    @torch.amp.custom_fwd(device_type="npu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        Double.seen.append((x.dtype, torch.is_autocast_enabled("npu")))
        return x * 2

    @staticmethod
    @torch.amp.custom_bwd(device_type="npu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
        Double.seen.append((grad.dtype, torch.is_autocast_enabled("npu")))
        return grad * 2


def test_a_custom_function_gets_the_dtype_that_it_asked_for_and_no_autocast() -> None:
    Double.seen.clear()
    x = numbers(2, 2, dtype=torch.float16).requires_grad_()
    with torch.autocast("npu"):
        y: torch.Tensor = Double.apply(x)  # type: ignore[no-untyped-call]
    y.sum().backward()
    assert Double.seen == [(torch.float32, False), (torch.float32, False)]
    assert torch.equal(x.grad, torch.full_like(x, 2))  # type: ignore[arg-type]


def test_torch_npu_amp_has_the_names_of_torch_cuda_amp() -> None:
    for name in ("autocast", "GradScaler", "custom_fwd", "custom_bwd"):
        assert hasattr(importlib.import_module("torch.npu.amp"), name)
    with importlib.import_module("torch.npu.amp.autocast_mode").autocast(dtype=torch.bfloat16):
        assert torch.npu.is_autocast_enabled()
        assert torch.npu.get_autocast_dtype() is torch.bfloat16
    with torch.npu.amp.autocast(False):
        assert not torch.npu.is_autocast_enabled()
    assert sys.modules["torch.npu.amp"] is torch.npu.amp

    @torch.npu.amp.custom_fwd(cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, x: torch.Tensor) -> torch.dtype:
        return x.dtype

    with torch.npu.amp.autocast():
        assert forward(type("Context", (), {})(), numbers(2, dtype=torch.float16)) is torch.float32


def test_the_policy_can_be_switched_by_the_names_of_torch_npu() -> None:
    a = numbers(2, 2)
    torch.npu.set_autocast_enabled(True)
    torch.npu.set_autocast_dtype(torch.bfloat16)
    try:
        assert (a @ a).dtype is torch.bfloat16
    finally:
        torch.npu.set_autocast_enabled(False)
        torch.npu.set_autocast_dtype(torch.float16)
        torch.clear_autocast_cache()


@pytest.mark.parametrize("dtype", HALVES)
def test_a_model_trains_in_the_context_as_by_hand(dtype: torch.dtype) -> None:
    """Weights stay float32, products are half, and the gradients are those of casts by hand."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).to("npu")
    x, y = numbers(32, 8), torch.arange(32).remainder(4).npu()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with torch.autocast("npu", dtype=dtype):
            loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
    assert loss.dtype is torch.float32
    got = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    assert [g.dtype for g in got] == [torch.float32] * 4

    model.zero_grad()
    weights = [p.to(dtype) for p in model.parameters()]
    hidden = nn.functional.linear(x.to(dtype), weights[0], weights[1]).relu()
    # torch's cross_entropy names its operand's dtype for the softmax, which autocast respects, on CUDA too.
    scores = nn.functional.linear(hidden, weights[2], weights[3]).log_softmax(-1)
    by_hand = nn.functional.nll_loss(scores.float(), y)
    by_hand.backward()
    assert torch.equal(loss, by_hand)
    for g, p in zip(got, model.parameters(), strict=True):
        assert p.grad is not None
        assert torch.equal(g, p.grad)


def test_a_checkpointed_block_is_recomputed_in_the_context() -> None:
    from torch.utils.checkpoint import checkpoint

    w, x = numbers(4, 4).requires_grad_(), numbers(4, 4)
    seen: list[bool] = []

    def block(x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.is_autocast_enabled("npu"))
        return (x @ w).relu()

    with torch.autocast("npu"):
        out = checkpoint(block, x, use_reentrant=False)
    out.float().sum().backward()
    assert out.dtype is torch.float16
    assert seen == [True, True]
