"""Storage formats: every tensor is in its base format, whatever a program asks for, and says so."""

import warnings
from typing import Any

import pytest
import torch


def test_tensors_are_in_their_base_format(npu: Any) -> None:
    ask = torch.ops.npu.get_npu_format
    assert [ask(torch.ones([2] * n, device="npu")) for n in (1, 2, 3, 4, 5)] == [2, 2, 2, 0, 30]
    with pytest.raises(RuntimeError, match="takes tensors of npu"):
        ask(torch.ones(2))


def test_a_cast_keeps_shape_strides_values_and_gradients(npu: Any) -> None:
    x = torch.arange(12.0, device="npu").view(3, 4).t().requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = torch.ops.npu.npu_format_cast(x, 29)
    assert (y.shape, y.stride(), y.data_ptr()) == (x.shape, x.stride(), x.data_ptr())
    (y * 2).sum().backward()
    assert x.grad is not None
    assert x.grad.sum().item() == 24
    z = x.detach()
    assert torch.ops.npu.npu_format_cast_(z, 2) is z
    assert torch.ops.npu.npu_format_cast(z, z).tolist() == z.tolist()


def test_a_private_format_warns_and_nonsense_is_refused(site: Any) -> None:
    code = """
import torch
x = torch.ones(2, 2, device="npu")
torch.ops.npu.npu_format_cast(x, 2)
print("so far quiet", file=__import__("sys").stderr, flush=True)
torch.ops.npu.npu_format_cast(x, 29)
refused = (ValueError, {"acl_format": 1234}), (NotImplementedError, {"acl_format": 29, "input_dtype": 1})
for error, arguments in refused:
    try:
        torch.ops.npu.npu_format_cast(x, **arguments)
    except error as e:
        print(e)
"""
    done = site.python(code, NPU_RUNTIME="sim")
    assert done.returncode == 0, done.stderr
    before, after = done.stderr.split("so far quiet")
    assert "npu_format_cast" not in before
    assert "FRACTAL_NZ keeps the base format" in after
    assert "no storage format 1234" in done.stdout
    assert "leave them out" in done.stdout
