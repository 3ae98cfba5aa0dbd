"""What is refused, and how: named operators, shapes and remedies, at the call."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch


@pytest.mark.parametrize(
    "call",
    [
        lambda a, b: a + b,
        lambda a, b: a.mm(b),
        lambda a, b: torch.cat([a, b]),
        lambda a, b: torch.where(a > 0, a, b),
        lambda a, b: torch.nn.functional.mse_loss(a, b),
    ],
)
def test_operands_on_two_devices_are_refused(call) -> None:  # type: ignore[no-untyped-def]
    a = torch.ones(2, 2)
    with pytest.raises(RuntimeError, match=r"Expected all tensors.*(npu:0 and cpu|cpu and npu:0)"):
        call(a.npu(), a)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        call(a.to("npu:0"), a.to("npu:1"))


def test_the_operator_is_named() -> None:
    with pytest.raises(
        RuntimeError, match=r"operator mm: Float\[2, 2\] on npu:0, Float\[2, 2\] on cpu\).*to\('npu:0'\)"
    ):
        torch.ones(2, 2).npu().mm(torch.ones(2, 2))


def test_a_dtype_that_cann_and_the_cpu_lack_is_refused_in_torchs_words() -> None:
    for x in (torch.tensor([True]), torch.tensor([True]).npu()):
        with pytest.raises(NotImplementedError, match=r"^\"addcmul_cpu_out\" not implemented for 'Bool'$"):
            torch.addcmul(x, x, x)


def test_a_dtype_that_cann_lacks_of_an_operator_that_the_cpu_lacks_is_refused_at_the_call() -> None:
    x = torch.ones(2, 3, dtype=torch.float64, device="npu")
    with pytest.raises(NotImplementedError, match=r"not implemented for 'Double' on .*\[2, 3\].*Float.*to\(dtype\)"):
        torch.batch_norm_stats(x, 1e-5)


def test_shapes_that_do_not_fit_are_refused_at_the_call() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        torch.ones(2, 3).npu().mm(torch.ones(2, 3).npu())
    with pytest.raises(RuntimeError, match="must match the size"):
        torch.ones(2).npu() + torch.ones(3).npu()


@pytest.mark.parametrize(
    ("call", "operation"),
    [
        (lambda x: x + x[:, :1], r"aten::add\.Tensor\(Float\[2097152, 2097152\], Float\[2097152, 1\], 1\)"),
        (lambda x: torch.cat([x, x]), r"aten::cat\(\[Float\[2097152, 2097152\], Float\[2097152, 2097152\]\], 0\)"),
        (lambda x: torch.sub(x[:1], x), r"aten::sub\.Tensor\(Float\[1, 2097152\], "),
        (lambda x: torch.empty(x.shape, device="npu"), r"aten::empty\.memory_format\(\[2097152, 2097152\]"),
        (lambda x: torch.rand_like(x), r"aten::\w*\.?\w*\(.*2097152, 2097152\]"),
    ],
)
def test_out_of_memory_names_the_operator_and_its_shapes(call, operation: str) -> None:  # type: ignore[no-untyped-def]
    x = torch.ones((), device="npu").expand(1 << 21, 1 << 21)
    with pytest.raises(torch.OutOfMemoryError, match=rf"GiB[\s\S]*operation: {operation}") as info:
        call(x)
    assert str(info.value).count("operation:") == 1


def test_pinned_device_tensors_are_refused() -> None:
    with pytest.raises(RuntimeError, match="pinned"):
        torch.empty(2, device="npu", pin_memory=True)


def test_an_operator_without_a_kernel_says_so() -> None:
    with pytest.raises(NotImplementedError, match="aten::_foobar"):  # of PyTorch's own tests: nobody will add it
        torch.ops.aten._foobar(torch.ones(2, 2).npu())


def test_fallbacks_are_errors_on_request() -> None:
    code = """
import torch
for call in (lambda x: torch.igamma(x, x), lambda x: torch.relu(x.double())):
    try:
        call(torch.ones(3).npu())
    except NotImplementedError as error:
        print(error)
"""
    env = {**os.environ, "NPU_FALLBACK": "error"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    names = [line.split()[0] for line in run.stdout.splitlines()]
    assert names == ["aten::igamma", "aten::relu"]
    assert "CANN's operator does not take this dtype" in run.stdout


def test_a_dtype_that_the_soc_lacks_is_refused_with_its_name() -> None:
    code = "import torch; x = torch.ones(2, device='npu'); x.to(torch.bfloat16) + x.to(torch.bfloat16)"
    env = {**os.environ, "NPU_SIM_SOC": "Ascend910A", "NPU_SIM_HBM": "1073741824"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert run.returncode == 1
    assert "\"add\" not implemented for 'BFloat16' on Ascend910A" in run.stderr
    assert "BFloat16:" not in run.stderr  # is not offered as a remedy


def test_a_dtype_that_the_soc_lacks_is_held_and_converted_by_the_host() -> None:
    code = """
import torch
x = torch.tensor([[1.5, 2.0], [3.0, 4.0]]).npu()
y = x.bfloat16()
assert y.t().contiguous().float().tolist() == [[1.5, 3.0], [2.0, 4.0]], y
report = torch.npu.fallback_report()
assert {row.operator for row in report} == {"aten::copy_"}, report
try:
    y.mm(y)
except NotImplementedError as error:
    print(error)
"""
    env = {**os.environ, "NPU_SIM_SOC": "Ascend910A", "NPU_SIM_HBM": "1073741824"}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "not implemented for 'BFloat16' on Ascend910A" in run.stdout
