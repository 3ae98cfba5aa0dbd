"""Operators without a kernel: the error says which, on what, and what to install; declared fallbacks are counted."""

from typing import Any

import pytest
import torch


def test_an_operator_without_a_kernel_is_named_with_its_tensors(npu: Any) -> None:
    lib = torch.library.Library("npu_core_test", "DEF")
    lib.define("mix(Tensor self, Tensor[] others, int n) -> Tensor")
    x = torch.ones(2, 3, device="npu")
    with pytest.raises(NotImplementedError) as raised:
        torch.ops.npu_core_test.mix(x, [torch.ones(4), x], 1)
    message = str(raised.value)
    assert "npu_core_test::mix" in message
    assert "self: Float[2, 3]" in message
    assert "others: [Float[4] on cpu, Float[2, 3]]" in message
    assert "npu-ops has no kernel for it yet" in message


def test_without_npu_ops_the_error_says_what_to_install(site: Any) -> None:
    code = """
import torch
try:
    torch.empty(3, device="npu")
except NotImplementedError as error:
    out = str(error)
"""
    message = site.json(code, NPU_RUNTIME="sim", NPU_PLUGINS="core")
    assert "aten::empty.memory_format" in message
    assert "pip install npu-ops" in message


def test_fallbacks_are_counted_by_operator_and_reason(npu: Any) -> None:
    from npu_core import _C

    _C.reset_fallback_report()
    for _ in range(3):
        _C.note_fallback("aten::a", "no kernel", 100, 5)
    _C.note_fallback("aten::b", "complex", 7, 1)
    assert _C.fallback_report() == [("aten::a", "no kernel", 3, 300, 15), ("aten::b", "complex", 1, 7, 1)]
    _C.reset_fallback_report()
    assert _C.fallback_report() == []


def test_a_fallback_is_an_error_where_that_is_asked_for(site: Any) -> None:
    code = """
import torch
from npu_core import _C
try:
    _C.note_fallback("aten::a", "no kernel for it")
except NotImplementedError as error:
    out = [str(error), _C.fallback_report()]
"""
    message, report = site.json(code, NPU_FALLBACK="error")
    assert "aten::a" in message
    assert "no kernel for it" in message
    assert report == []
