"""The policy: the same lists as torch.cuda's, and every line by what reaches the operator."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
import torch
from torch.testing._internal.autocast_test_lists import AutocastTestLists
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

import npu_amp

#: Operators of AutocastCUDA that npu has no rule for, and why.
NOT_OURS = {
    "aten::cudnn_convolution": "cuDNN's own operator: it exists on no other device",
    "aten::cudnn_convolution_transpose": "cuDNN's own operator: it exists on no other device",
}
#: Lines of torch's test lists that say nothing of a policy's line, and why.
NOT_TESTED = {
    "einsum": "the line's operands have two dimensions, its equation four: tested below",
    "equal": "torch.equal wants one dtype on npu, as on the CPU",
    "cudnn_convolution": "see NOT_OURS",
    "cudnn_convolution_transpose": "see NOT_OURS",
}

pytestmark = pytest.mark.filterwarnings("ignore:.*(deprecated|without specifying the dim)")


def registered(key: str) -> set[str]:
    return set(torch._C._dispatch_get_registrations_for_dispatch_key(key))


def test_every_rule_of_cuda_is_one_of_npu() -> None:
    assert registered("AutocastCUDA") - registered("AutocastPrivateUse1") == set(NOT_OURS)
    assert registered("AutocastPrivateUse1") - registered("AutocastCUDA") == set()


def test_the_policy_as_data_is_what_is_registered() -> None:
    assert {f"aten::{name}" for name in npu_amp.policy()} == registered("AutocastPrivateUse1")
    assert set(npu_amp.policy().values()) == {
        "lower_precision_fp",
        "fp32",
        "fp32_set_opt_dtype",
        "fp32_append_dtype",
        "promote",
        "banned",
    }


class Reached(Exception):
    """The operator was reached, and the CPU cannot compute it: fused cells of recurrent networks."""


class OnTheHost(TorchDispatchMode):
    """Computes on the CPU what reaches the device, and notes which dtypes the first operator got: whether npu-ops has
    a kernel for it does not matter here."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.dtypes: set[torch.dtype] | None = None
        self.wanted: Any = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default or not _floats((args, kwargs)):
            return func(*args, **kwargs)
        if self.dtypes is None:
            self.dtypes = {t.dtype for t in _floats((args, kwargs))}
            self.wanted = kwargs.get("dtype")
        host = tree_map(_to("cpu"), (args, kwargs))
        try:
            out = func(*host[0], **host[1])
        except NotImplementedError as error:
            raise Reached from error
        except RuntimeError as error:  # a kernel that the CPU has for float32 alone
            if "not implemented for 'Half'" not in str(error):
                raise
            wide = tree_map(lambda x: x.float() if _is_half(x) else x, host)
            out = tree_map(lambda x: x.half() if torch.is_tensor(x) else x, func(*wide[0], **wide[1]))
        return tree_map(_to("npu"), out)


def _is_half(x: Any) -> bool:
    return torch.is_tensor(x) and x.dtype is torch.float16


def _to(device: str) -> Any:
    def move(x: Any) -> Any:
        if torch.is_tensor(x):
            return x.to(device)
        return torch.device(device) if isinstance(x, torch.device) else x

    return move


def _floats(x: Any) -> list[torch.Tensor]:
    return [t for t in tree_flatten(x)[0] if torch.is_tensor(t) and t.is_floating_point()]


def _find(name: str, module: Any = None) -> Any:
    places = (module, torch, torch._C._nn, torch._C._linalg, torch.Tensor)
    for place in [torch.Tensor] if name.startswith("__") else places:
        if place is not None and hasattr(place, name):
            return getattr(place, name)
    raise AssertionError(f"torch has no {name}")


def _lines(*lists: str) -> list[Any]:
    found = AutocastTestLists("cpu")
    return [
        pytest.param(line, id=f"{name}-{i}-{line[0]}")
        for name in lists
        for i, line in enumerate(getattr(found, name))
        if line[0] not in NOT_TESTED
    ]


def _arguments(line: Any) -> tuple[Any, dict[str, Any]]:
    kwargs = next((x for x in line[2:] if isinstance(x, dict)), {})
    # einsum's line has its equation before the operands.
    args = (line[1], *line[2]) if isinstance(line[1], str) else line[1]
    return tree_map(_to("npu"), args), kwargs


def _run(line: Any, dtype: torch.dtype = torch.float16) -> tuple[Any, OnTheHost]:
    args, kwargs = _arguments(line)
    out = None
    with OnTheHost() as seen, torch.autocast("npu", dtype=dtype), contextlib.suppress(Reached):
        out = _find(line[0])(*args, **kwargs)
    assert seen.dtypes is not None
    return out, seen


@pytest.mark.parametrize("line", _lines("torch_fp16", "nn_fp16", "linalg_fp16", "methods_fp16"))
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_products_get_their_operands_in_the_contexts_dtype(line: Any, dtype: torch.dtype) -> None:
    out, seen = _run(line, dtype)
    assert seen.dtypes == {dtype}
    assert out is None or {t.dtype for t in _floats(out)} == {dtype}


def test_a_sum_of_products_gets_its_operands_in_the_contexts_dtype() -> None:
    x = torch.randn(2, 3, 4, 5)
    _, seen = _run(("einsum", "bkhd,bqhd->bqkh", (x, x)))
    assert seen.dtypes == {torch.float16}


@pytest.mark.parametrize("line", _lines("torch_fp32", "nn_fp32", "methods_fp32"))
def test_what_loses_too_much_in_half_precision_has_a_float32_result(line: Any) -> None:
    out, seen = _run(line)
    assert seen.dtypes == {torch.float32} or seen.wanted is torch.float32
    assert {t.dtype for t in _floats(out)} == {torch.float32}


@pytest.mark.parametrize("line", _lines("torch_need_autocast_promote"))
def test_mixed_operands_are_promoted_to_the_widest(line: Any) -> None:
    _, seen = _run(line)
    assert seen.dtypes == {torch.float32}


@pytest.mark.parametrize("line", _lines("torch_expect_builtin_promote", "methods_expect_builtin_promote"))
def test_operators_that_promote_by_themselves_are_left_alone(line: Any) -> None:
    if line[0] == "__div__":
        line = ("__truediv__", *line[1:])
    args, kwargs = _arguments(line)
    with torch.autocast("npu"):
        out = _find(line[0])(*args, **kwargs)
    if torch.is_tensor(out):
        assert out.dtype is line[2]


def test_binary_cross_entropy_is_refused_with_the_remedy() -> None:
    p, y = torch.rand(4, 4).npu(), torch.rand(4, 4).npu()
    with torch.autocast("npu"):
        with pytest.raises(RuntimeError, match="binary_cross_entropy_with_logits"):
            torch.nn.functional.binary_cross_entropy(p, y)
        with torch.autocast("npu", enabled=False):
            torch.nn.functional.binary_cross_entropy(p, y)
